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
mod labels;
mod missing;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

pub use client::ConnectClient;
pub use error::OnepasswordError;
pub use labels::LabelledValues;
pub use missing::Missing;

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
    /// What has a value that no secret gets, as `ITEM FIELD`.
    pub unknown: Vec<String>,
    /// Items of which nothing is taken, though they may be meant, and why.
    pub passed_over: Vec<String>,
    /// Fields without a value that no spec asks for, as `ITEM FIELD`.
    pub empty: Vec<String>,
    /// What specs ask for that has no value.
    pub missing: Vec<Missing>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    fields: Option<Vec<Field<'a>>>,
    #[serde(default)]
    sections: Option<Vec<Section>>,
    #[serde(default)]
    files: Option<Vec<Attachment>>,
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

#[derive(Deserialize)]
struct Attachment {
    name: Option<String>,
}

/// A field with a value.
struct Given {
    label: String,
    value: SecretValue,
    section: Option<String>,
    /// Whether it is in a section, which may have no name.
    is_in_section: bool,
    is_note: bool,
    is_password: bool,
}

/// What an item has: fields with a value, the labels of those without, and
/// files.
struct Contents {
    fields: Vec<Given>,
    empty: Vec<String>,
    /// Those of `empty` that somebody made, which are not of the item's kind.
    hollow: Vec<String>,
    files: Vec<String>,
}

/// The items that an environment is about, and others that may be meant.
struct Items {
    by_title: BTreeMap<String, Contents>,
    passed_over: Vec<String>,
}

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
        OnepasswordValues::pick(environment, self.items(environment).await?)
    }

    /// Reads the items that the old installer's labels are on, for an
    /// environment that goes by any of some names.
    ///
    /// # Errors
    /// No answer, no such vault, or an item that is not what it should be.
    pub async fn read_labelled(
        &self,
        names: &[String],
    ) -> Result<LabelledValues, OnepasswordError> {
        LabelledValues::pick(self.all_items().await?, names)
    }
}

impl OnepasswordValues {
    fn pick(environment: &Environment, items: Items) -> Result<Self, OnepasswordError> {
        let Items { by_title, passed_over } = items;
        let missing = Missing::find(environment, &by_title);
        let mut picked = Self { passed_over, missing, ..Self::default() };
        for (title, item) in &by_title {
            let is_used: Vec<bool> = match title.as_str() {
                PULL_SECRET => picked.pull_secret(item)?,
                OIDC_CLIENTS => picked.oidc_clients(item)?,
                VAULT_WRITE_TOKEN => picked.write_token(item),
                title => picked.application(environment, title, item)?,
            };
            for (field, is_used) in item.fields.iter().zip(is_used) {
                if !is_used && !field.is_note {
                    let section = match &field.section {
                        Some(section) => format!(" (section {})", printable(section)),
                        None if field.is_in_section => " (section without a name)".to_owned(),
                        None => String::new(),
                    };
                    picked.unknown.push(format!("{title} {}{section}", printable(&field.label)));
                }
            }
            let is_missing = |label: &&String| {
                let key = label.parse().ok();
                let names = |one: &Missing| {
                    one.application.as_str() == title
                        && key.as_ref().is_some_and(|key| one.concerns(&one.application, key))
                };
                picked.missing.iter().any(names)
            };
            let is_given = |label: &String| item.fields.iter().any(|field| field.label == *label);
            let empty = item.hollow.iter().filter(|label| !is_missing(label) && !is_given(label));
            let empty: Vec<String> =
                empty.map(|label| format!("{title} {}", printable(label))).collect();
            picked.empty.extend(empty);
            let files = item.files.iter();
            picked
                .unknown
                .extend(files.map(|file| format!("{title} {} (a file)", printable(file))));
        }
        Ok(picked)
    }

    /// Takes an application's fields, and tells which were taken. Those in no
    /// section count first, as Phalanx wants them; and of several the first.
    fn application(
        &mut self,
        environment: &Environment,
        title: &str,
        item: &Contents,
    ) -> Result<Vec<bool>, OnepasswordError> {
        let mut is_used = vec![false; item.fields.len()];
        let Some((name, application)) = environment.applications.get_key_value(title) else {
            return Ok(is_used);
        };
        let statics = application.secrets.iter().filter(|(_, spec)| spec.kind == Kind::Static);
        for (key, spec) in statics {
            let fields = item.fields.iter().zip(&mut is_used);
            let mut named: Vec<_> =
                fields.filter(|(field, _)| field.label == key.as_str()).collect();
            named.sort_by_key(|(field, _)| field.is_in_section);
            let Some((Given { value, .. }, _)) = named.first() else { continue };
            let taken = match spec.onepassword_encoded {
                true => decoded(name, key, value)?,
                false => value.clone(),
            };
            // Another value under the same name is worth a word.
            let value = value.clone();
            for (field, is_used) in named {
                *is_used = field.value == value;
            }
            let values = self.values.applications.entry(name.clone()).or_default();
            values.insert(key.clone(), taken);
        }
        Ok(is_used)
    }

    fn pull_secret(&mut self, item: &Contents) -> Result<Vec<bool>, OnepasswordError> {
        let (sections, is_used) = sections(item, &["username", "password"]);
        for (registry, fields) in sections {
            let text = |label| text_of(PULL_SECRET, &registry, &fields, label);
            let credentials =
                RegistryCredentials { username: text("username")?, password: text("password")? };
            self.values.pull_secret.insert(registry, credentials);
        }
        Ok(is_used)
    }

    fn oidc_clients(&mut self, item: &Contents) -> Result<Vec<bool>, OnepasswordError> {
        let (sections, is_used) = sections(item, &["id", "secret", "return_uri"]);
        for (name, fields) in sections {
            let text = |label| text_of(OIDC_CLIENTS, &name, &fields, label);
            let client = OidcClient {
                id: text("id")?,
                secret: text("secret")?,
                return_uri: text("return_uri")?,
            };
            self.values.oidc_clients.insert(name, client);
        }
        Ok(is_used)
    }

    fn write_token(&mut self, item: &Contents) -> Vec<bool> {
        let position = item.fields.iter().position(|field| field.label == WRITE_TOKEN_FIELD);
        let token = position.and_then(|position| item.fields.get(position));
        self.values.vault_write_token = token.map(|field| field.value.clone());
        (0..item.fields.len()).map(|index| Some(index) == position).collect()
    }
}

/// What an item has.
fn contents(item: Item<'_>) -> Option<Contents> {
    let sections = item.sections.unwrap_or_default();
    let (mut fields, mut empty, mut hollow) = (Vec::new(), Vec::new(), Vec::new());
    for field in item.fields.unwrap_or_default() {
        let raw = field.value.filter(|raw| raw.get() != "null");
        let value = match raw {
            Some(raw) => SecretValue::from(json_text::unescape(raw.get())?),
            None => SecretValue::from(""),
        };
        if value.is_empty() {
            hollow.extend(field.label.clone().filter(|_| field.purpose.is_none()));
            empty.extend(field.label);
            continue;
        }
        let section = field.section.as_ref().and_then(|section| {
            let named = sections.iter().find(|named| named.id == section.id);
            named.unwrap_or(section).label.clone()
        });
        let is_in_section = field.section.is_some();
        let is_note = field.purpose.as_deref() == Some("NOTES");
        let is_password = field.purpose.as_deref() == Some("PASSWORD");
        let label = field.label.unwrap_or_else(|| "(a field without a name)".to_owned());
        fields.push(Given { label, value, section, is_in_section, is_note, is_password });
    }
    let files = item.files.unwrap_or_default().into_iter();
    let files = files.map(|file| file.name.unwrap_or_else(|| "(unnamed)".to_owned())).collect();
    Some(Contents { fields, empty, hollow, files })
}

type Sections<'a> = IndexMap<String, Vec<&'a Given>>;

/// The fields of an item by their section, as far as they are wanted, and
/// which those are. Of several fields of a name the last counts, as in Phalanx.
fn sections<'a>(item: &'a Contents, wanted: &[&str]) -> (Sections<'a>, Vec<bool>) {
    let mut sections = Sections::new();
    let mut is_used = Vec::new();
    for (index, field) in item.fields.iter().enumerate() {
        let section = field.section.as_ref().filter(|section| !section.is_empty());
        let section = section.filter(|_| wanted.contains(&field.label.as_str()));
        let is_last = !item.fields.iter().skip(index + 1).any(|later| {
            later.section == field.section
                && later.label == field.label
                && later.value != field.value
        });
        is_used.push(section.is_some() && is_last);
        if let Some(section) = section {
            sections.entry(section.clone()).or_default().push(field);
        }
    }
    (sections, is_used)
}

fn text_of(
    item: &str,
    section: &str,
    fields: &[&Given],
    label: &str,
) -> Result<Zeroizing<String>, OnepasswordError> {
    let found = fields.iter().rfind(|field| field.label == label);
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
