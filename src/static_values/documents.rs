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

use crate::model::{SecretValue, is_blank};
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
    /// An OpenID Connect client with a part that is empty or white space.
    #[error("its \"id\", its \"secret\" or its \"return_uri\" is empty")]
    BlankOidcClient,
    /// Anything that must be text.
    #[error("it is not UTF-8 text")]
    NotText,
}

/// Whether two pull secrets say the same: the order of the registries is of no
/// account, and differs from one writer to another; so does the spelling of
/// the JSON.
#[must_use]
pub fn is_same_pull_secret(one: &SecretValue, other: &SecretValue) -> bool {
    match (registry_texts(one), registry_texts(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// What a pull secret has, by registry and field; `None` where it has anything
/// else.
fn registry_texts(
    value: &SecretValue,
) -> Option<BTreeMap<String, BTreeMap<String, Zeroizing<String>>>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Document {
        auths: BTreeMap<String, BTreeMap<String, Zeroizing<String>>>,
    }
    let document: Document = serde_json::from_slice(value.expose()).ok()?;
    Some(document.auths)
}

/// Whether two lists of OpenID Connect clients say the same: their order and
/// the spelling of the JSON are of no account.
#[must_use]
pub fn are_same_clients(one: &SecretValue, other: &SecretValue) -> bool {
    let sorted = |list| {
        let mut clients = clients_of_json(list)?;
        clients.sort_by(|a, b| a.parts().cmp(&b.parts()));
        Some(clients)
    };
    match (sorted(one), sorted(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// The clients of a JSON list; `None` where it is none, or has anything else.
pub(super) fn clients_of_json(list: &SecretValue) -> Option<Vec<OidcClient>> {
    let clients: Vec<&RawValue> = serde_json::from_slice(list.expose()).ok()?;
    clients
        .into_iter()
        .map(|client| OidcClient::from_plaintext(&client.get().into()).ok())
        .collect()
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
    /// A value of another form, or one whose username or password is blank.
    pub fn from_plaintext(value: &SecretValue) -> Result<Self, InvalidDocument> {
        let text = value.expose_str().ok_or(InvalidDocument::NotText)?;
        let (username, password) =
            text.split_once(':').ok_or(InvalidDocument::RegistryCredentials)?;
        let credentials = Self { username: secret(username), password: secret(password) };
        match credentials.has_blank_part() {
            true => Err(InvalidDocument::RegistryCredentials),
            false => Ok(credentials),
        }
    }

    /// Whether the username or the password is empty or white space.
    #[must_use]
    pub fn has_blank_part(&self) -> bool {
        is_blank(&self.username) || is_blank(&self.password)
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
    /// A value of another form, or one of whose strings is blank.
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
        let client = Self { id: client.id, secret: client.secret, return_uri: client.return_uri };
        match client.has_blank_part() {
            true => Err(InvalidDocument::BlankOidcClient),
            false => Ok(client),
        }
    }

    /// Whether its id, its secret or where it is sent back to is empty or white
    /// space.
    #[must_use]
    pub fn has_blank_part(&self) -> bool {
        self.parts().into_iter().any(is_blank)
    }

    fn parts(&self) -> [&str; 3] {
        [&self.id, &self.secret, &self.return_uri]
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
        64 + self.parts().into_iter().map(string_capacity).sum::<usize>()
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
        for text in ["", "nocolon", ":password", "username:", "username: \n", "\t:password"] {
            assert!(RegistryCredentials::from_plaintext(&text.into()).is_err(), "{text:?}");
        }
        for text in ["", "{}", "hunter2", r#"{"id": "a", "secret": "b"}"#, "[]"] {
            let error = OidcClient::from_plaintext(&text.into()).unwrap_err();
            assert_eq!(error, InvalidDocument::OidcClient);
        }
        for [id, secret, uri] in [["", "s", "u"], ["i", " \\n", "u"], ["i", "s", "\\u00a0"]] {
            let text = format!(r#"{{"id": "{id}", "secret": "{secret}", "return_uri": "{uri}"}}"#);
            let error = OidcClient::from_plaintext(&text.as_str().into()).unwrap_err();
            assert_eq!(error, InvalidDocument::BlankOidcClient, "{text}");
        }
    }

    #[test]
    fn order_and_spelling_of_clients_are_of_no_account() {
        let list = r#"[{"id": "a", "secret": "\u00e9", "return_uri": "u"}, {"id": "b", "secret": "s", "return_uri": "u"}]"#;
        let other = r#"[ {"secret":"s","id":"b","return_uri":"u"},{"id":"a","return_uri":"u","secret":"é"} ]"#;
        assert!(are_same_clients(&list.into(), &other.into()));
        for different in [
            "[]",
            "",
            r#"[{"id": "a", "secret": "\u00e9", "return_uri": "u"}]"#,
            &list.replace("\"s\"", "\"t\""),
            &list.replace("\"return_uri\"", "\"more\": 1, \"return_uri\""),
        ] {
            assert!(!are_same_clients(&list.into(), &different.into()), "{different}");
        }
        let first = r#"{"id": "a", "secret": "\u00e9", "return_uri": "u"}"#;
        let twice = format!("[{first}, {first}]");
        assert!(!are_same_clients(&list.into(), &twice.as_str().into()), "{twice}");
    }

    #[test]
    fn order_and_spelling_of_registries_are_of_no_account() {
        let one = r#"{"auths": {"r": {"auth": "dTpw", "username": "u", "password": "\u00e9"}, "q": {"auth": "eTp6"}}}"#;
        let other = r#"{"auths":{"q":{"auth":"eTp6"},"\u0072":{"password":"é","auth":"dTpw","username":"u"}}}"#;
        assert!(is_same_pull_secret(&one.into(), &other.into()));
        for different in ["", "{}", r#"{"auths": {}}"#, &one.replace("dTpw", "dTpx")] {
            assert!(!is_same_pull_secret(&one.into(), &different.into()), "{different}");
        }
    }
}
