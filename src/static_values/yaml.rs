//! The static-secrets YAML file of the Python CLI, both ways.
//!
//! Source: Phalanx, `models/secrets.py` (`StaticSecrets`) and the page
//! "Update a secret stored in 1Password and Vault". Errors name the line and
//! never what stands there.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{OidcClient, RegistryCredentials, StaticValues};
use crate::layout::parse_strictly;
use crate::model::{ApplicationName, Environment, InvalidName, KeyName, Kind, SecretValue, Spec};

/// What the template says of the pull secret.
const PULL_SECRET_DESCRIPTION: &str = "Pull secrets for Docker registries. Each key under \
    registries is the name of a Docker registry that needs a pull secret. The value should have \
    two keys, username and password, that provide the HTTP Basic Auth credentials for that \
    registry.";
/// What the template says of values that 1Password cannot hold as they are.
const ENCODED_WARNING: &str =
    "If you store this secret in a 1Password item, encode it with base64 first.";

/// A static-secrets file that cannot be read or written.
#[derive(Debug, Error)]
pub enum YamlError {
    /// It is not of the documented form. What stands there is not repeated.
    #[error("line {line}: {what}")]
    Malformed {
        /// The line, from 1.
        line: u64,
        /// What is wrong there.
        what: String,
    },
    /// A name in it that cannot be one.
    #[error("a name in it cannot be used")]
    InvalidName(#[from] InvalidName),
    /// A value that YAML cannot hold.
    #[error("the value of {application}/{key} is not UTF-8 text, which YAML needs")]
    NotText {
        /// The secret's application.
        application: ApplicationName,
        /// Its key.
        key: KeyName,
    },
    /// A failure of the YAML library.
    #[error("the YAML could not be written")]
    Write(#[source] std::fmt::Error),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct File {
    applications: Option<IndexMap<String, Option<Secrets>>>,
    oidc_clients: Option<IndexMap<String, Client>>,
    pull_secret: Option<PullSecret>,
    vault_write_token: Option<Text>,
}

type Secrets = IndexMap<String, Option<Secret>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    #[serde(rename = "description")]
    _description: Option<IgnoredAny>,
    #[serde(rename = "warning")]
    _warning: Option<IgnoredAny>,
    value: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    id: Option<Text>,
    secret: Text,
    return_uri: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PullSecret {
    #[serde(rename = "description")]
    _description: Option<IgnoredAny>,
    registries: Option<IndexMap<String, Registry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registry {
    username: Text,
    password: Text,
}

/// Text that may be secret: the source text, whatever YAML would make of it.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text(Zeroizing<String>);

impl StaticValues {
    /// Reads a static-secrets file. Values that are null are not there.
    ///
    /// # Errors
    /// The line that is not of the documented form, or a name that cannot be
    /// one.
    pub fn from_yaml(text: &str) -> Result<Self, YamlError> {
        let file: Option<File> = parse_strictly(text).map_err(|problem| YamlError::Malformed {
            line: problem.line.unwrap_or(1),
            what: problem.without_content.unwrap_or_else(|| {
                "the YAML is malformed, or is not that of a static-secrets file".to_owned()
            }),
        })?;
        // Nothing at all is a file that was not written to its end.
        let file = file.ok_or_else(|| YamlError::Malformed {
            line: 1,
            what: "there is nothing in it (a file without any value is: {})".to_owned(),
        })?;
        let mut values = Self::default();
        for (application, secrets) in file.applications.unwrap_or_default() {
            let application = ApplicationName::try_from(application)?;
            for (key, secret) in secrets.unwrap_or_default() {
                let key = KeyName::try_from(key)?;
                if let Some(Secret { value: Some(value), .. }) = secret {
                    let values = values.applications.entry(application.clone()).or_default();
                    values.insert(key, value.0.as_str().into());
                }
            }
        }
        for (name, client) in file.oidc_clients.unwrap_or_default() {
            let id = client.id.map_or_else(|| Zeroizing::new(name.clone()), |id| id.0);
            let client =
                OidcClient { id, secret: client.secret.0, return_uri: client.return_uri.0 };
            values.oidc_clients.insert(name, client);
        }
        let registries = file.pull_secret.and_then(|pull_secret| pull_secret.registries);
        for (registry, credentials) in registries.unwrap_or_default() {
            let credentials = RegistryCredentials {
                username: credentials.username.0,
                password: credentials.password.0,
            };
            values.pull_secret.insert(registry, credentials);
        }
        values.vault_write_token = file.vault_write_token.map(|token| token.0.as_str().into());
        Ok(values)
    }
}

/// A static-secrets file to write: the template for an environment, filled
/// with the values that are at hand.
#[derive(Debug)]
pub struct Template<'a> {
    environment: &'a Environment,
    values: &'a StaticValues,
    all_values: bool,
    describes: bool,
}

impl<'a> Template<'a> {
    /// The template for an environment, with null for every static secret.
    #[must_use]
    pub fn empty(environment: &'a Environment, nothing: &'a StaticValues) -> Self {
        Self { environment, values: nothing, all_values: false, describes: true }
    }

    /// The template with values, those too that no spec asks for.
    #[must_use]
    pub fn filled(environment: &'a Environment, values: &'a StaticValues) -> Self {
        Self { environment, values, all_values: true, describes: true }
    }

    /// The values without what the specs say of them, as the Python CLI's
    /// `onepassword-secrets` prints them.
    #[must_use]
    pub fn of_values_alone(environment: &'a Environment, values: &'a StaticValues) -> Self {
        Self { environment, values, all_values: true, describes: false }
    }

    /// Writes it.
    ///
    /// # Errors
    /// A value that is not text.
    pub fn to_yaml(&self) -> Result<Zeroizing<String>, YamlError> {
        let mut applications: BTreeMap<&str, BTreeMap<&str, SecretEntry<'_>>> = BTreeMap::new();
        for (application, key, spec) in self.environment.secrets() {
            if spec.kind == Kind::Static {
                let entry = SecretEntry::new(
                    Some(spec).filter(|_| self.describes),
                    self.values.get(application, key),
                );
                applications.entry(application.as_str()).or_default().insert(key.as_str(), entry);
            }
        }
        let mut size = 0;
        for (application, values) in &self.values.applications {
            for (key, value) in values {
                let Some(text) = value.expose_str() else {
                    let (application, key) = (application.clone(), key.clone());
                    return Err(YamlError::NotText { application, key });
                };
                size += 2 * text.len();
                if self.all_values {
                    let entries = applications.entry(application.as_str()).or_default();
                    entries
                        .entry(key.as_str())
                        .or_insert_with(|| SecretEntry::new(None, Some(value)));
                }
            }
        }
        let clients = self.values.oidc_clients.iter();
        let registries = self.values.pull_secret.iter();
        let document = Document {
            applications,
            oidc_clients: clients.map(|(name, client)| (name.as_str(), client.into())).collect(),
            pull_secret: PullSecretEntry {
                description: PULL_SECRET_DESCRIPTION,
                registries: registries.map(|(name, it)| (name.as_str(), it.into())).collect(),
            },
            vault_write_token: self.values.vault_write_token.as_ref().map(Exposed),
        };

        let options = serde_saphyr::ser_options! {
            folded_wrap_chars: 70,
        };
        // Room for everything, so that the text is not moved as it grows.
        let mut yaml = Zeroizing::new(String::with_capacity((64 << 10) + 2 * size));
        serde_saphyr::to_fmt_writer_with_options(&mut *yaml, &document, options)
            .map_err(|_| YamlError::Write(std::fmt::Error))?;
        Ok(yaml)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    applications: BTreeMap<&'a str, BTreeMap<&'a str, SecretEntry<'a>>>,
    oidc_clients: BTreeMap<&'a str, ClientEntry<'a>>,
    pull_secret: PullSecretEntry<'a>,
    vault_write_token: Option<Exposed<'a>>,
}

#[derive(Serialize)]
struct SecretEntry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    value: Option<Exposed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'a str>,
}

impl<'a> SecretEntry<'a> {
    fn new(spec: Option<&'a Spec>, value: Option<&'a SecretValue>) -> Self {
        Self {
            description: spec.and_then(|spec| spec.description.as_deref()),
            value: value.map(Exposed),
            warning: spec.is_some_and(|spec| spec.onepassword_encoded).then_some(ENCODED_WARNING),
        }
    }
}

#[derive(Serialize)]
struct ClientEntry<'a> {
    id: &'a str,
    secret: &'a str,
    return_uri: &'a str,
}

impl<'a> From<&'a OidcClient> for ClientEntry<'a> {
    fn from(client: &'a OidcClient) -> Self {
        Self { id: &client.id, secret: &client.secret, return_uri: &client.return_uri }
    }
}

#[derive(Serialize)]
struct PullSecretEntry<'a> {
    description: &'a str,
    registries: IndexMap<&'a str, RegistryEntry<'a>>,
}

#[derive(Serialize)]
struct RegistryEntry<'a> {
    username: &'a str,
    password: &'a str,
}

impl<'a> From<&'a RegistryCredentials> for RegistryEntry<'a> {
    fn from(credentials: &'a RegistryCredentials) -> Self {
        Self { username: &credentials.username, password: &credentials.password }
    }
}

/// A value on its way out, the one place where one is serialized.
struct Exposed<'a>(&'a SecretValue);

impl Serialize for Exposed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.expose_str() {
            Some(text) => serializer.serialize_str(text),
            None => Err(serde::ser::Error::custom("a value is not UTF-8 text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::VaultLocation;

    fn environment() -> Environment {
        Environment {
            name: "env".parse().unwrap(),
            vault: VaultLocation::new("http://localhost/", "secret/env").unwrap(),
            onepassword: None,
            fqdn: None,
            applications: BTreeMap::new(),
            not_enabled: std::collections::BTreeSet::new(),
        }
    }

    fn round_trip(values: &StaticValues) -> StaticValues {
        let environment = environment();
        let yaml = Template::filled(&environment, values).to_yaml().unwrap();
        StaticValues::from_yaml(&yaml).unwrap()
    }

    fn with_value(value: &str) -> StaticValues {
        let mut values = StaticValues::default();
        let application = values.applications.entry("app".parse().unwrap()).or_default();
        application.insert("key".parse().unwrap(), value.into());
        values
    }

    #[test]
    fn hostile_values_come_back_as_they_were() {
        let large = "x".repeat(1 << 20);
        for value in [
            "",
            " ",
            "null",
            "~",
            "true",
            "yes",
            "y",
            "017",
            "1e3",
            "1_000",
            "12:30",
            "2020-01-01",
            "0x1f",
            ".inf",
            "<<",
            "-",
            "- a",
            "a: b",
            "# c",
            "!t",
            "&a",
            "*a",
            "'",
            "\"",
            "\\n",
            "a\nb",
            "a\n",
            "\n",
            "\n\n a \n",
            "\ta",
            "a\r\nb",
            "\u{85}\u{2028}\u{feff}",
            "é€😀",
            "\u{7f}\u{1}",
            "-----BEGIN X-----\nabc\n-----END X-----\n",
            "trailing ",
            "%",
            "@",
            "`",
            "{",
            "[",
            ",",
            "?",
            "|",
            ">",
            "---",
            "...",
            &large,
        ] {
            let values = with_value(value);
            assert_eq!(round_trip(&values), values, "{value:?}");
        }
    }

    #[test]
    fn all_sections_come_back() {
        let yaml = "applications: {}\n\
            oidc-clients:\n  chronograf: {secret: s, return_uri: https://x/}\n  \
            other: {id: an-id, secret: '1', return_uri: u}\n\
            pull-secret: {registries: {ghcr.io: {username: u, password: '007'}}}\n\
            vault-write-token: hvs.x\n";
        let values = StaticValues::from_yaml(yaml).unwrap();
        assert_eq!(values.oidc_clients["chronograf"].id.as_str(), "chronograf");
        assert_eq!(values.oidc_clients["other"].id.as_str(), "an-id");
        assert_eq!(values.pull_secret["ghcr.io"].password.as_str(), "007");
        assert_eq!(values.vault_write_token, Some("hvs.x".into()));
        assert_eq!(round_trip(&values), values);
    }

    #[test]
    fn plain_scalars_keep_their_text_and_null_is_nothing() {
        let yaml = "applications:\n  a:\n    n1: {value: null}\n    n2: {value: ~}\n    \
            n3: {value: }\n    n4:\n    octal: {value: 017}\n    bool: {value: yes}\n    \
            text: {value: 'null'}\n    empty: {value: ''}\n";
        let values = StaticValues::from_yaml(yaml).unwrap();
        let application = &values.applications["a"];
        let texts: Vec<_> =
            application.iter().map(|(k, v)| (k.as_str(), v.expose_str().unwrap())).collect();
        assert_eq!(texts, [("bool", "yes"), ("empty", ""), ("octal", "017"), ("text", "null")]);
    }

    #[test]
    fn nothing_at_all_is_no_file_of_values() {
        for text in ["", "\n", "# nothing\n", "---\n", "~\n"] {
            let error = StaticValues::from_yaml(text).unwrap_err();
            assert!(error.to_string().starts_with("line 1: there is nothing in it"), "{text:?}");
        }
        assert_eq!(StaticValues::from_yaml("{}").unwrap(), StaticValues::default());
        assert_eq!(StaticValues::from_yaml("applications:\n").unwrap(), StaticValues::default());
    }

    #[test]
    fn errors_name_the_line_and_not_what_stands_there() {
        for (yaml, line, what) in [
            ("applications:\n  a:\n    k: hunter2\n", 3, "expected a mapping"),
            ("applications:\n  a:\n    k: {value: [hunter2]}\n", 3, "expected text"),
            ("hunter2: x\n", 1, "a field is none of: applications, "),
            ("applications: {a: {k: {hunter2: x}}}\n", 1, "a field is none of: "),
            ("applications: {a: {}, a: {k: {value: hunter2}}}\n", 1, "for the second time"),
            ("pull-secret: {registries: {r: {username: u}}}\n", 1, "password is missing"),
            ("applications:\n  a: 'hunter2\n", 2, "the YAML is malformed"),
        ] {
            let error = StaticValues::from_yaml(yaml).unwrap_err();
            let YamlError::Malformed { line: found, .. } = &error else { panic!("{error:?}") };
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{yaml}");
            assert!((line..=line + 1).contains(found), "{yaml}: {found}");
            assert!(error.to_string().contains(what), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(value in any::<String>()) {
            let values = with_value(&value);
            prop_assert_eq!(round_trip(&values), values);
        }
    }
}
