//! On which line of a file a key stands.
//!
//! Specs do not carry their lines: few of them are ever asked for. What has to
//! name a line reads the file once more, and finds its keys here.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{BorrowedInput, Event, Parser};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::toml_file::line_at;

/// How deep the keys are that anything asks for.
const DEPTH: usize = 8;

/// The lines of the keys of one file.
#[derive(Debug, Default)]
pub(crate) struct KeyLines(HashMap<Vec<String>, u64>);

impl KeyLines {
    /// Finds the keys of a YAML or a TOML file, whichever its name says. Of a
    /// file that does not parse, those before the fault or none.
    pub(crate) fn of(file: &str, text: &str) -> Self {
        let mut lines = Self::default();
        if file.ends_with(".toml") {
            if let Ok(table) = DeTable::parse(text) {
                lines.toml(text, table.get_ref(), &mut Vec::new());
            }
        } else {
            lines.yaml(Parser::new_from_str(text));
        }
        lines
    }

    /// The line, from 1, of the key at a path. Where a key is there twice, that
    /// of the last, which counts.
    pub(crate) fn of_key(&self, path: &[&str]) -> Option<u64> {
        let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
        self.0.get(&path).copied()
    }

    fn toml(&mut self, text: &str, table: &DeTable<'_>, path: &mut Vec<String>) {
        for (key, value) in table {
            path.push(key.get_ref().clone().into_owned());
            self.0.insert(path.clone(), line_at(text, Spanned::span(key).start));
            match value.get_ref() {
                DeValue::Table(table) if path.len() < DEPTH => self.toml(text, table, path),
                _ => {}
            }
            path.pop();
        }
    }

    fn yaml<'a, I: BorrowedInput<'a>>(&mut self, mut parser: Parser<'a, I>) {
        // The mappings that are open, each with the key whose value comes next.
        let mut open: Vec<Level> = Vec::new();
        while let Some(Ok((event, span))) = parser.next_event() {
            let name = match event {
                Event::Scalar(text, ..) => Some(text),
                Event::Alias(..) => None,
                Event::MappingStart(..) => {
                    open.push(Level::Mapping { key: None });
                    continue;
                }
                Event::SequenceStart(..) => {
                    open.push(Level::Sequence);
                    continue;
                }
                Event::MappingEnd | Event::SequenceEnd => {
                    open.pop();
                    Level::end_of_value(&mut open, None);
                    continue;
                }
                _ => continue,
            };
            if Level::end_of_value(&mut open, name)
                && let Some(path) = path(&open)
            {
                self.0.insert(path, span.start.line() as u64);
            }
        }
    }
}

/// A mapping or a list that is open where the parser is.
enum Level {
    Mapping { key: Option<String> },
    Sequence,
}

impl Level {
    /// Takes what has just ended for a key or for a value, whichever it is.
    /// Whether it is a key.
    fn end_of_value(open: &mut [Self], name: Option<Cow<'_, str>>) -> bool {
        let Some(Self::Mapping { key }) = open.last_mut() else { return false };
        let is_key = key.is_none();
        *key = is_key.then(|| name.map(Cow::into_owned).unwrap_or_default());
        is_key
    }
}

/// The path of the key that the innermost mapping is at.
fn path(open: &[Level]) -> Option<Vec<String>> {
    let keys = open.iter().map(|level| match level {
        Level::Mapping { key } => key.clone(),
        Level::Sequence => None,
    });
    if open.len() > DEPTH { None } else { keys.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_yaml_are_found_at_every_level() {
        let text = "# Comment\na: &x\n  b: [c, {d: 1}]\n  \"e f\": >-\n    text\n\n? g\n: *x\na:\n  \
                    - h: 1\n  - 2\ni: {j: {k: {l: 1}}}\n";
        let lines = KeyLines::of("x.yaml", text);
        for (path, line) in [
            (&["a"][..], Some(9)),
            (&["a", "b"], Some(3)),
            (&["a", "e f"], Some(4)),
            (&["g"], Some(7)),
            (&["a", "h"], None),
            (&["c"], None),
            (&["i", "j", "k"], Some(12)),
            (&["text"], None),
        ] {
            assert_eq!(lines.of_key(path), line, "{path:?}");
        }
    }

    #[test]
    fn keys_of_toml_are_found_at_every_level() {
        let text = "a = [\n 1,\n]\n\n[secrets.one]\ndescription = \"x\"\n\n[secrets.\"t w o\"]\n";
        let lines = KeyLines::of("x.toml", text);
        for (path, line) in [
            (&["a"][..], Some(1)),
            (&["secrets", "one"], Some(5)),
            (&["secrets", "one", "description"], Some(6)),
            (&["secrets", "t w o"], Some(8)),
            (&["secrets", "three"], None),
        ] {
            assert_eq!(lines.of_key(path), line, "{path:?}");
        }
    }

    #[test]
    fn a_file_that_does_not_parse_ends_the_search_and_nothing_else() {
        assert_eq!(KeyLines::of("x.toml", "a = \n").of_key(&["a"]), None);
        assert_eq!(KeyLines::of("x.yaml", "a: 1\nb: [\n").of_key(&["a"]), Some(1));
        assert_eq!(KeyLines::of("x.yaml", "").of_key(&["a"]), None);
    }
}
