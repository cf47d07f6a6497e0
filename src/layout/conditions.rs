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
    /// Anything but a mapping.
    Leaf(Truth),
    /// A mapping. Shared, since YAML aliases may repeat it.
    Mapping(Rc<Mapping>),
}

/// What Python takes a setting for that is no mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    /// False.
    False,
    /// True.
    True,
    /// True, as any text is but the empty one, though what it says is no.
    TrueAndSaysNo,
}

impl Truth {
    /// Of a text.
    pub(super) fn of_text(text: &str) -> Self {
        const NO: [&str; 6] = ["0", "f", "false", "n", "no", "off"];
        match NO.iter().any(|no| no.eq_ignore_ascii_case(text.trim())) {
            true => Self::TrueAndSaysNo,
            false => (!text.is_empty()).into(),
        }
    }
}

impl From<bool> for Truth {
    fn from(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }
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
        match self.at(path) {
            None => false,
            Some(Self::Leaf(truth)) => *truth != Truth::False,
            Some(Self::Mapping(mapping)) => !mapping.settings.is_empty() || mapping.has_other_keys,
        }
    }

    /// Whether the setting at a dotted path is text that says no, and counts as
    /// true.
    pub(super) fn says_no_in_text(&self, path: &str) -> bool {
        matches!(self.at(path), Some(Self::Leaf(Truth::TrueAndSaysNo)))
    }

    fn at(&self, path: &str) -> Option<&Self> {
        let mut here = self;
        for name in path.split('.') {
            let Self::Mapping(mapping) = here else { return None };
            here = mapping.settings.get(name)?;
        }
        Some(here)
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
            toml::Value::String(text) => Truth::of_text(&text),
            toml::Value::Integer(number) => (number != 0).into(),
            toml::Value::Float(number) => (number != 0.0).into(),
            toml::Value::Boolean(truth) => truth.into(),
            toml::Value::Datetime(_) => Truth::True,
            toml::Value::Array(items) => (!items.is_empty()).into(),
        })
    }
}
