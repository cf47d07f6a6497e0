//! Typed YAML, read as PyYAML reads it.
//!
//! Of two equal keys the last counts. Text fields keep the source text, so
//! that `017` in a field that is text stays `017`.

use serde::de::DeserializeOwned;
use serde_saphyr::Error;
use serde_saphyr::options::DuplicateKeyPolicy;

/// What is wrong with a YAML document, without a word of its content's values.
#[derive(Debug)]
pub struct YamlProblem {
    /// The line, from 1.
    pub line: Option<u64>,
    /// What is wrong. It may quote names from the document.
    pub message: String,
}

/// Parses a document; an empty one gives the type's default.
///
/// # Errors
/// Where it is not YAML, or not of the type.
pub fn parse<T: DeserializeOwned + Default>(text: &str) -> Result<T, YamlProblem> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Option<T>>(text, options)
        .map(Option::unwrap_or_default)
        .map_err(|error| problem(&error))
}

fn problem(error: &Error) -> YamlProblem {
    let error = error.without_snippet();
    let line = error.location().map(|location| location.line()).filter(|line| *line > 0);
    let message = error.to_string();
    // The caller says where; the library says it again at the end.
    let message = match message.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => message,
    };
    YamlProblem { line, message }
}
