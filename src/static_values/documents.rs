//! Registry credentials and OpenID Connect clients: as the store keeps them,
//! and as the JSON documents that go to Vault.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::model::SecretValue;
use crate::python_json::{Writer, string_capacity};

/// Credentials for one container registry.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryCredentials {
    /// The user's name.
    pub username: Zeroizing<String>,
    /// The password.
    pub password: Zeroizing<String>,
}

/// One OpenID Connect client of the environment.
#[derive(Clone, PartialEq, Eq)]
pub struct OidcClient {
    /// The client's id.
    pub id: Zeroizing<String>,
    /// The client's secret.
    pub secret: Zeroizing<String>,
    /// Where it is sent back to after a login.
    pub return_uri: Zeroizing<String>,
}

/// A stored value that is not the document it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidDocument {
    /// A registry's credentials.
    #[error("it is not of the form \"username:password\"")]
    RegistryCredentials,
    /// An OpenID Connect client.
    #[error("it is not a JSON object with the strings \"id\", \"secret\" and \"return_uri\"")]
    OidcClient,
    /// Anything that must be text.
    #[error("it is not UTF-8 text")]
    NotText,
}

/// Whether two pull secrets say the same: the order of the registries is of no
/// account, and differs from one writer to another.
#[must_use]
pub fn is_same_pull_secret(one: &SecretValue, other: &SecretValue) -> bool {
    match (registry_texts(one), registry_texts(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// What a pull secret has, to the letter, by registry and field; `None` where
/// it has anything else.
fn registry_texts(value: &SecretValue) -> Option<BTreeMap<(&str, &str), &str>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Document<'a> {
        #[serde(borrow)]
        auths: BTreeMap<&'a str, BTreeMap<&'a str, &'a RawValue>>,
    }
    let document: Document<'_> = serde_json::from_slice(value.expose()).ok()?;
    let mut texts = BTreeMap::new();
    for (registry, fields) in document.auths {
        texts.extend(fields.into_iter().map(|(field, raw)| ((registry, field), raw.get())));
    }
    Some(texts)
}

impl std::fmt::Debug for RegistryCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RegistryCredentials(redacted)")
    }
}

impl std::fmt::Debug for OidcClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OidcClient(redacted)")
    }
}

impl RegistryCredentials {
    /// Reads the form in which the store keeps them, `username:password`. The
    /// password may hold further colons.
    ///
    /// # Errors
    /// A value of another form.
    pub fn from_plaintext(value: &SecretValue) -> Result<Self, InvalidDocument> {
        let text = value.expose_str().ok_or(InvalidDocument::NotText)?;
        match text.split_once(':') {
            Some((username, password)) if !username.is_empty() && !password.is_empty() => {
                Ok(Self { username: secret(username), password: secret(password) })
            }
            _ => Err(InvalidDocument::RegistryCredentials),
        }
    }

    /// The form in which the store keeps them.
    #[must_use]
    pub fn to_plaintext(&self) -> SecretValue {
        self.joined().as_str().into()
    }

    fn joined(&self) -> Zeroizing<String> {
        let mut text =
            Zeroizing::new(String::with_capacity(self.username.len() + self.password.len() + 1));
        text.push_str(&self.username);
        text.push(':');
        text.push_str(&self.password);
        text
    }
}

impl OidcClient {
    /// Reads the form in which the store keeps it, a JSON object.
    ///
    /// # Errors
    /// A value of another form.
    pub fn from_plaintext(value: &SecretValue) -> Result<Self, InvalidDocument> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Client {
            id: Zeroizing<String>,
            secret: Zeroizing<String>,
            return_uri: Zeroizing<String>,
        }
        let client: Client =
            serde_json::from_slice(value.expose()).map_err(|_| InvalidDocument::OidcClient)?;
        Ok(Self { id: client.id, secret: client.secret, return_uri: client.return_uri })
    }

    /// The form in which the store keeps it.
    #[must_use]
    pub fn to_plaintext(&self) -> SecretValue {
        let mut writer = Writer::with_capacity(self.capacity());
        self.write(&mut writer);
        writer.finish().into()
    }

    fn write(&self, writer: &mut Writer) {
        writer.object(&[
            ("id", self.id.as_str()),
            ("secret", self.secret.as_str()),
            ("return_uri", self.return_uri.as_str()),
        ]);
    }

    fn capacity(&self) -> usize {
        let strings = [&self.id, &self.secret, &self.return_uri];
        64 + strings.iter().map(|text| string_capacity(text)).sum::<usize>()
    }
}

pub(super) fn oidc_clients_json<'a>(
    clients: impl Iterator<Item = &'a OidcClient> + Clone,
) -> SecretValue {
    let capacity = clients.clone().map(OidcClient::capacity).sum::<usize>();
    let mut writer = Writer::with_capacity(capacity + 16);
    writer.raw("[");
    for (position, client) in clients.enumerate() {
        if position > 0 {
            writer.raw(", ");
        }
        client.write(&mut writer);
    }
    writer.raw("]");
    writer.finish().into()
}

pub(super) fn dockerconfigjson(
    registries: &IndexMap<String, RegistryCredentials>,
) -> Option<SecretValue> {
    if registries.is_empty() {
        return None;
    }
    let capacity = registries.iter().map(|(registry, credentials)| {
        64 + string_capacity(registry)
            + 2 * string_capacity(&credentials.username)
            + 2 * string_capacity(&credentials.password)
    });
    let mut writer = Writer::with_capacity(capacity.sum::<usize>() + 32);
    writer.raw("{\"auths\": {");
    for (position, (registry, credentials)) in registries.iter().enumerate() {
        if position > 0 {
            writer.raw(", ");
        }
        let joined = credentials.joined();
        let mut auth = Zeroizing::new(String::with_capacity(joined.len().div_ceil(3) * 4));
        STANDARD.encode_string(joined.as_bytes(), &mut auth);
        writer.string(registry);
        writer.raw(": ");
        writer.object(&[
            ("auth", auth.as_str()),
            ("username", credentials.username.as_str()),
            ("password", credentials.password.as_str()),
        ]);
    }
    writer.raw("}}");
    Some(writer.finish().into())
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(name: &str, username: &str, password: &str) -> (String, RegistryCredentials) {
        let credentials =
            RegistryCredentials { username: secret(username), password: secret(password) };
        (name.to_owned(), credentials)
    }

    #[test]
    fn the_pull_secret_is_what_python_writes() {
        // json.dumps of PullSecret.to_dockerconfigjson() in Phalanx.
        let registries = IndexMap::from([
            registry("ghcr.io", "bot", "p:a\"ss"),
            registry("docker.io", "ü", "x"),
        ]);
        let expected = r#"{"auths": {"ghcr.io": {"auth": "Ym90OnA6YSJzcw==", "username": "bot", "password": "p:a\"ss"}, "docker.io": {"auth": "w7w6eA==", "username": "\u00fc", "password": "x"}}}"#;
        assert_eq!(dockerconfigjson(&registries).unwrap().expose_str(), Some(expected));
        assert_eq!(dockerconfigjson(&IndexMap::new()), None);
    }

    #[test]
    fn clients_are_what_python_writes() {
        let client = OidcClient {
            id: secret("chronograf"),
            secret: secret("s\n"),
            return_uri: secret("https://example.org/cb"),
        };
        let object =
            r#"{"id": "chronograf", "secret": "s\n", "return_uri": "https://example.org/cb"}"#;
        assert_eq!(client.to_plaintext().expose_str(), Some(object));
        assert_eq!(OidcClient::from_plaintext(&client.to_plaintext()).unwrap(), client);
        let list = oidc_clients_json([&client, &client].into_iter());
        assert_eq!(list.expose_str(), Some(format!("[{object}, {object}]").as_str()));
        assert_eq!(oidc_clients_json([].into_iter()).expose_str(), Some("[]"));
    }

    #[test]
    fn values_of_other_forms_are_refused_without_being_repeated() {
        for text in ["", "nocolon", ":password", "username:"] {
            assert!(RegistryCredentials::from_plaintext(&text.into()).is_err(), "{text:?}");
        }
        for text in ["", "{}", "hunter2", r#"{"id": "a", "secret": "b"}"#, "[]"] {
            let error = OidcClient::from_plaintext(&text.into()).unwrap_err();
            assert_eq!(error, InvalidDocument::OidcClient);
        }
    }
}
