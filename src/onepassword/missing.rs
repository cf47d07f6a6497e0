//! What specs ask for and 1Password does not have.

use std::collections::BTreeMap;
use std::fmt;

use super::Contents;
use crate::model::{Application, ApplicationName, Environment, KeyName, Kind};

/// An item or a field that a spec asks for and 1Password does not have.
///
/// It is written as the Python CLI writes it: an item as `APPLICATION`, a
/// field as `APPLICATION KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The application, after which the item is named.
    pub application: ApplicationName,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Item,
    Field(KeyName),
    /// The field is there, and empty.
    Value(KeyName),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let application = &self.application;
        match &self.what {
            What::Item => write!(f, "{application}"),
            What::Field(key) => write!(f, "{application} {key}"),
            What::Value(key) => write!(f, "{application} {key} (its field is empty)"),
        }
    }
}

impl Missing {
    /// Whether a secret has no value because of this.
    #[must_use]
    pub fn concerns(&self, application: &ApplicationName, key: &KeyName) -> bool {
        let is_key = match &self.what {
            What::Item => true,
            What::Field(own) | What::Value(own) => own == key,
        };
        self.application == *application && is_key
    }

    /// Everything that is missing for an environment, by application and key.
    pub(super) fn find(
        environment: &Environment,
        by_title: &BTreeMap<String, Contents>,
    ) -> Vec<Self> {
        let mut missing = Vec::new();
        for (name, application) in &environment.applications {
            let item = by_title.get(name.as_str());
            let mut lacks: Vec<What> =
                static_keys(application).filter_map(|key| What::lacking(item, key)).collect();
            // Of an item that is not there, no field is named.
            lacks.dedup();
            missing.extend(lacks.into_iter().map(|what| Self { application: name.clone(), what }));
        }
        missing
    }
}

impl What {
    fn lacking(item: Option<&Contents>, key: &KeyName) -> Option<Self> {
        let Some(item) = item else { return Some(Self::Item) };
        if item.fields.iter().any(|field| field.label == key.as_str()) {
            return None;
        }
        let is_empty = item.empty.iter().any(|label| label == key.as_str());
        Some(if is_empty { Self::Value(key.clone()) } else { Self::Field(key.clone()) })
    }
}

fn static_keys(application: &Application) -> impl Iterator<Item = &KeyName> {
    let statics = application.secrets.iter().filter(|(_, spec)| spec.kind == Kind::Static);
    statics.map(|(key, _)| key)
}
