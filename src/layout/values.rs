//! Helm values files, read for their truth alone.
//!
//! Conditions must come out as they do for the Python CLI, so that a document
//! is read as PyYAML reads it: `on` is true, `y` is a string (and so true),
//! `0o0` is a string, `0_0` is zero.

use std::collections::HashMap;
use std::rc::Rc;

use super::conditions::{Mapping, Settings, Truth};
use super::yaml::{self, Content, Failure, Names, Node};

/// Reads a values file. An empty one has no settings.
///
/// # Errors
/// The line, from 1, and what is wrong there.
pub(super) fn parse(text: &str) -> Result<Settings, Failure> {
    let document = yaml::read(text, Names::AsInPython)?;
    match document.map(|node| settings(&node, &mut Known::new())) {
        Some(settings @ Settings::Mapping(_)) => Ok(settings),
        // Python takes an empty document, or any false one, for no settings.
        None | Some(Settings::Leaf(Truth::False)) => Ok(Settings::default()),
        Some(Settings::Leaf(_)) => Err((1, "it is not a mapping".to_owned())),
    }
}

/// The settings of mappings by where these are, since aliases may repeat them.
type Known = HashMap<*const Node, Settings>;

fn settings(node: &Rc<Node>, known: &mut Known) -> Settings {
    let mapping = match &node.content {
        Content::Scalar(scalar) => return Settings::Leaf(scalar.truth()),
        Content::Sequence(items) => return Settings::Leaf((!items.is_empty()).into()),
        Content::Mapping(mapping) => mapping,
    };
    if let Some(settings) = known.get(&Rc::as_ptr(node)) {
        return settings.clone();
    }
    let members = mapping.members.iter();
    let members = members.map(|(name, (_, value))| (name.clone(), settings(value, known)));
    let made = Mapping { settings: members.collect(), has_other_keys: mapping.other_key.is_some() };
    let made = Settings::Mapping(Rc::new(made));
    known.insert(Rc::as_ptr(node), made.clone());
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each plain scalar and what `bool(yaml.safe_load(text))` says of it in
    /// PyYAML 6.0.3.
    const PLAIN: &[(&str, bool)] = &[
        ("", false),
        ("~", false),
        ("null", false),
        ("nULL", true),
        ("y", true),
        ("n", true),
        ("no", false),
        ("nO", true),
        ("off", false),
        ("on", true),
        ("false", false),
        ("0", false),
        ("-0", false),
        ("+0", false),
        ("00", false),
        ("0_0", false),
        ("017", true),
        ("018", true),
        ("08", true),
        ("0o0", true),
        ("0b0", false),
        ("0b1", true),
        ("0x0", false),
        ("0xb", true),
        ("0x0e0", true),
        ("0.0", false),
        ("0.", false),
        (".0", false),
        ("-.0", true),
        ("0e0", true),
        ("0.0e0", true),
        ("0.0e+0", false),
        ("1.0e-5", true),
        ("0:0", true),
        ("0:00.0", false),
        ("1:30", true),
        (".nan", true),
        ("-.inf", true),
        ("2020-01-01", true),
        ("text", true),
        ("600_000_000.0", true),
    ];

    #[test]
    fn plain_scalars_are_as_true_as_for_python() {
        for (text, truth) in PLAIN {
            let settings = parse(&format!("setting: {text}\n")).unwrap();
            assert_eq!(settings.is_true("setting"), *truth, "{text:?}");
        }
    }

    #[test]
    fn quoted_and_tagged_scalars_are_text_unless_tagged_otherwise() {
        for (text, truth) in [
            ("\"false\"", true),
            ("'0'", true),
            ("\"\"", false),
            ("!!str no", true),
            ("!!int 0", false),
        ] {
            let settings = parse(&format!("setting: {text}\n")).unwrap();
            assert_eq!(settings.is_true("setting"), truth, "{text:?}");
        }
    }

    #[test]
    fn collections_are_true_when_not_empty() {
        let settings = parse("a: []\nb: {}\nc: [0]\nd: {x: 0}\ne: {1: 2}\n").unwrap();
        let truths = ["a", "b", "c", "d", "e", "d.x", "e.1", "missing", "c.0", "d.x.y"]
            .map(|path| settings.is_true(path));
        assert_eq!(truths, [false, false, true, true, true, false, false, false, false, false]);
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        assert!(parse("a: false\na: true\n").unwrap().is_true("a"));
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        let text = "base: &base {x: true, y: true}\nother: &other {x: false, z: true}\n\
                    one: {<<: *base, y: false}\nboth: {<<: [*base, *other]}\n\
                    alias: *base\n";
        let settings = parse(text).unwrap();
        let truths =
            ["one.x", "one.y", "both.x", "both.z", "alias.y"].map(|path| settings.is_true(path));
        assert_eq!(truths, [true, false, true, true, true]);
    }

    #[test]
    fn malformed_documents_name_the_line() {
        assert_eq!(parse("a: 1\nb: ]\n").unwrap_err().0, 2);
        assert!(parse("- a\n").is_err());
        assert!(parse("a: &x [*x]\n").is_err());
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse("a: 1\n---\nb: 1\n").is_err());
    }

    #[test]
    fn empty_documents_have_no_settings() {
        for text in ["", "# nothing\n", "---\n", "{}\n"] {
            assert!(!parse(text).unwrap().is_true("a"), "{text:?}");
        }
    }

    #[test]
    fn overrides_merge_mappings_and_replace_the_rest() {
        let base = parse("a: {x: true, y: true}\nb: [1]\nc: {x: 1}\n").unwrap();
        let over = parse("a: {y: false}\nb: []\nc: null\n").unwrap();
        let merged = base.merged_with(over);
        let truths = ["a.x", "a.y", "b", "c"].map(|path| merged.is_true(path));
        assert_eq!(truths, [true, false, false, false]);
    }
}
