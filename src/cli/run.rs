//! `run`: give a process one application's secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::Command;

use super::completion::{applications, environments};
use super::connection::{Credentials, ServerArgs};
use super::private_folder::PrivateFolder;
use super::settings::KEYS_TO_MORE;
use super::signals::{Signals, end_like_child, run_child};
use super::{CliError, Context, Exit, RevisionArgs, checkout, terminal};
use crate::model::{
    ApplicationName, Environment, EnvironmentName, KeyName, Kind, SecretId, SecretValue,
};
use crate::store::file_stem;
use crate::vault::VaultClient;

/// The variable that names the folder with the files.
const FOLDER: &str = "PHALANX_SECRETS_FOLDER";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The process gets each secret as an environment variable of its key, in capitals \
    and with _ for whatever else is in it; or, with --files, as a file of its key in a folder in \
    memory that goes with the process and that $PHALANX_SECRETS_FOLDER names. What sync generates \
    is in Vault alone, so only --from-vault gives it. Variables with an identity are not passed \
    on."
)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,
    /// Application
    #[arg(add = applications())]
    application: ApplicationName,

    /// Give files rather than environment variables
    #[arg(long)]
    files: bool,

    /// What the names of environment variables begin with
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        conflicts_with = "files",
        value_parser = parse_prefix
    )]
    prefix: String,

    /// Take everything from Vault, generated secrets too
    #[arg(long)]
    from_vault: bool,

    /// Put files on a disk where no memory can be had
    #[arg(long, requires = "files")]
    allow_disk: bool,

    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    pub(super) at: RevisionArgs,

    /// The command, after "--"
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

type Secrets = BTreeMap<KeyName, SecretValue>;

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = context.checkout.environment(&args.environment)?;
    if !environment.applications.contains_key(&args.application) {
        return Err(checkout::unknown_application(&environment, &args.application));
    }
    let secrets = match args.from_vault {
        true => from_vault(args, &environment, context)?,
        false => from_store(args, &environment, context)?,
    };
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(CliError::usage("there is no command to run").hint("put it after \"--\""));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    // They open the rest of the store or of Vault, which this is not for.
    for name in KEYS_TO_MORE {
        command.env_remove(name);
    }
    if args.files {
        return with_files(command, &secrets, args, context);
    }
    for (name, key) in names(&args.prefix, &secrets)? {
        let Some(value) = secrets.get(key) else { continue };
        let text = value.expose_str().filter(|text| !text.contains('\0'));
        let text = text.ok_or_else(|| {
            CliError::usage(format!("{key} is no text that an environment variable can hold"))
                .hint("give files instead: --files")
        })?;
        command.env(name, text);
    }
    // This process becomes that one, with its signals and its exit code.
    Err(not_started(program, &command.exec()))
}

/// A program that cannot be started, with the exit code that shells give then.
fn not_started(program: &std::ffi::OsStr, error: &std::io::Error) -> CliError {
    let mut failed = CliError::usage(format!("{} cannot be started", program.display()));
    failed.causes.push(error.to_string());
    failed.exit = Exit::OfProcess(if error.kind() == ErrorKind::NotFound { 127 } else { 126 });
    failed.hint(match error.kind() {
        ErrorKind::ArgumentListTooLong => {
            "environment variables hold no such large values: --files"
        }
        _ => "name a program, and its arguments after it; for a shell: -- sh -c '…'",
    })
}

fn with_files(
    mut command: Command,
    secrets: &Secrets,
    args: &Args,
    context: &Context<'_>,
) -> Result<Exit, CliError> {
    let folder = PrivateFolder::create(context.settings, args.allow_disk)?;
    for (key, value) in secrets {
        folder.write(&file_stem(key), value)?;
    }
    command.env(FOLDER, folder.path());
    let modes = context.ui.stdout_is_terminal.then(terminal::keep_modes).flatten();
    let status = run_child(&mut command, Signals::PassedOn)
        .map_err(|error| not_started(command.get_program(), &error))?;
    if let Some(signal) = status.signal() {
        drop(folder);
        drop(modes);
        // So that whoever started this one sees what ended that one.
        end_like_child(signal);
    }
    let signal = || status.signal().map(|signal| 128 + signal);
    let code = status.code().or_else(signal).and_then(|code| u8::try_from(code).ok());
    Ok(Exit::OfProcess(code.unwrap_or(u8::MAX)))
}

/// What a variable may begin with.
fn parse_prefix(prefix: &str) -> Result<String, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match prefix.chars().all(is_name) && !prefix.starts_with(|c: char| c.is_ascii_digit()) {
        true => Ok(prefix.to_owned()),
        false => Err("letters, digits and _ alone, with no digit first".to_owned()),
    }
}

/// Whether a variable decides which programs and libraries are run, so that
/// whoever writes a spec could have others run theirs.
fn steers_programs(name: &str) -> bool {
    matches!(name, "PATH" | "HOME" | "SHELL" | "IFS" | "ENV" | "BASH_ENV" | "PYTHONPATH")
        || name.starts_with("LD_")
        || name.starts_with("DYLD_")
}

/// The names of the variables.
fn names<'a>(
    prefix: &str,
    secrets: &'a Secrets,
) -> Result<BTreeMap<String, &'a KeyName>, CliError> {
    let mut names: BTreeMap<String, &KeyName> = BTreeMap::new();
    for key in secrets.keys() {
        let name = variable_name(prefix, key);
        if steers_programs(&name) {
            return Err(CliError::usage(format!("{key} would be {name}, which steers programs"))
                .hint("have the names begin with something: --prefix APP_")
                .hint("or give files instead: --files"));
        }
        if let Some(other) = names.insert(name.clone(), key) {
            return Err(CliError::usage(format!("{other} and {key} would both be {name}"))
                .hint("give files instead, whose names differ: --files"));
        }
    }
    Ok(names)
}

fn variable_name(prefix: &str, key: &KeyName) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = prefix.chars().chain(key.as_str().chars().map(letter)).collect();
    match name.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{name}"),
        false => name,
    }
}

/// The values that the store and the specs have, as far as they have them.
fn from_store(
    args: &Args,
    environment: &Environment,
    context: &Context<'_>,
) -> Result<Secrets, CliError> {
    let store = context.checkout.store()?;
    let contents = store.contents(&environment.name)?;
    let declared = environment.applications.get(&args.application);
    let mut secrets = Secrets::new();
    let mut wanted: BTreeMap<SecretId, Vec<KeyName>> = BTreeMap::new();
    let (mut without_value, mut generated) = (Vec::new(), Vec::new());
    for (key, spec) in declared.into_iter().flat_map(|declared| &declared.secrets) {
        let mut place = (&args.application, key, &spec.kind);
        let mut seen = BTreeSet::new();
        // A copy of a copy, however long that goes on.
        while let Kind::Copy(source) = place.2
            && seen.insert(source)
            && let Some(spec) = environment.spec(&source.application, &source.key)
        {
            place = (&source.application, &source.key, &spec.kind);
        }
        match place {
            (_, _, Kind::Value(value)) => {
                secrets.insert(key.clone(), value.clone());
            }
            (application, source, Kind::Static) if contents.has(application, source) => {
                let id =
                    SecretId::new(environment.name.clone(), application.clone(), source.clone());
                wanted.entry(id).or_default().push(key.clone());
            }
            (_, _, Kind::Static) => without_value.push(key.to_string()),
            _ => generated.push(key.to_string()),
        }
    }
    if !wanted.is_empty() {
        for stored in context.open(&contents, |id| wanted.contains_key(id))? {
            for key in wanted.remove(&stored.id).into_iter().flatten() {
                secrets.insert(key, stored.opened.value.clone());
            }
        }
    }
    if !without_value.is_empty() {
        let without_value = without_value.join(", ");
        context.ui.warn(&format!("left out, since no value is stored: {without_value}"));
    }
    if !generated.is_empty() {
        let generated = generated.join(", ");
        context.ui.detail(&format!("In Vault alone (--from-vault): {generated}"));
    }
    Ok(secrets)
}

fn from_vault(
    args: &Args,
    environment: &Environment,
    context: &Context<'_>,
) -> Result<Secrets, CliError> {
    let read = async |vault: &VaultClient| {
        Ok(vault.read_environment([&args.application], &BTreeSet::new()).await?)
    };
    let current = args.server.with_vault(Credentials::Entries, environment, context, read)?;
    let entry = current.entries.get(&args.application).and_then(|entry| entry.data.as_ref());
    let Some(data) = entry else {
        return Err(CliError::store(format!("Vault holds nothing for {}", args.application))
            .hint(format!("fill it with: phalanx-secrets sync {}", environment.name)));
    };
    let mut secrets = Secrets::new();
    for (key, value) in data {
        match (key.parse::<KeyName>(), value.text()) {
            (Ok(key), Some(value)) => {
                secrets.insert(key, value.clone());
            }
            _ => context.ui.warn(&format!("{key:?} is left out: it is no text in Vault")),
        }
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_shells_take() {
        for (key, name) in [
            ("client-secret", "CLIENT_SECRET"),
            (".dockerconfigjson", "_DOCKERCONFIGJSON"),
            ("with space", "WITH_SPACE"),
            ("1st", "_1ST"),
            ("ключ", "____"),
        ] {
            assert_eq!(variable_name("", &key.parse().unwrap()), name);
        }
        assert_eq!(variable_name("App_", &"a.b".parse().unwrap()), "App_A_B");
    }
}
