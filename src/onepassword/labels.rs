//! Items as Phalanx's old installer had them: one for each secret, with a
//! field `generate_secrets_key` that names it.
//!
//! The key is `APPLICATION KEY`. The value is the item's note or, without one,
//! its password. A field `environment` limits it to one environment; there may
//! be several such fields, and without any it is for every environment that has
//! no item of its own.
//!
//! Source: `installer/generate_secrets.py` of Phalanx until September 2023,
//! `OnePasswordSecretGenerator.parse_vault`.

use std::collections::BTreeMap;

use super::{Contents, Given, OnepasswordError};
use crate::model::{ApplicationName, Environment, KeyName, Kind, SecretValue};
use crate::printable::printable;
use crate::vault::CurrentValue;

const KEY_LABEL: &str = "generate_secrets_key";
const ENVIRONMENT_LABEL: &str = "environment";
const NOTE_LABEL: &str = "notesPlain";

/// What labelled items have for an environment.
#[derive(Debug, Default)]
pub struct LabelledValues {
    /// The values, as the old installer wrote them to Vault.
    pub entries: BTreeMap<ApplicationName, BTreeMap<String, CurrentValue>>,
    /// Items with such a key of which nothing is taken, and why.
    pub unknown: Vec<String>,
}

/// The item that a value is from.
struct Found {
    title: String,
    /// Whether it names the environment, and is not for all.
    is_own: bool,
    value: SecretValue,
}

impl LabelledValues {
    /// Picks what is for an environment that goes by any of some names.
    ///
    /// # Errors
    /// Two keys in one item; or two items for one secret with different values,
    /// of which the old installer took whichever it was given last.
    pub(super) fn pick(
        items: Vec<(String, Contents)>,
        names: &[String],
    ) -> Result<Self, OnepasswordError> {
        let mut picked = Self::default();
        let mut found: BTreeMap<(ApplicationName, String), Found> = BTreeMap::new();
        for (title, item) in items {
            let malformed =
                |what: &str| OnepasswordError::Malformed { item: title.clone(), what: what.into() };
            let mut keys = item.texts(KEY_LABEL);
            let Some(key) = keys.next() else { continue };
            if keys.next().is_some() {
                return Err(malformed("two fields generate_secrets_key"));
            }
            let environments: Vec<&str> = item.texts(ENVIRONMENT_LABEL).collect();
            let is_own = environments.iter().any(|own| names.iter().any(|name| name == own));
            if !is_own && !environments.is_empty() {
                continue;
            }
            let shown = printable(&title);
            let Some((application, key)) = split(key) else {
                let why = "its generate_secrets_key is not of the form APPLICATION KEY";
                picked.unknown.push(format!("the item {shown} ({why})"));
                continue;
            };
            let Some(value) = item.labelled_value() else {
                picked.unknown.push(format!("the item {shown} (it has no note and no password)"));
                continue;
            };
            let new = Found { is_own, value: value.clone(), title: title.clone() };
            match found.get(&(application.clone(), key.clone())) {
                Some(old) if old.is_own && !is_own => continue,
                Some(old) if old.is_own == is_own && old.value != new.value => {
                    return Err(malformed(&format!(
                        "another value for {application} {key} than the item {}",
                        printable(&old.title)
                    )));
                }
                _ => {
                    found.insert((application, key), new);
                }
            }
        }
        for ((application, key), Found { value, .. }) in found {
            picked.entries.entry(application).or_default().insert(key, CurrentValue::Text(value));
        }
        Ok(picked)
    }

    /// Each static secret of an environment that no item is for, as
    /// `APPLICATION KEY`.
    #[must_use]
    pub fn missing(&self, environment: &Environment) -> Vec<String> {
        let has = |application: &ApplicationName, key: &KeyName| {
            self.entries.get(application).is_some_and(|entry| entry.contains_key(key.as_str()))
        };
        let statics = environment.secrets().filter(|(_, _, spec)| spec.kind == Kind::Static);
        let missing = statics.filter(|(application, key, _)| !has(application, key));
        missing.map(|(application, key, _)| format!("{application} {key}")).collect()
    }
}

impl Contents {
    fn texts(&self, label: &str) -> impl Iterator<Item = &str> {
        let fields = self.fields.iter().filter(move |field| field.label == label);
        fields.filter_map(|field| field.value.expose_str()).map(str::trim)
    }

    /// The note, else the password; of several passwords the last.
    fn labelled_value(&self) -> Option<&SecretValue> {
        let is_note = |field: &&Given| field.label == NOTE_LABEL;
        let note = self.fields.iter().rfind(is_note);
        let password = || self.fields.iter().rfind(|field| field.is_password);
        note.or_else(password).map(|field| &field.value)
    }
}

/// The two words of a key.
fn split(key: &str) -> Option<(ApplicationName, String)> {
    let mut words = key.split_whitespace();
    let (application, key, end) = (words.next()?, words.next()?, words.next());
    let application = application.parse().ok()?;
    end.is_none().then(|| (application, key.to_owned()))
}
