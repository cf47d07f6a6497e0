//! YAML, read as the Python CLI reads it: by PyYAML, and then by pydantic.
//!
//! [`tree`] has a document with each [`scalar`] as PyYAML takes it; [`typed`]
//! makes types of it. [`strict`] is for files in which a plain scalar keeps its
//! spelling, and no key may be there twice.

mod scalar;
mod strict;
#[cfg(test)]
mod tests;
mod tree;
mod typed;

use serde::Deserialize as _;
use serde::de::DeserializeOwned;

pub use strict::{YamlProblem, parse_strictly};
pub(super) use tree::{Content, Failure, Names, Node, read};

/// Parses a document; an empty one gives the type's default.
///
/// # Errors
/// Where it is not YAML, or not of the type.
pub(super) fn parse<T: DeserializeOwned + Default>(
    text: &str,
    names: Names,
) -> Result<T, YamlProblem> {
    let problem = |line, message| YamlProblem { line, message, without_content: None };
    let document = read(text, names).map_err(|(line, message)| {
        strict::marked(text).unwrap_or_else(|| problem(Some(line), message))
    })?;
    let Some(document) = document else { return Ok(T::default()) };
    Option::<T>::deserialize(&*document)
        .map(Option::unwrap_or_default)
        .map_err(|error| strict::marked(text).unwrap_or_else(|| problem(error.line, error.message)))
}
