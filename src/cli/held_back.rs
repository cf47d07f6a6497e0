//! What no message repeats: whatever was given to the program in the place of
//! something else and could be a key or a token, by its form.
//!
//! Errors name the argument or the variable that is wrong, and what stands in
//! it is there for whoever wrote it to see. In the log of a job it would be
//! there for everybody.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::settings::Settings;
use crate::store::{Recipient, SigningKey, could_be_key};

/// What stands in the place of what is held back.
const INSTEAD: &str = "[not repeated: it could be a key]";

/// The shortest part between blanks that is held back by itself.
const PART: usize = 8;

/// Texts that are not repeated.
#[derive(Clone, Default)]
pub(super) struct HeldBack(Arc<[Zeroizing<String>]>);

impl std::fmt::Debug for HeldBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HeldBack").field(&self.0.len()).finish()
    }
}

impl HeldBack {
    /// Those among the arguments and the variables of the process.
    pub(super) fn of_process(settings: &Settings) -> Self {
        let arguments = std::env::args_os().skip(1);
        let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
        Self::among(arguments.chain(settings.texts_that_may_be_keys()))
    }

    fn among(texts: impl Iterator<Item = String>) -> Self {
        let mut held = Vec::new();
        for text in texts.map(Zeroizing::new) {
            // `--option=VALUE` too.
            let value = match text.split_once('=') {
                Some((option, value)) if is_option(option) => value,
                _ => &text,
            };
            if !could_be_key(value) || is_public(value) {
                continue;
            }
            // The parser, and an escape for a line feed, leave parts of it.
            let parts = value.split(|c: char| c.is_whitespace() || c == '=');
            let parts = parts.filter(|part| part.len() >= PART && !is_public(part));
            held.extend(parts.map(|part| Zeroizing::new(part.to_owned())));
            held.push(Zeroizing::new(value.to_owned()));
        }
        // A part of another one comes after it.
        held.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self(held.into())
    }

    /// A message without them.
    pub(super) fn taken_from<'a>(&self, message: &'a str) -> Cow<'a, str> {
        let mut message = Cow::Borrowed(message);
        for text in self.0.iter().filter(|text| !text.is_empty()) {
            if message.contains(text.as_str()) {
                message = Cow::Owned(message.replace(text.as_str(), INSTEAD));
            }
        }
        message
    }

    /// What is said of a wrong command line, without them and without an
    /// argument too many: that could be a value of whatever form.
    pub(super) fn taken_from_usage(&self, error: &clap::Error) -> String {
        use clap::error::{ContextKind, ContextValue, ErrorKind};
        let mut text = self.taken_from(&error.render().ansi().to_string()).into_owned();
        let context = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let argument = context(ContextKind::InvalidArg).unwrap_or_default();
        let given = match error.kind() {
            ErrorKind::UnknownArgument if !argument.starts_with('-') => Some(argument),
            ErrorKind::InvalidValue if argument.contains("--generate") => {
                context(ContextKind::InvalidValue)
            }
            _ => None,
        };
        if let Some(given) = given.filter(|given| !given.is_empty()) {
            text = text.replace(given, "…");
        }
        text
    }
}

/// Whether a text is the name of an option, such as `--from-file`.
fn is_option(text: &str) -> bool {
    let name = text.strip_prefix("--").unwrap_or_default();
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// Whether it is a commit's name, a public key, or the path of something that
/// is there.
fn is_public(text: &str) -> bool {
    let is_commit = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit
        || text.parse::<Recipient>().is_ok()
        || text.parse::<SigningKey>().is_ok()
        || Path::new(text).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn among(texts: &[&str]) -> HeldBack {
        HeldBack::among(texts.iter().map(|text| (*text).to_owned()))
    }

    #[test]
    fn what_could_be_a_key_is_taken_out_wherever_it_stands() {
        let key = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
        let cut = key.strip_prefix("AGE").unwrap();
        let pem = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n";
        let held = among(&["get", "demo", key, pem, &format!("--from-file={cut}")]);
        for message in [format!("no file {key}"), format!("{pem:?} is none"), format!("no {cut}")] {
            let shown = held.taken_from(&message);
            assert!(!shown.contains("GFPYY") && !shown.contains("b3Blb"), "{shown}");
            assert!(shown.contains(INSTEAD), "{shown}");
        }
        assert_eq!(held.taken_from("get demo app key"), "get demo app key");
    }

    #[test]
    fn names_paths_commits_and_public_keys_are_shown() {
        let shown = [
            "demo",
            "~/.ssh/id_ed25519",
            "https://vault.example.org:8200",
            "d3f1a9b2c4e5f60718293a4b5c6d7e8f90a1b2c3",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        ];
        let held = among(&shown);
        for text in shown {
            assert_eq!(held.taken_from(text), text);
        }
    }
}
