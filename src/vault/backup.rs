//! An entry as one document, to keep outside Vault and to bring it back.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;
use zeroize::Zeroizing;

use super::body::{room_for, write_values};
use super::{CurrentValue, Entry, EntrySettings};
use crate::model::SecretValue;

/// A document that is no entry. What is in it is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the backup is not the JSON of an entry of Vault")]
pub struct InvalidBackup;

/// What of an entry is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryBackup {
    /// The values by key.
    pub data: BTreeMap<String, CurrentValue>,
    /// What was noted beside it.
    pub custom_metadata: BTreeMap<String, String>,
    /// The settings of its own; `None` where they are not known: the token
    /// could not read them, or an older version made the backup.
    pub settings: Option<EntrySettings>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    data: BTreeMap<String, &'a RawValue>,
    custom_metadata: BTreeMap<String, String>,
    settings: Option<EntrySettings>,
}

impl EntryBackup {
    /// Of an entry; `None` where it holds nothing.
    #[must_use]
    pub fn of(entry: &Entry, settings: Option<EntrySettings>) -> Option<Self> {
        let data = entry.data.clone()?;
        Some(Self { data, custom_metadata: entry.custom_metadata.clone(), settings })
    }

    /// The document: JSON with the keys in order.
    ///
    /// # Errors
    /// The key of a value that is not text, which Vault cannot hold either.
    pub fn to_json(&self) -> Result<SecretValue, String> {
        let noted: BTreeMap<String, CurrentValue> = self
            .custom_metadata
            .iter()
            .map(|(key, value)| (key.clone(), SecretValue::from(value.as_str()).into()))
            .collect();
        let settings = self.settings.as_ref().map(|known| serde_json::json!(known));
        let settings = settings.map(|known| format!(",\"settings\":{known}")).unwrap_or_default();
        let room = room_for(&self.data) + room_for(&noted) + settings.len() + 64;
        let mut json = Zeroizing::new(Vec::with_capacity(room));
        json.extend_from_slice(b"{\"data\":{");
        write_values(&self.data, &mut json).map_err(str::to_owned)?;
        json.extend_from_slice(b"},\"custom_metadata\":{");
        write_values(&noted, &mut json).map_err(str::to_owned)?;
        json.extend_from_slice(b"}");
        json.extend_from_slice(settings.as_bytes());
        json.extend_from_slice(b"}");
        Ok(SecretValue::from(std::mem::take(&mut *json)))
    }

    /// Reads the document.
    ///
    /// # Errors
    /// One that is not of this form.
    pub fn from_json(json: &SecretValue) -> Result<Self, InvalidBackup> {
        let document: Document<'_> =
            serde_json::from_slice(json.expose()).map_err(|_| InvalidBackup)?;
        let data = document.data.iter().map(|(key, raw)| {
            CurrentValue::from_raw(raw).map(|value| (key.clone(), value)).ok_or(InvalidBackup)
        });
        let Document { custom_metadata, settings, .. } = document;
        Ok(Self { data: data.collect::<Result<_, _>>()?, custom_metadata, settings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_entry_holds_comes_back() {
        let json = r#"{ "b": 1.0,"a":[123456789012345678901234567890]}"#;
        let data = BTreeMap::from([
            ("a\"key".to_owned(), CurrentValue::from(SecretValue::from("line\n\"é\"\u{1f}"))),
            ("empty".to_owned(), CurrentValue::from(SecretValue::from(""))),
            ("other".to_owned(), CurrentValue::from_json(json).unwrap()),
        ]);
        let custom_metadata = BTreeMap::from([("note".to_owned(), "\"x\"".to_owned())]);
        let entry = Entry { version: 7, data: Some(data), custom_metadata, ..Entry::default() };
        let settings =
            EntrySettings { max_versions: 25, cas_required: true, ..EntrySettings::default() };
        for settings in [None, Some(EntrySettings::default()), Some(settings)] {
            let backup = EntryBackup::of(&entry, settings.clone()).unwrap();
            let document = backup.to_json().unwrap();
            assert_eq!(EntryBackup::from_json(&document), Ok(backup.clone()));
            assert_eq!(backup.to_json().unwrap(), document);
            assert_eq!(EntryBackup::of(&Entry::default(), settings), None);
        }
    }

    #[test]
    fn what_is_no_entry_is_refused_without_a_word_of_it() {
        for text in ["", "canary", "{}", r#"{"data":["canary"]}"#, r#"{"data":{"a":"canary"}}"#] {
            let error = EntryBackup::from_json(&text.into()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
        let binary = CurrentValue::from(SecretValue::from(vec![0xff]));
        let data = BTreeMap::from([("key".to_owned(), binary)]);
        let backup = EntryBackup { data, custom_metadata: BTreeMap::new(), settings: None };
        assert_eq!(backup.to_json(), Err("key".to_owned()));
    }
}
