//! What becomes of values that were changed in Vault by hand: `drift` in
//! `store.toml`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::ApplicationName;

/// What a sync does with a value that was changed in Vault by hand, while the
/// store's stayed as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftRule {
    /// Vault's value stays: another program changes it there.
    Keep,
    /// The store's value replaces it, with a warning.
    #[default]
    Revert,
    /// The sync refuses to write anything.
    Refuse,
}

/// The rules of a store: one for everything, or one for each pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DriftRules(BTreeMap<Pattern, DriftRule>);

/// Which secrets a rule is for: `APPLICATION`, `APPLICATION/KEY`, or `*`, where
/// `*` stands for any characters of a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Pattern {
    application: String,
    key: String,
}

impl DriftRules {
    /// The rule for a secret: that of the pattern with the most letters that
    /// fits, and of several such the strictest. Without one, the value is
    /// replaced.
    #[must_use]
    pub fn rule(&self, application: &ApplicationName, key: &str) -> DriftRule {
        let fitting = self.0.iter().filter(|(pattern, _)| pattern.fits(application, key));
        let best = fitting.max_by_key(|(pattern, rule)| (pattern.letters(), **rule));
        best.map(|(_, rule)| *rule).unwrap_or_default()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let (application, key) = text.split_once('/').unwrap_or((text, "*"));
        let plain = application.replace('*', "x");
        if plain.parse::<ApplicationName>().is_err() || key.is_empty() {
            return Err(
                "a pattern is APPLICATION or APPLICATION/KEY, with * for any characters".to_owned()
            );
        }
        Ok(Self { application: application.to_owned(), key: key.to_owned() })
    }

    fn fits(&self, application: &ApplicationName, key: &str) -> bool {
        fits(&self.application, application.as_str()) && fits(&self.key, key)
    }

    fn letters(&self) -> usize {
        [&self.application, &self.key]
            .iter()
            .flat_map(|part| part.chars())
            .filter(|c| *c != '*')
            .count()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "*" => f.write_str(&self.application),
            key => write!(f, "{}/{key}", self.application),
        }
    }
}

/// Whether a name is what a text with `*` for any characters stands for.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    // The first place that fits each part leaves the most for those after it.
    for part in parts {
        match name.split_once(part) {
            Some((_, after)) => name = after,
            None => return false,
        }
    }
    name.ends_with(end)
}

impl Serialize for DriftRules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(pattern, rule)| (pattern.to_string(), rule)))
    }
}

impl<'de> Deserialize<'de> for DriftRules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RulesVisitor)
    }
}

struct RulesVisitor;

impl<'de> Visitor<'de> for RulesVisitor {
    type Value = DriftRules;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"revert\", \"refuse\" or \"keep\", or a table of patterns with these")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<DriftRules, E> {
        let rule = DriftRule::deserialize(de::value::StrDeserializer::new(text))?;
        let everything = Pattern { application: "*".to_owned(), key: "*".to_owned() };
        Ok(DriftRules(BTreeMap::from([(everything, rule)])))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DriftRules, A::Error> {
        let mut rules = BTreeMap::new();
        while let Some((pattern, rule)) = map.next_entry::<String, DriftRule>()? {
            rules.insert(Pattern::parse(&pattern).map_err(de::Error::custom)?, rule);
        }
        Ok(DriftRules(rules))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Settings {
        drift: DriftRules,
    }

    fn rules(text: &str) -> Result<DriftRules, toml::de::Error> {
        toml::from_str::<Settings>(text).map(|settings| settings.drift)
    }

    fn rule(rules: &DriftRules, application: &str, key: &str) -> DriftRule {
        rules.rule(&application.parse().unwrap(), key)
    }

    #[test]
    fn one_rule_is_for_everything() {
        assert_eq!(rule(&DriftRules::default(), "a", "b"), DriftRule::Revert);
        let refuse = rules("drift = 'refuse'").unwrap();
        assert_eq!(rule(&refuse, "a", "b"), DriftRule::Refuse);
    }

    #[test]
    fn the_pattern_with_the_most_letters_counts() {
        let text = "[drift]\n'*' = 'refuse'\n'nublado' = 'revert'\n'nublado/hub_*' = 'keep'\n\
                    '*/hub_*' = 'refuse'\n'nublado/*token' = 'keep'\n'nublado/*_kenel' = 'revert'\n";
        let rules = rules(text).unwrap();
        for (application, key, expected) in [
            ("argocd", "x", DriftRule::Refuse),
            ("argocd", "hub_x", DriftRule::Refuse),
            ("nublado", "x", DriftRule::Revert),
            ("nublado", "hub_x", DriftRule::Keep),
            ("nublado", "hub_", DriftRule::Keep),
            ("nublado", "xhub_", DriftRule::Revert),
            ("nublado", "a-token", DriftRule::Keep),
        ] {
            assert_eq!(rule(&rules, application, key), expected, "{application} {key}");
        }
    }

    #[test]
    fn of_patterns_that_are_as_long_the_strictest_counts() {
        let rules = rules("[drift]\n'a*/x' = 'keep'\n'*a/x' = 'refuse'\n").unwrap();
        assert_eq!(rule(&rules, "aa", "x"), DriftRule::Refuse);
    }

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abcd", false),
            ("a*b*c", "axbxbxc", true),
            ("a*b*c", "acb", false),
            ("*b", "ab", true),
            ("a*a", "a", false),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "drift = 'revret'",
            "drift = true",
            "drift = ['keep']",
            "[drift]\n'A b' = 'keep'",
            "[drift]\n'a/' = 'keep'",
            "[drift]\n'a' = 'x'",
        ] {
            assert!(rules(text).is_err(), "{text}");
        }
    }
}
