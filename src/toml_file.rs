//! Typed TOML. Errors say where and what is wrong, and never what stands
//! there: it may be a private key in the wrong place.

use serde::de::DeserializeOwned;

use crate::encoding;

/// What is wrong with a TOML document.
#[derive(Debug)]
pub(crate) struct TomlProblem {
    /// The line, from 1.
    pub(crate) line: Option<u64>,
    /// What is wrong there. It may quote names from the document.
    pub(crate) message: String,
}

/// Parses a document.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, TomlProblem> {
    toml::from_str(text).map_err(|error: toml::de::Error| match encoding::line_with_mark(text) {
        Some(line) => TomlProblem { line: Some(line), message: encoding::MARK.to_owned() },
        None => TomlProblem {
            line: error.span().map(|span| line_at(text, span.start)),
            message: message(error.message()),
        },
    })
}

/// The library's words, without the value that serde repeats in its own.
fn message(text: &str) -> String {
    let repeats = text.starts_with("invalid type: ") || text.starts_with("invalid value: ");
    match text.rsplit_once(", expected ") {
        Some((_, expected)) if repeats => format!(
            "expected {}",
            match expected {
                "a sequence" => "a list",
                "a map" => "a table",
                "u64" => "a whole number",
                expected => expected,
            }
        ),
        _ if repeats => "there is something else than expected".to_owned(),
        _ => {
            let text = text.replace('\n', " ");
            match text.starts_with("unknown field ").then(|| meant(&text)).flatten() {
                Some(meant) => format!("{text}; did you mean {meant}?"),
                None => text,
            }
        }
    }
}

/// The nearest of the names that a message quotes to the first of them.
fn meant(text: &str) -> Option<&str> {
    let mut quoted = text.split('`').skip(1).step_by(2);
    let name = quoted.next()?;
    crate::suggest::nearest(name, quoted)
}

/// The line, from 1, of a byte offset in a text.
pub(crate) fn line_at(text: &str, offset: usize) -> u64 {
    let before = text.as_bytes().iter().take(offset);
    1 + before.filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn errors_name_the_line_and_not_what_stands_there() {
        let problem = |text| {
            let problem = parse::<BTreeMap<String, Vec<bool>>>(text).unwrap_err();
            assert!(!problem.message.contains("hunter2"), "{problem:?}");
            (problem.line.unwrap(), problem.message)
        };
        let list = (2, "expected a list".to_owned());
        assert_eq!(problem("a = []\nb = \"hunter2\"\n"), list);
        assert_eq!(problem("a = []\nb = \"hunter2, expected x\"\n"), list);
        let boolean = (3, "expected a boolean".to_owned());
        assert_eq!(problem("a = [\ntrue,\n'''hunter2\nhunter2'''\n]\n"), boolean);
        assert_eq!(problem("\n\na = [\"hunter2\"]\n"), boolean);
        assert_eq!(problem("a = hunter2\n").0, 1);
        assert_eq!(problem("\na = [] hunter2\n").0, 2);
        assert_eq!(problem("\na = \"hunter2\n").0, 2);
        let mark = (3, encoding::MARK.to_owned());
        assert_eq!(problem("a = []\nb = []\n\u{feff}c = []\n"), mark);
        assert!(parse::<BTreeMap<String, Vec<bool>>>("\u{feff}a = []\n").is_ok());
    }
}
