//! The TOML document by which an application's values are edited.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use super::{Changes, Text};
use crate::cli::CliError;
use crate::description::readable;
use crate::model::{Environment, SecretId, SecretValue};
use crate::printable::printable;
use crate::suggest::nearest;
use crate::toml_file;

/// What the lines that speak of a mistake begin with.
const ERROR: &str = "#! ";

/// The width of descriptions.
const WIDTH: usize = 76;

/// An application's values as they were.
pub(super) struct Document<'a> {
    ids: &'a [SecretId],
    values: BTreeMap<&'a str, &'a SecretValue>,
    environment: &'a Environment,
}

/// The document as it is read again.
#[derive(Deserialize)]
#[serde(transparent)]
struct Read(BTreeMap<String, Text>);

impl<'a> Document<'a> {
    pub(super) fn new(
        ids: &'a [SecretId],
        value: impl Fn(&SecretId) -> Option<&'a SecretValue>,
        environment: &'a Environment,
    ) -> Self {
        let values = ids.iter().filter_map(|id| Some((id.key.as_str(), value(id)?))).collect();
        Self { ids, values, environment }
    }

    /// The document.
    pub(super) fn text(&self) -> SecretValue {
        let sizes = self.values.values().map(|value| 6 * value.expose().len() + 256);
        let mut text = Text::new(String::with_capacity(16384 + 2 * sizes.sum::<usize>()));
        if let Some(id) = self.ids.first() {
            let _ = writeln!(text, "# Static values of {} in {}.", id.application, id.environment);
        }
        text.push_str(
            "#\n# Save and leave to store what you changed; leave without saving to change\n# \
             nothing. To give a value that is missing, take the # away from its line. To\n# remove \
             a stored value, delete its line.\n",
        );
        for id in self.ids {
            text.push('\n');
            self.describe(&mut text, id);
            let key = key(id.key.as_str());
            let _ = match self.values.get(id.key.as_str()).map(|value| value.expose_str()) {
                Some(Some(value)) => writeln!(text, "{key} = {}", string(value).as_str()),
                Some(None) => writeln!(
                    text,
                    "# {key} holds bytes that are no text; replace it with: phalanx-secrets set \
                     --from-file"
                ),
                None => writeln!(text, "# {key} = \"\""),
            };
        }
        SecretValue::from(text.as_bytes().to_vec())
    }

    fn describe(&self, text: &mut String, id: &SecretId) {
        match self.environment.spec(&id.application, &id.key) {
            Some(spec) => {
                for line in readable(spec.description.as_deref().unwrap_or_default(), WIDTH) {
                    let _ = writeln!(text, "# {line}");
                }
            }
            None if self.environment.applications.contains_key(&id.application) => {
                let _ = writeln!(text, "# (No spec asks for this one.)");
            }
            None => {}
        }
        if !self.values.contains_key(id.key.as_str()) {
            let _ = writeln!(text, "# (It has no value yet.)");
        }
    }

    /// What somebody changed in the document.
    pub(super) fn changes(&self, edited: &SecretValue) -> Result<Changes, CliError> {
        let Some(text) = edited.expose_str() else {
            return Err(CliError::usage("what you saved is not UTF-8 text")
                .hint("save it as UTF-8; nothing was stored"));
        };
        let Read(mut values) = toml_file::parse(text).map_err(|problem| {
            let place = problem.line.map_or_else(String::new, |line| format!("line {line}: "));
            CliError::usage(format!("{place}{}", problem.message)).hint(
                "each line is a key and a text: key = \"value\"; lines that begin with # do \
                       not count",
            )
        })?;
        let mut changes = Changes::new();
        for id in self.ids {
            let old = self.values.get(id.key.as_str());
            match (values.remove(id.key.as_str()), old) {
                (Some(new), old) => {
                    let new = SecretValue::from(new.as_str());
                    if old.is_none_or(|old| **old != new) {
                        changes.insert(id.clone(), Some(new));
                    }
                }
                // Bytes that the document did not have.
                (None, Some(old)) if old.expose_str().is_none() => {}
                (None, Some(_)) => {
                    changes.insert(id.clone(), None);
                }
                (None, None) => {}
            }
        }
        match values.keys().next() {
            None => Ok(changes),
            Some(unknown) => {
                let names = self.ids.iter().map(|id| id.key.as_str());
                let near = nearest(unknown, names).map(|near| format!("did you mean {near}?"));
                Err(CliError::usage(format!(
                    "{} is not a static secret of this application",
                    printable(unknown)
                ))
                .hint(near)
                .hint(
                    "a value that no spec asks for can be stored with: phalanx-secrets set \
                       --allow-unknown",
                ))
            }
        }
    }
}

/// What somebody saved, with the mistake in it at the top.
pub(super) fn with_error(edited: &SecretValue, error: &str) -> SecretValue {
    let mut text = Text::new(String::with_capacity(edited.expose().len() + 1024));
    for line in error.lines() {
        let _ = writeln!(text, "{ERROR}{line}");
    }
    text.push_str(edited.expose_str().unwrap_or_default());
    SecretValue::from(text.as_bytes().to_vec())
}

/// What somebody saved, without the lines about an earlier mistake.
pub(super) fn without_error(edited: &SecretValue) -> SecretValue {
    let mut rest = edited.expose();
    while let (true, Some(end)) =
        (rest.starts_with(ERROR.as_bytes()), rest.iter().position(|byte| *byte == b'\n'))
    {
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    SecretValue::from(rest.to_vec())
}

/// A key as TOML has it.
fn key(key: &str) -> String {
    let is_bare = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_bare { key.to_owned() } else { string(key).to_string() }
}

/// A text as TOML has it: on lines of its own where it has several, and to the
/// letter whatever is in it.
fn string(value: &str) -> Text {
    let mut text = Text::new(String::with_capacity(6 * value.len() + 16));
    let in_lines = value.contains('\n') && !value.contains('\r');
    text.push_str(if in_lines { "\"\"\"\n" } else { "\"" });
    for character in value.chars() {
        match character {
            '\n' if in_lines => text.push('\n'),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            character if is_invisible(character) => {
                let _ = write!(text, "\\U{:08X}", u32::from(character));
            }
            character => text.push(character),
        }
    }
    text.push_str(if in_lines { "\"\"\"" } else { "\"" });
    text
}

/// What an editor may change or not show.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200b}'..='\u{200f}')
        || (character.is_whitespace() && character != ' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> BTreeMap<String, Text> {
        let Read(values) = toml_file::parse(text).unwrap();
        values
    }

    proptest! {
        #[test]
        fn any_text_and_any_key_come_back(name in "\\PC{1,20}", value in any::<String>()) {
            let text = format!("{} = {}\n", key(&name), string(&value).as_str());
            let values = read(&text);
            prop_assert_eq!(values[&name].as_str(), value.as_str());
        }

        #[test]
        fn texts_of_several_lines_come_back(value in "([a-z\"\\\\ ]{0,5}\n){1,5}[a-z\"]{0,5}") {
            let text = format!("k = {}\n", string(&value).as_str());
            let values = read(&text);
            prop_assert_eq!(values["k"].as_str(), value.as_str());
        }
    }

    #[test]
    fn an_error_comes_and_goes() {
        let edited = SecretValue::from("a = \"#! x\"\n");
        let shown = with_error(&edited, "one\ntwo");
        assert_eq!(shown.expose_str(), Some("#! one\n#! two\na = \"#! x\"\n"));
        assert_eq!(without_error(&shown), edited);
    }
}
