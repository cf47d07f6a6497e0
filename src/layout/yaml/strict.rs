//! Typed YAML whose text fields keep the source text, so that `017` in a field
//! that is text stays `017`.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_saphyr::granit_parser::{Event, Parser};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Error, Localizer, Location, UserMessageFormatter};

use super::tree::NAMESPACE;
use crate::encoding;

/// The tags of YAML itself. All others are some program's own.
const TAGS: [&str; 12] = [
    "str",
    "int",
    "float",
    "bool",
    "null",
    "timestamp",
    "binary",
    "map",
    "seq",
    "omap",
    "set",
    "pairs",
];

/// What is wrong with a YAML document, without a word of its content's values.
#[derive(Debug)]
pub struct YamlProblem {
    /// The line, from 1.
    pub line: Option<u64>,
    /// What is wrong, on one line. It may quote names from the document.
    pub message: String,
    /// The same without a word from the document, as far as that can be said.
    pub without_content: Option<String>,
}

/// Parses a document in which no key may be there twice; an empty one gives the
/// type's default.
///
/// # Errors
/// Where it is not YAML, or not of the type; a key that is there twice; and a
/// tag of some other program.
pub fn parse_strictly<T: DeserializeOwned + Default>(text: &str) -> Result<T, YamlProblem> {
    refuse_tags(text).map_err(|problem| marked(text).unwrap_or(problem))?;
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Option<T>>(text, options)
        .map(Option::unwrap_or_default)
        .map_err(|error| marked(text).unwrap_or_else(|| problem(&error)))
}

/// The problem of a text in which a line begins with a byte order mark.
pub(super) fn marked(text: &str) -> Option<YamlProblem> {
    let message = encoding::MARK.to_owned();
    let without_content = Some(message.clone());
    encoding::line_with_mark(text).map(|line| YamlProblem {
        line: Some(line),
        message,
        without_content,
    })
}

/// Refuses the tags of other programs, as PyYAML does: what they ask for is not
/// done here, and what they stand before would be taken as it is, ciphertext
/// for the value. A tag is not repeated, since a password that begins with `!`
/// is one where it has no quotes.
fn refuse_tags(text: &str) -> Result<(), YamlProblem> {
    let mut parser = Parser::new_from_str(text);
    // What is malformed is said by what reads it then.
    while let Some(Ok((event, span))) = parser.next_event() {
        let tag = match &event {
            Event::Scalar(_, _, _, tag)
            | Event::SequenceStart(_, _, tag)
            | Event::MappingStart(_, _, tag) => tag.as_deref(),
            _ => None,
        };
        let name = tag.map(|tag| tag.suffix_in_namespace(NAMESPACE));
        if name.is_some_and(|name| name.is_none_or(|name| !TAGS.contains(&&*name))) {
            let message = "a value begins with '!', which is a tag of another program in YAML: \
                           put the value into quotes, or have that program decrypt it first"
                .to_owned();
            return Err(YamlProblem {
                line: Some(span.start.line() as u64),
                message: message.clone(),
                without_content: Some(message),
            });
        }
    }
    Ok(())
}

fn problem(error: &Error) -> YamlProblem {
    let error = error.without_snippet();
    let line = error.location().map(|location| location.line()).filter(|line| *line > 0);
    YamlProblem { line, message: message(error), without_content: without_content(error) }
}

/// What is wrong, in words that are all our own.
fn without_content(error: &Error) -> Option<String> {
    match error {
        Error::Unexpected { .. }
        | Error::InvalidScalar { .. }
        | Error::MultipleDocuments { .. }
        | Error::SerdeInvalidType { .. } => Some(message(error)),
        Error::SerdeUnknownField { expected, .. } => {
            Some(format!("a field is none of: {}", expected.join(", ")))
        }
        Error::SerdeMissingField { field, .. } => Some(format!("the field {field} is missing")),
        Error::DuplicateMappingKey { .. } => Some("a key is there for the second time".to_owned()),
        Error::UnknownAnchor { .. } => Some("an alias has no anchor".to_owned()),
        _ => None,
    }
}

/// What is wrong, in words for who wrote the document. Where the library's
/// words would repeat what stands there, they are not used.
fn message(error: &Error) -> String {
    let expected = match error {
        Error::Unexpected { expected: "mapping start", .. } => "a mapping",
        Error::Unexpected { expected: "sequence start", .. } => "a list",
        Error::Unexpected { expected: "string scalar", .. }
        | Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. }
        | Error::NonFiniteFloat { .. } => "text",
        Error::Unexpected { expected, .. } => expected,
        Error::InvalidScalar { ty, .. } => &format!("a {ty}"),
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            expected
        }
        Error::MultipleDocuments { .. } => return "there is more than one document".to_owned(),
        Error::SerdeUnknownField { field, expected, .. }
            if let Some(meant) = crate::suggest::nearest(field, expected.iter().copied()) =>
        {
            return format!("unknown field `{field}`; did you mean {meant}?");
        }
        _ => {
            let formatter = UserMessageFormatter.with_localizer(&PlaceSaidElsewhere);
            return error.render_with_formatter(&formatter);
        }
    };
    format!("expected {expected}")
}

/// Leaves the line out of a message, since it goes before it.
struct PlaceSaidElsewhere;

impl Localizer for PlaceSaidElsewhere {
    fn attach_location<'a>(&self, message: Cow<'a, str>, _: Location) -> Cow<'a, str> {
        message
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_tag_of_another_program_is_refused_and_not_shown() {
        type Any = BTreeMap<String, serde::de::IgnoredAny>;
        for text in [
            "\nb: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n",
            "\nb: !hunter2\n",
            "\nb: [!!python/object:hunter2 {}]\n",
            "\nb: !Ref {hunter2: 1}\n",
            "%TAG !x! tag:hunter2,2000:\n---\nb: !x!y z\n",
        ] {
            let problem = parse_strictly::<Any>(text).unwrap_err();
            assert!(problem.line.is_some_and(|line| line > 1), "{text} {problem:?}");
            assert!(problem.message.contains("tag"), "{text} {problem:?}");
            assert!(!format!("{problem:?}").contains("hunter2"), "{problem:?}");
        }
        for text in ["a: '!x'\n", "a: x!y\n", "a: !!str 1\n", "a: !!map {b: !!int 1}\n", ""] {
            assert!(parse_strictly::<Any>(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_problem_is_one_line_without_its_place_and_without_content() {
        for (text, line, message) in [
            ("a: [true]\nb: hunter2\n", 2, "expected a list"),
            ("\na: [hunter2]\n", 2, "expected a boolean"),
            ("hunter2\n", 1, "expected a mapping"),
            ("a: [\n  *hunter2 ]\n", 2, "reference to unknown value"),
            (
                "a: []\n b: [hunter2]\n",
                2,
                "while parsing a block mapping, did not find expected key",
            ),
            ("a: ['hunter2\n", 1, "unclosed quote"),
            ("a: []\n---\nhunter2\n", 3, "there is more than one document"),
        ] {
            let problem = parse_strictly::<BTreeMap<String, Vec<bool>>>(text).unwrap_err();
            assert_eq!((problem.line, problem.message.as_str()), (Some(line), message), "{text}");
        }
    }
}
