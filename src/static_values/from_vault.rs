//! Static values as Vault's entries have them, where somebody keeps them there
//! by hand.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use thiserror::Error;
use zeroize::Zeroizing;

use super::documents::clients_of_json;
use super::{RegistryCredentials, StaticValues};
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
    /// What is there and is empty, as `APPLICATION KEY`: it counts as no value.
    pub empty: Vec<String>,
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
            // An empty one counts as none.
            let is_value = |value: &CurrentValue| !value.text().is_some_and(SecretValue::is_empty);
            let empty = data.iter().filter(|(_, value)| !is_value(value));
            picked.empty.extend(empty.map(|(key, _)| format!("{name} {}", printable(key))));
            for (key, value) in data.iter().filter(|(_, value)| is_value(value)) {
                let invalid =
                    |what| InvalidEntry { entry: name.to_string(), key: key.clone(), what };
                let text = || value.text().ok_or_else(|| invalid("is no text"));
                if name.as_str() == PULL_SECRET && key == DOCKERCONFIGJSON {
                    let (registries, rest) = registries(text()?)
                        .ok_or_else(|| invalid("is not the document of a pull secret"))?;
                    picked.values.pull_secret = registries;
                    picked.unknown.extend(rest.iter().map(|rest| format!("{name} {rest}")));
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
                        let clients = clients_of_json(text()?)
                            .ok_or_else(|| invalid("is no list of OpenID Connect clients"))?;
                        for client in clients {
                            let id = client.id.to_string();
                            if picked.values.oidc_clients.insert(id, client).is_some() {
                                return Err(invalid("has two clients of the same id"));
                            }
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

/// The registries of a `.dockerconfigjson`, and the names of what else it has.
fn registries(document: &SecretValue) -> Option<(Registries, Vec<String>)> {
    type Object<'a> = BTreeMap<String, &'a RawValue>;
    let mut document: Object<'_> = serde_json::from_slice(document.expose()).ok()?;
    let auths: indexmap::IndexMap<String, Object<'_>> =
        serde_json::from_str(document.remove("auths")?.get()).ok()?;
    let mut rest: Vec<String> = document.keys().map(|name| printable(name)).collect();
    let mut registries = Registries::new();
    for (name, mut registry) in auths {
        let mut take = |field| registry.remove(field).map(text);
        let joined = match take("auth") {
            None => None,
            Some(auth) => {
                Some(RegistryCredentials::from_plaintext(&SecretValue::from_base64(&auth?)?).ok()?)
            }
        };
        let credentials = match (take("username"), take("password"), joined) {
            (Some(username), Some(password), _) => {
                RegistryCredentials { username: username?, password: password? }
            }
            (_, _, Some(joined)) => joined,
            _ => return None,
        };
        rest.extend(registry.keys().map(|field| printable(&format!("{name} {field}"))));
        registries.insert(name, credentials);
    }
    Some((registries, rest))
}

type Registries = indexmap::IndexMap<String, RegistryCredentials>;

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
            (r#"{"auths": {"r": {"auth": "dTpw", "username": "u", "password": "p\n"}}}"#, "p\n"),
            (r#"{"auths": {"r": {"auth": "dTpwOmE="}}}"#, "p:a"),
        ] {
            let (registries, rest) = registries(&document.into()).unwrap();
            assert!(rest.is_empty(), "{rest:?}");
            assert_eq!(registries["r"].username.as_str(), "u");
            assert_eq!(registries["r"].password.as_str(), expected);
        }
        let document = r#"{"auths": {"r": {"auth": "dTpwOmE=", "email": "e"}}, "credHelpers": {}}"#;
        assert_eq!(registries(&document.into()).unwrap().1, ["credHelpers", "r email"]);
        for document in ["", "{}", r#"{"auths": {"r": {}}}"#, r#"{"auths": {"r": {"auth": "?"}}}"#]
        {
            assert!(registries(&document.into()).is_none(), "{document}");
        }
    }
}
