//! The variables of a process that `run` starts: what it inherits, and what its
//! secrets are called.
//!
//! A list of names that steer programs is never whole, so no key becomes a
//! variable of its own name: each begins with the name of the application, or
//! with what the caller says, unless the caller names it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::str::FromStr;

use super::CliError;
use crate::model::{ApplicationName, KeyName, SecretValue};
use crate::suggest::nearest;

/// What the names of variables begin with that open more than one application:
/// identities, and what reaches Vault, 1Password and sops.
const MORE: [&str; 6] = ["PHALANX_SECRETS_", "VAULT_", "BAO_", "SOPS_", "OP_", "ACTIONS_"];

/// Other variables that do.
const ALSO_MORE: [&str; 6] = [
    // Whoever has the agent can push to the repository.
    "SSH_AUTH_SOCK",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "CI_JOB_TOKEN",
    "CI_JOB_JWT",
    "CI_JOB_JWT_V2",
];

/// What the names of variables begin with that decide which programs and
/// libraries are run.
const STEERING: [&str; 12] = [
    "LD_", "DYLD_", "GIT_", "PYTHON", "PERL", "RUBY", "NODE_", "BASH_", "JAVA_", "RUST", "GCONV_",
    "OPENSSL_",
];

/// Other variables that do.
const ALSO_STEERING: [&str; 6] = ["PATH", "HOME", "SHELL", "IFS", "ENV", "PROMPT_COMMAND"];

/// Whether a variable opens more than the application.
pub(super) fn opens_more(name: &str) -> bool {
    ALSO_MORE.contains(&name) || MORE.iter().any(|start| name.starts_with(start))
}

/// Whether a variable decides which programs and libraries are run.
fn steers_programs(name: &str) -> bool {
    ALSO_STEERING.contains(&name) || STEERING.iter().any(|start| name.starts_with(start))
}

/// A variable that the caller names: NAME=KEY.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    name: String,
    key: String,
}

impl FromStr for Variable {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, key) = text.split_once('=').ok_or("it is not of the form NAME=KEY")?;
        match is_name(name) && !name.is_empty() {
            true => Ok(Self { name: name.to_owned(), key: key.to_owned() }),
            false => Err("a name has letters, digits and _ alone, and no digit first"),
        }
    }
}

/// What the caller has the names begin with.
#[derive(Debug, Clone)]
pub(super) struct Prefix(String);

impl FromStr for Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text.is_empty(), is_name(text)) {
            (true, _) => Err("without a prefix, a key could steer programs: --variable NAME=KEY"),
            (_, false) => Err("letters, digits and _ alone, with no digit first"),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// A variable that is passed on all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passed(pub(super) String);

impl FromStr for Passed {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

fn is_name(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(is_letter) && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// The secrets of an application.
pub(super) type Secrets = BTreeMap<KeyName, SecretValue>;

/// The names of the variables for all secrets.
///
/// # Errors
/// Two keys of one name, or a name that steers programs.
pub(super) fn names<'a>(
    application: &ApplicationName,
    prefix: Option<&Prefix>,
    secrets: &'a Secrets,
) -> Result<BTreeMap<String, &'a KeyName>, CliError> {
    let own = format!("{application}_");
    let prefix = match prefix {
        Some(Prefix(prefix)) => prefix.clone(),
        None => own.chars().map(letter).collect(),
    };
    let mut names: BTreeMap<String, &KeyName> = BTreeMap::new();
    for key in secrets.keys() {
        let name = variable_name(&prefix, key);
        if steers_programs(&name) {
            return Err(CliError::usage(format!("{key} would be {name}, which steers programs"))
                .hint("have the names begin with something else: --prefix APP_")
                .hint("or give files instead: --files"));
        }
        if let Some(other) = names.insert(name.clone(), key) {
            return Err(CliError::usage(format!("{other} and {key} would both be {name}"))
                .hint("name each yourself: --variable NAME=KEY")
                .hint("or give files instead, whose names differ: --files"));
        }
    }
    Ok(names)
}

/// The names of the variables that the caller named, and no others.
///
/// # Errors
/// A key that is not there, or a name that is given twice.
pub(super) fn named<'a>(
    variables: &[Variable],
    secrets: &'a Secrets,
) -> Result<BTreeMap<String, &'a KeyName>, CliError> {
    let mut names = BTreeMap::new();
    for Variable { name, key } in variables {
        let Some((found, _)) = secrets.iter().find(|(found, _)| found.as_str() == key) else {
            let near = nearest(key, secrets.keys().map(KeyName::as_str));
            return Err(CliError::usage(format!(
                "--variable {name}={key}: {key} has no value here"
            ))
            .hint(near.map(|near| format!("did you mean {near}?")))
            .hint("what is generated is in Vault alone: --from-vault"));
        };
        if names.insert(name.clone(), found).is_some() {
            return Err(CliError::usage(format!("--variable {name} is given twice"))
                .hint("give each variable one key"));
        }
    }
    Ok(names)
}

fn letter(c: char) -> char {
    if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }
}

fn variable_name(prefix: &str, key: &KeyName) -> String {
    let name: String = prefix.chars().chain(key.as_str().chars().map(letter)).collect();
    match name.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{name}"),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(application: &str, key: &str) -> String {
        let secrets = Secrets::from([(key.parse().unwrap(), "x".into())]);
        let names = names(&application.parse().unwrap(), None, &secrets);
        names.map_or_else(|error| error.message, |names| names.into_keys().collect())
    }

    #[test]
    fn names_are_those_that_shells_take() {
        for (application, key, name) in [
            ("app", "client-secret", "APP_CLIENT_SECRET"),
            ("app", ".dockerconfigjson", "APP__DOCKERCONFIGJSON"),
            ("vo-cutouts", "with space", "VO_CUTOUTS_WITH_SPACE"),
            ("1st", "key", "_1ST_KEY"),
            ("app", "ключ", "APP_____"),
        ] {
            assert_eq!(name_of(application, key), name);
        }
        assert_eq!(variable_name("App_", &"a.b".parse().unwrap()), "App_A_B");
    }

    #[test]
    fn no_key_and_no_application_steers_programs() {
        for key in ["path", "perl5opt", "git-ssh-command", "ld-preload", "lessopen", "makeflags"] {
            assert!(name_of("app", key).starts_with("APP_"), "{key}");
        }
        for (application, key) in [("git", "ssh-command"), ("ld", "preload"), ("node", "options")] {
            assert!(name_of(application, key).contains("steers programs"), "{application} {key}");
        }
        for text in ["", "1A_", "A-"] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
            assert!(format!("{text}=key").parse::<Variable>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_opens_more_is_known_by_how_it_begins() {
        for name in [
            "VAULT_CLIENT_KEY",
            "BAO_AUTH_JWT_FILE",
            "SOPS_AGE_KEY_CMD",
            "OP_SERVICE_ACCOUNT_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "PHALANX_SECRETS_IDENTITY",
            "SSH_AUTH_SOCK",
        ] {
            assert!(opens_more(name), "{name}");
        }
        for name in ["PATH", "HTTPS_PROXY", "OPTIONS", "VAULTED", "GITHUB_REPOSITORY"] {
            assert!(!opens_more(name), "{name}");
        }
    }
}
