//! Helm values files, read for their truth alone.
//!
//! Conditions must come out as they do for the Python CLI, which reads YAML
//! 1.1 through PyYAML: `on` is true, `y` is a string (and so true), `0o0` is a
//! string, `0_0` is zero. No deserializer keeps both a scalar's text and its
//! quoting, so this reads the parser's events.
//!
//! Source of the patterns: PyYAML 6, `resolver.py` and `constructor.py`.

use std::collections::HashMap;
use std::rc::Rc;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::conditions::{Mapping, Settings};

/// Deeper nesting than any values file has, and than the stack need bear.
const MAX_DEPTH: usize = 200;

/// Reads a values file. An empty one has no settings.
///
/// # Errors
/// The line, from 1, and what is wrong there.
pub(super) fn parse(text: &str) -> Result<Settings, (u64, String)> {
    let mut reader =
        Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), line: 1 };
    let mut document = None;
    while let Some(event) = reader.next()? {
        match event {
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Comment(..) => {}
            _ if document.is_some() => {
                return Err((reader.line, "there is more than one document".to_owned()));
            }
            event => document = Some(reader.node(event, 0)?.settings),
        }
    }
    match document {
        Some(settings @ Settings::Mapping(_)) => Ok(settings),
        // Python takes an empty document, or any false one, for no settings.
        None | Some(Settings::Leaf(false)) => Ok(Settings::default()),
        Some(Settings::Leaf(true)) => Err((1, "it is not a mapping".to_owned())),
    }
}

type Failure = (u64, String);

struct Reader<'a, I: serde_saphyr::granit_parser::BorrowedInput<'a>> {
    parser: Parser<'a, I>,
    anchors: HashMap<usize, Node>,
    line: u64,
}

/// A node with what its place may ask of it: its settings, the text it has as
/// a key, and the mappings it brings where it is merged.
#[derive(Clone)]
struct Node {
    settings: Settings,
    key: NodeKey,
    items: Rc<[Settings]>,
}

#[derive(Clone)]
enum NodeKey {
    Text(String),
    Merge,
    Other,
}

impl<'a, I: serde_saphyr::granit_parser::BorrowedInput<'a>> Reader<'a, I> {
    fn next(&mut self) -> Result<Option<Event<'a>>, Failure> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                self.line = span.start.line() as u64;
                Ok(Some(event))
            }
            Some(Err(error)) => Err(self.failure(&error)),
        }
    }

    fn failure(&self, error: &ScanError) -> Failure {
        (error.marker().line() as u64, error.info().to_owned())
    }

    fn inside(&mut self) -> Result<Event<'a>, Failure> {
        loop {
            match self.next()? {
                Some(Event::Comment(..)) => {}
                Some(event) => return Ok(event),
                None => return Err((self.line, "the document ends too early".to_owned())),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Node, Failure> {
        if depth > MAX_DEPTH {
            return Err((self.line, "it is nested too deeply".to_owned()));
        }
        let (node, anchor) = match event {
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                return node.ok_or_else(|| (self.line, "an alias refers to itself".to_owned()));
            }
            Event::Scalar(text, style, anchor, tag) => {
                (self.scalar(&text, style, tag.as_deref())?, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(depth)?, anchor),
            _ => return Err((self.line, "something other than a value stands here".to_owned())),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Node, Failure> {
        let scalar = match tag.map(|tag| (tag, tag.core_suffix())) {
            None if style == ScalarStyle::Plain => Scalar::resolve(text),
            None | Some((_, Some("str" | "binary"))) => Scalar::text(text),
            Some((_, Some("null" | "bool" | "int" | "float" | "timestamp"))) => {
                Scalar::resolve(text)
            }
            Some(_) => return Err((self.line, "this tag is not supported".to_owned())),
        };
        let key = match scalar {
            Scalar::Text { .. } => NodeKey::Text(text.to_owned()),
            Scalar::Merge => NodeKey::Merge,
            Scalar::Other { .. } => NodeKey::Other,
        };
        let truth = match scalar {
            Scalar::Text { truth } | Scalar::Other { truth } => truth,
            Scalar::Merge => true,
        };
        Ok(Node { settings: Settings::Leaf(truth), key, items: Rc::default() })
    }

    fn sequence(&mut self, depth: usize) -> Result<Node, Failure> {
        let mut items = Vec::new();
        loop {
            match self.inside()? {
                Event::SequenceEnd => break,
                event => items.push(self.node(event, depth + 1)?.settings),
            }
        }
        let settings = Settings::Leaf(!items.is_empty());
        Ok(Node { settings, key: NodeKey::Other, items: items.into() })
    }

    fn mapping(&mut self, depth: usize) -> Result<Node, Failure> {
        let mut own = Mapping::default();
        let mut merged = Mapping::default();
        loop {
            let key = match self.inside()? {
                Event::MappingEnd => break,
                event => self.node(event, depth + 1)?.key,
            };
            let event = self.inside()?;
            let value = self.node(event, depth + 1)?;
            match key {
                NodeKey::Text(name) => {
                    own.settings.insert(name, value.settings);
                }
                NodeKey::Other => own.has_other_keys = true,
                NodeKey::Merge => self.merge(&mut merged, &value)?,
            }
        }
        merged.settings.extend(own.settings);
        merged.has_other_keys |= own.has_other_keys;
        Ok(Node {
            settings: Settings::Mapping(Rc::new(merged)),
            key: NodeKey::Other,
            items: Rc::default(),
        })
    }

    /// Merges a mapping, or a list of mappings of which the first counts most.
    fn merge(&self, into: &mut Mapping, value: &Node) -> Result<(), Failure> {
        let one = std::slice::from_ref(&value.settings);
        let sources = if value.items.is_empty() { one } else { &value.items };
        for source in sources.iter().rev() {
            let Settings::Mapping(source) = source else {
                return Err((self.line, "only mappings can be merged with <<".to_owned()));
            };
            into.settings
                .extend(source.settings.iter().map(|(name, value)| (name.clone(), value.clone())));
            into.has_other_keys |= source.has_other_keys;
        }
        Ok(())
    }
}

/// What PyYAML makes of a scalar.
enum Scalar {
    /// A string.
    Text { truth: bool },
    /// The merge key.
    Merge,
    /// Null, a boolean or a number.
    Other { truth: bool },
}

impl Scalar {
    fn text(text: &str) -> Self {
        Self::Text { truth: !text.is_empty() }
    }

    /// Resolves a plain scalar by PyYAML's implicit resolvers.
    fn resolve(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Other { truth: false },
            "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
                return Self::Other { truth: true };
            }
            "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
                return Self::Other { truth: false };
            }
            "<<" => return Self::Merge,
            _ => {}
        }
        if is_integer(text) || is_float(text) {
            return Self::Other { truth: !is_zero(text) };
        }
        Self::text(text)
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn all(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(allowed)
}

/// `tag:yaml.org,2002:int`: binary, octal, decimal, hexadecimal, base 60.
fn is_integer(text: &str) -> bool {
    let text = unsigned(text);
    if let Some(digits) = text.strip_prefix("0b") {
        return all(digits, |c| matches!(c, '0' | '1' | '_'));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, |c| c.is_ascii_hexdigit() || c == '_');
    }
    if let Some(digits) = text.strip_prefix('0') {
        return digits.chars().all(|c| matches!(c, '0'..='7' | '_'));
    }
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    first.starts_with(|c: char| c.is_ascii_digit())
        && all(first, |c| c.is_ascii_digit() || c == '_')
        && parts.all(is_sexagesimal)
}

/// `tag:yaml.org,2002:float`.
fn is_float(text: &str) -> bool {
    let bare = unsigned(text);
    if matches!(bare, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let is_digits = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_digit())
            && all(text, |c| c.is_ascii_digit() || c == '_')
    };
    let Some((whole, rest)) = bare.split_once('.') else { return false };
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    let exponent_is_right = exponent.is_none_or(|exponent| {
        exponent.strip_prefix(['+', '-']).is_some_and(|digits| all(digits, |c| c.is_ascii_digit()))
    });
    let fraction_is_right = fraction.chars().all(|c| c.is_ascii_digit() || c == '_');
    if whole.is_empty() {
        return text.starts_with('.') && is_digits(fraction) && exponent_is_right;
    }
    let mut parts = whole.split(':');
    let first_is_right = parts.next().is_some_and(is_digits);
    let mut has_sixties = false;
    let sixties_are_right = parts.all(|part| {
        has_sixties = true;
        is_sexagesimal(part)
    });
    first_is_right
        && sixties_are_right
        && fraction_is_right
        && exponent_is_right
        && !(has_sixties && exponent.is_some())
}

/// Whether a number, which `text` is known to be, is zero.
fn is_zero(text: &str) -> bool {
    let text = unsigned(text);
    let digits = match text.strip_prefix("0b").or_else(|| text.strip_prefix("0x")) {
        Some(digits) => digits,
        // An exponent makes no zero of another number, nor the reverse.
        None => text.split(['e', 'E']).next().unwrap_or(text),
    };
    !digits.contains(|c: char| c.is_ascii_alphanumeric() && c != '0')
}

/// `[0-5]?[0-9]`.
fn is_sexagesimal(part: &str) -> bool {
    match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
        _ => false,
    }
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
