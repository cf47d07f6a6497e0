//! Static values as Vault's entries have them, where somebody keeps them there
//! by hand.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{OidcClient, RegistryCredentials, StaticValues};
use crate::layout::PULL_SECRET;
use crate::model::{ApplicationName, Environment, Generator, KeyName, Kind, SecretValue};
use crate::plan::DOCKERCONFIGJSON;
use crate::printable::printable;
use crate::vault::{CurrentValue, json_text};

/// A value of an entry that is not what it should be.
#[derive(Debug, Error)]
#[error("{entry} {key} {what}")]
pub struct InvalidEntry {
    entry: String,
    key: String,
    what: &'static str,
}

/// What Vault's entries have for an environment.
#[derive(Debug, Default)]
pub struct EntryValues {
    /// The static values.
    pub values: StaticValues,
    /// What no spec of the environment names, as `APPLICATION KEY`.
    pub unknown: Vec<String>,
    /// What is there of secrets that are generated, as `APPLICATION KEY`.
    pub generated: Vec<String>,
}

impl EntryValues {
    /// Picks the static values out of an environment's entries: what the specs
    /// call static, the registries of the pull secret, and the clients in a
    /// secret that is made of them, which are named by their ids.
    ///
    /// # Errors
    /// A value that is not the text or document it should be.
    pub fn pick<'a>(
        environment: &Environment,
        entries: impl IntoIterator<Item = (&'a ApplicationName, &'a BTreeMap<String, CurrentValue>)>,
    ) -> Result<Self, InvalidEntry> {
        let mut picked = Self::default();
        for (name, data) in entries {
            for (key, value) in data {
                let invalid =
                    |what| InvalidEntry { entry: name.to_string(), key: key.clone(), what };
                let text = || value.text().ok_or_else(|| invalid("is no text"));
                if name.as_str() == PULL_SECRET && key == DOCKERCONFIGJSON {
                    picked.values.pull_secret = registries(text()?)
                        .ok_or_else(|| invalid("is not the document of a pull secret"))?;
                    continue;
                }
                let parsed = key.parse::<KeyName>().ok();
                let spec = parsed.as_ref().and_then(|key| environment.spec(name, key));
                match (parsed.as_ref(), spec.map(|spec| &spec.kind)) {
                    (Some(key), Some(Kind::Static)) => {
                        let values = picked.values.applications.entry(name.clone()).or_default();
                        values.insert(key.clone(), text()?.clone());
                    }
                    (_, Some(Kind::Generate(Generator::OidcClients))) => {
                        let clients = clients(text()?)
                            .ok_or_else(|| invalid("is no list of OpenID Connect clients"))?;
                        for client in clients {
                            picked.values.oidc_clients.insert(client.id.to_string(), client);
                        }
                    }
                    (_, Some(Kind::Generate(_))) => {
                        picked.generated.push(format!("{name} {}", printable(key)));
                    }
                    (_, Some(_)) => {}
                    (_, None) => {
                        picked.unknown.push(format!("{name} {}", printable(key)));
                    }
                }
            }
        }
        Ok(picked)
    }
}

/// The registries of a `.dockerconfigjson`.
fn registries(document: &SecretValue) -> Option<indexmap::IndexMap<String, RegistryCredentials>> {
    #[derive(Deserialize)]
    struct Document<'a> {
        #[serde(borrow)]
        auths: indexmap::IndexMap<String, Registry<'a>>,
    }
    #[derive(Deserialize)]
    struct Registry<'a> {
        #[serde(borrow)]
        username: Option<&'a RawValue>,
        #[serde(borrow)]
        password: Option<&'a RawValue>,
        #[serde(borrow)]
        auth: Option<&'a RawValue>,
    }
    let document: Document<'_> = serde_json::from_slice(document.expose()).ok()?;
    let mut registries = indexmap::IndexMap::new();
    for (name, registry) in document.auths {
        let credentials = match (registry.username, registry.password, registry.auth) {
            (Some(username), Some(password), _) => {
                RegistryCredentials { username: text(username)?, password: text(password)? }
            }
            (_, _, Some(auth)) => {
                let joined = SecretValue::from_base64(&text(auth)?)?;
                RegistryCredentials::from_plaintext(&joined).ok()?
            }
            _ => return None,
        };
        registries.insert(name, credentials);
    }
    Some(registries)
}

fn clients(list: &SecretValue) -> Option<Vec<OidcClient>> {
    let clients: Vec<&RawValue> = serde_json::from_slice(list.expose()).ok()?;
    clients
        .into_iter()
        .map(|client| OidcClient::from_plaintext(&client.get().into()).ok())
        .collect()
}

fn text(raw: &RawValue) -> Option<Zeroizing<String>> {
    let bytes = json_text::unescape(raw.get())?;
    Some(Zeroizing::new(str::from_utf8(&bytes).ok()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_secret_is_read_as_it_is_written_and_as_docker_writes_it() {
        for (document, expected) in [
            (r#"{"auths": {"r": {"auth": "eA==", "username": "u", "password": "p\n"}}}"#, "p\n"),
            (r#"{"auths": {"r": {"auth": "dTpwOmE="}}}"#, "p:a"),
        ] {
            let registries = registries(&document.into()).unwrap();
            assert_eq!(registries["r"].username.as_str(), "u");
            assert_eq!(registries["r"].password.as_str(), expected);
        }
        for document in ["", "{}", r#"{"auths": {"r": {}}}"#, r#"{"auths": {"r": {"auth": "?"}}}"#]
        {
            assert!(registries(&document.into()).is_none(), "{document}");
        }
    }
}
