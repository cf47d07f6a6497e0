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

/// What one item has for the environment.
struct Candidate {
    title: String,
    /// Whether it names the environment, and is not for all.
    is_own: bool,
    application: ApplicationName,
    key: String,
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
        let mut candidates = Vec::new();
        for (title, item) in items {
            candidates.extend(picked.candidate(title, &item, names)?);
        }
        candidates.sort_by_key(|candidate| !candidate.is_own);
        let mut taken: Vec<Candidate> = Vec::new();
        for new in candidates {
            let is_for_the_same =
                |old: &&Candidate| (&old.application, &old.key) == (&new.application, &new.key);
            match taken.iter().find(is_for_the_same) {
                Some(old) if old.is_own == new.is_own && old.value != new.value => {
                    let Candidate { application, key, .. } = &new;
                    let other = printable(&old.title);
                    let what =
                        format!("another value for {application} {key} than the item {other}");
                    return Err(OnepasswordError::Malformed { item: new.title, what });
                }
                Some(_) => {}
                None => taken.push(new),
            }
        }
        for Candidate { application, key, value, .. } in taken {
            picked.entries.entry(application).or_default().insert(key, CurrentValue::Text(value));
        }
        Ok(picked)
    }

    /// What an item has for the environment, or why nothing of it is taken.
    fn candidate(
        &mut self,
        title: String,
        item: &Contents,
        names: &[String],
    ) -> Result<Option<Candidate>, OnepasswordError> {
        let mut keys = item.texts(KEY_LABEL);
        let Some(key) = keys.next() else { return Ok(None) };
        if keys.next().is_some() {
            let what = format!("two fields {KEY_LABEL}");
            return Err(OnepasswordError::Malformed { item: title, what });
        }
        let mut environments = item.texts(ENVIRONMENT_LABEL).peekable();
        let is_for_all = environments.peek().is_none();
        let is_own = environments.any(|own| names.iter().any(|name| name == own));
        if !is_own && !is_for_all {
            return Ok(None);
        }
        let mut leave_out = |why: &str| {
            self.unknown.push(format!("the item {} ({why})", printable(&title)));
            Ok(None)
        };
        let Some((application, key)) = split(key) else {
            return leave_out("its generate_secrets_key is not of the form APPLICATION KEY");
        };
        let Some(value) = item.labelled_value().cloned() else {
            return leave_out("it has no note and no password");
        };
        Ok(Some(Candidate { title, is_own, application, key, value }))
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
