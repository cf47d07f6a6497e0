//! An environment's static values as SQuaRE keeps them in 1Password, read
//! through a 1Password Connect server.
//!
//! Each application has an item of its name, with a field for each static
//! secret. `pull-secret` and `oidc-clients` have a section for each registry or
//! client, and `vault-write-token` has a field `vault-token`.
//!
//! Sources: the 1Password Connect API (developer.1password.com), and
//! `storage/onepassword.py` and `services/secrets.py` of Phalanx.

mod client;
mod error;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

pub use client::ConnectClient;
pub use error::OnepasswordError;

use crate::layout::{OIDC_CLIENTS, PULL_SECRET, VAULT_WRITE_TOKEN};
use crate::model::{ApplicationName, Environment, KeyName, Kind, SecretValue};
use crate::printable::printable;
use crate::static_values::{OidcClient, RegistryCredentials, StaticValues};
use crate::vault::json_text;

/// The field with the write token.
const WRITE_TOKEN_FIELD: &str = "vault-token";

/// What 1Password has for an environment.
#[derive(Debug, Default)]
pub struct OnepasswordValues {
    /// The static values.
    pub values: StaticValues,
    /// Fields with a value that no static secret is, as `ITEM FIELD`.
    pub unknown: Vec<String>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    fields: Vec<Field<'a>>,
    #[serde(default)]
    sections: Vec<Section>,
}

#[derive(Deserialize)]
struct Field<'a> {
    label: Option<String>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    section: Option<Section>,
    purpose: Option<String>,
}

#[derive(Deserialize)]
struct Section {
    id: String,
    label: Option<String>,
}

/// A field with a value.
struct Given {
    label: String,
    value: SecretValue,
    section: Option<String>,
    is_note: bool,
}

/// An item's fields with a value.
type Fields = Vec<Given>;

impl ConnectClient {
    /// Reads the static values of an environment. Secrets without a field are
    /// not among them.
    ///
    /// # Errors
    /// No answer, no such vault, or a value that is not what it should be.
    pub async fn read(
        &self,
        environment: &Environment,
    ) -> Result<OnepasswordValues, OnepasswordError> {
        let items = self.items(environment).await?;
        let mut read = OnepasswordValues::default();
        for (name, application) in &environment.applications {
            let Some(fields) = items.get(name.as_str()) else { continue };
            let statics = application.secrets.iter().filter(|(_, spec)| spec.kind == Kind::Static);
            for (key, spec) in statics {
                let given = fields.iter().find(|field| field.label == key.as_str());
                let Some(Given { value, .. }) = given else { continue };
                let value = match spec.onepassword_encoded {
                    true => decoded(name, key, value)?,
                    false => value.clone(),
                };
                read.values
                    .applications
                    .entry(name.clone())
                    .or_default()
                    .insert(key.clone(), value);
            }
            let is_static = |field: &&Given| {
                let spec = application.secrets.iter().find(|(key, _)| key.as_str() == field.label);
                spec.is_some_and(|(_, spec)| spec.kind == Kind::Static)
            };
            let unknown = fields.iter().filter(|field| !is_static(field) && !field.is_note);
            read.unknown.extend(unknown.map(|field| format!("{name} {}", printable(&field.label))));
        }
        let registries = sections(&items, PULL_SECRET, &["username", "password"]);
        for (registry, fields) in registries {
            let text = |label| text_of(PULL_SECRET, &registry, &fields, label);
            let credentials =
                RegistryCredentials { username: text("username")?, password: text("password")? };
            read.values.pull_secret.insert(registry, credentials);
        }
        for (name, fields) in sections(&items, OIDC_CLIENTS, &["id", "secret", "return_uri"]) {
            let text = |label| text_of(OIDC_CLIENTS, &name, &fields, label);
            let client = OidcClient {
                id: text("id")?,
                secret: text("secret")?,
                return_uri: text("return_uri")?,
            };
            read.values.oidc_clients.insert(name, client);
        }
        let token = items.get(VAULT_WRITE_TOKEN).into_iter().flatten();
        let mut token = token.filter(|field| field.label == WRITE_TOKEN_FIELD);
        read.values.vault_write_token = token.next().map(|field| field.value.clone());
        Ok(read)
    }
}

/// The fields of an item that have a value.
fn given(item: &Item<'_>) -> Option<Fields> {
    let mut fields = Vec::new();
    for field in &item.fields {
        let Some(label) = field.label.clone() else { continue };
        let Some(raw) = field.value.filter(|raw| raw.get() != "null") else { continue };
        let value = SecretValue::from(json_text::unescape(raw.get())?);
        if value.is_empty() {
            continue;
        }
        let section = field.section.as_ref().and_then(|section| {
            let named = item.sections.iter().find(|named| named.id == section.id);
            named.unwrap_or(section).label.clone()
        });
        let is_note = field.purpose.as_deref() == Some("NOTES");
        fields.push(Given { label, value, section, is_note });
    }
    Some(fields)
}

/// The fields of an item by their section, as far as they are wanted.
fn sections<'a>(
    items: &'a BTreeMap<String, Fields>,
    title: &str,
    wanted: &[&str],
) -> IndexMap<String, Vec<&'a Given>> {
    let mut sections: IndexMap<String, Vec<&Given>> = IndexMap::new();
    for field in items.get(title).into_iter().flatten() {
        if let Some(section) = &field.section
            && wanted.contains(&field.label.as_str())
        {
            sections.entry(section.clone()).or_default().push(field);
        }
    }
    sections
}

fn text_of(
    item: &str,
    section: &str,
    fields: &[&Given],
    label: &str,
) -> Result<Zeroizing<String>, OnepasswordError> {
    let found = fields.iter().find(|field| field.label == label);
    match found.and_then(|field| field.value.expose_str()) {
        Some(text) => Ok(Zeroizing::new(text.to_owned())),
        None => Err(OnepasswordError::Malformed {
            item: item.to_owned(),
            what: format!("no field {label} in its section {section:?}"),
        }),
    }
}

/// What a field stands for that 1Password could not hold as it is.
fn decoded(
    application: &ApplicationName,
    key: &KeyName,
    value: &SecretValue,
) -> Result<SecretValue, OnepasswordError> {
    let decoded = value.expose_str().and_then(SecretValue::from_base64);
    decoded.ok_or_else(|| OnepasswordError::Malformed {
        item: application.to_string(),
        what: format!("no base64 in its field {key}, though the spec says onepassword.encoded"),
    })
}
