//! A value as Vault holds it.

use std::fmt;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::json_text;
use crate::model::SecretValue;

/// A value as Vault holds it: text, as all our secrets are, or whatever else
/// JSON allows and someone put there by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CurrentValue {
    /// A string.
    Text(SecretValue),
    /// Anything else.
    Other(OtherJson),
}

/// A JSON value that is not a string: wiped when dropped, redacted when
/// formatted.
///
/// It is kept as the text that Vault sent, so that writing the entry back
/// changes neither the digits of a number nor the order of an object.
#[derive(Clone, PartialEq, Eq)]
pub struct OtherJson(Zeroizing<String>);

impl CurrentValue {
    /// Makes a value of the text of one JSON value, or `None` where it is not
    /// that.
    ///
    /// ```
    /// # use phalanx_secrets::vault::CurrentValue;
    /// assert!(matches!(CurrentValue::from_json(r#""a\nb""#), Some(CurrentValue::Text(_))));
    /// assert!(matches!(CurrentValue::from_json("1.0"), Some(CurrentValue::Other(_))));
    /// assert_eq!(CurrentValue::from_json("hunter2"), None);
    /// ```
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        Self::from_raw(serde_json::from_str(json).ok()?)
    }

    /// Makes a value of a part of an answer. `None` where it is a string with
    /// half a surrogate pair, which no text can hold.
    pub(super) fn from_raw(raw: &RawValue) -> Option<Self> {
        let json = raw.get();
        if json.starts_with('"') {
            Some(Self::Text(SecretValue::from(json_text::unescape(json)?)))
        } else {
            Some(Self::Other(OtherJson(Zeroizing::new(json.to_owned()))))
        }
    }

    /// The value, if it is text.
    #[must_use]
    pub fn text(&self) -> Option<&SecretValue> {
        match self {
            Self::Text(value) => Some(value),
            Self::Other(_) => None,
        }
    }
}

impl From<SecretValue> for CurrentValue {
    fn from(value: SecretValue) -> Self {
        Self::Text(value)
    }
}

impl OtherJson {
    /// The JSON text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What it is, for messages: `an object`, `a number`, …
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.0.as_bytes().first() {
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        }
    }
}

impl fmt::Debug for OtherJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtherJson(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_a_string_is_kept_to_the_letter() {
        for (json, kind) in [
            ("1.0", "a number"),
            ("-0", "a number"),
            ("123456789012345678901234567890", "a number"),
            ("true", "a boolean"),
            ("null", "null"),
            (r#"["a",{"z":1,"a":2.50}]"#, "an array"),
            (r#"{"z":"\u00e9","a":[ ]}"#, "an object"),
        ] {
            let Some(CurrentValue::Other(other)) = CurrentValue::from_json(json) else {
                panic!("{json} is taken for text");
            };
            assert_eq!((other.expose(), other.kind()), (json, kind));
        }
    }

    #[test]
    fn formatting_shows_no_value() {
        for json in [r#""canary""#, r#"{"canary":"canary"}"#] {
            let shown = format!("{:?}", CurrentValue::from_json(json).unwrap());
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
}
