//! A secret's bytes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// A secret's bytes: wiped when dropped, redacted when formatted.
///
/// There is no `Display` and no `Serialize`. Whoever needs the bytes asks for
/// them by name, with [`expose`](Self::expose), and such places are few.
///
/// ```
/// # use phalanx_secrets::model::SecretValue;
/// let value = SecretValue::from("hunter2");
/// assert_eq!(format!("{value:?}"), "SecretValue(redacted)");
/// assert_eq!(value.expose(), b"hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// The bytes themselves.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, or `None` where they are not UTF-8.
    #[must_use]
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The bytes in padded base64.
    #[must_use]
    pub fn to_base64(&self) -> Self {
        let mut text = Zeroizing::new(vec![0; self.0.len().div_ceil(3) * 4]);
        let length = STANDARD.encode_slice(&self.0, &mut text).unwrap_or_default();
        text.truncate(length);
        Self(text)
    }

    /// The bytes that a text in padded base64 stands for, line breaks in it
    /// aside; `None` where it is none.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        let mut plain = Zeroizing::new(String::with_capacity(text.len()));
        plain.extend(text.chars().filter(|character| !character.is_ascii_whitespace()));
        let mut bytes = Zeroizing::new(vec![0; plain.len()]);
        let length = STANDARD.decode_slice(plain.as_bytes(), &mut bytes).ok()?;
        bytes.truncate(length);
        Some(Self(bytes))
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is nothing but white space, if anything at all: what is
    /// left where a variable was not set.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.expose_str().is_some_and(is_blank)
    }
}

/// Whether a text has nothing but white space, if anything at all.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

impl From<Zeroizing<Vec<u8>>> for SecretValue {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for SecretValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<String> for SecretValue {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<&str> for SecretValue {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(redacted)")
    }
}
