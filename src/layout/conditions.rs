//! Settings, and whether one is true.
//!
//! A secret, or a rule of one, may hang on a Helm setting: it counts when the
//! setting is there and Python's `bool` of it is true. Of a values file no
//! more is kept than that question needs: its mappings, and of everything else
//! whether it is true.

use std::collections::HashMap;
use std::rc::Rc;

/// A setting, or a mapping of settings.
#[derive(Debug, Clone)]
pub(super) enum Settings {
    /// Anything but a mapping: whether Python takes it for true.
    Leaf(bool),
    /// A mapping. Shared, since YAML aliases may repeat it.
    Mapping(Rc<Mapping>),
}

/// A mapping of settings.
#[derive(Debug, Clone, Default)]
pub(super) struct Mapping {
    /// The settings whose names are strings.
    pub(super) settings: HashMap<String, Settings>,
    /// Whether it also has keys that are not strings (Python would find them,
    /// a condition cannot).
    pub(super) has_other_keys: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self::Mapping(Rc::default())
    }
}

impl Settings {
    /// Lays `over` over these settings: mappings are merged, all else is
    /// replaced.
    pub(super) fn merged_with(self, over: Self) -> Self {
        match (self, over) {
            (Self::Mapping(base), Self::Mapping(over)) => {
                let mut merged = Rc::unwrap_or_clone(base);
                let over = Rc::unwrap_or_clone(over);
                merged.has_other_keys |= over.has_other_keys;
                for (name, value) in over.settings {
                    let value = match merged.settings.remove(&name) {
                        Some(old) => old.merged_with(value),
                        None => value,
                    };
                    merged.settings.insert(name, value);
                }
                Self::Mapping(Rc::new(merged))
            }
            (_, over) => over,
        }
    }

    /// Whether the setting at a dotted path is there and true.
    pub(super) fn is_true(&self, path: &str) -> bool {
        let mut here = self;
        for name in path.split('.') {
            let Self::Mapping(mapping) = here else { return false };
            let Some(next) = mapping.settings.get(name) else { return false };
            here = next;
        }
        match here {
            Self::Leaf(truth) => *truth,
            Self::Mapping(mapping) => !mapping.settings.is_empty() || mapping.has_other_keys,
        }
    }
}

impl From<toml::Table> for Settings {
    fn from(table: toml::Table) -> Self {
        let settings = table.into_iter().map(|(name, value)| (name, value.into())).collect();
        Self::Mapping(Rc::new(Mapping { settings, has_other_keys: false }))
    }
}

impl From<toml::Value> for Settings {
    fn from(value: toml::Value) -> Self {
        Self::Leaf(match value {
            toml::Value::Table(table) => return table.into(),
            toml::Value::String(text) => !text.is_empty(),
            toml::Value::Integer(number) => number != 0,
            toml::Value::Float(number) => number != 0.0,
            toml::Value::Boolean(truth) => truth,
            toml::Value::Datetime(_) => true,
            toml::Value::Array(items) => !items.is_empty(),
        })
    }
}
