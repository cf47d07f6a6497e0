//! The TOML document by which an application's values are edited.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use zeroize::Zeroizing;

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

/// The most bytes that one byte of a value takes: those of `\U00000000`.
const LONGEST_ESCAPE: usize = 10;

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

    /// The document, with what was typed in it and is not stored yet.
    pub(super) fn text(&self, typed: &Changes) -> SecretValue {
        let typed_values = typed.values().flatten();
        let sizes = self.values.values().copied().chain(typed_values);
        let sizes = sizes.map(|value| LONGEST_ESCAPE * value.expose().len());
        let descriptions = self.ids.iter().filter_map(|id| {
            self.environment.spec(&id.application, &id.key)?.description.as_deref()
        });
        let words = descriptions.map(|description| 2 * description.len() + 1024);
        // Room for everything, so that the text is not moved as it grows.
        let size = sizes.sum::<usize>() + words.sum::<usize>() + 1024 * self.ids.len() + 4096;
        let mut text = Text::new(String::with_capacity(size));
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
            let value = match typed.get(id) {
                Some(typed) => typed.as_ref(),
                None => self.values.get(id.key.as_str()).copied(),
            };
            let _ = match value.map(SecretValue::expose_str) {
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
                    let _ = writeln!(text, "{}", format!("# {line}").trim_end());
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
        // Ends of lines that the editor has made its own; the document has
        // carriage returns as escapes alone.
        let text = Zeroizing::new(text.replace("\r\n", "\n"));
        let Read(mut values) = toml_file::parse(&text).map_err(|problem| {
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

/// What somebody saved, with the mistake in it at the top, and what to do about
/// it. Lines are counted from below that.
pub(super) fn with_error(edited: &SecretValue, error: &CliError) -> SecretValue {
    let mut text = String::new();
    let lines = error.message.lines().chain(error.hints.iter().flat_map(|hint| hint.lines()));
    for line in lines {
        let _ = writeln!(text, "{ERROR}{line}");
    }
    if error.message.starts_with("line ") {
        let _ = writeln!(text, "{ERROR}(Lines are counted from below this one.)");
    }
    // Also where that is no text, which an editor may save again as one.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() + edited.expose().len()));
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(edited.expose());
    bytes.into()
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
    let mut text = Text::new(String::with_capacity(LONGEST_ESCAPE * value.len() + 16));
    let in_lines = value.contains('\n') && !value.contains('\r');
    text.push_str(if in_lines { "\"\"\"\n" } else { "\"" });
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        let ends_line = characters.peek().is_none_or(|next| *next == '\n');
        match character {
            // Editors may take blanks away there.
            ' ' if ends_line => text.push_str("\\u0020"),
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
        let shown = with_error(&edited, &CliError::usage("one\ntwo").hint("three"));
        assert_eq!(shown.expose_str(), Some("#! one\n#! two\n#! three\na = \"#! x\"\n"));
        assert_eq!(without_error(&shown), edited);
    }
}
