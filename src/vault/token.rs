//! The token that Vault knows the caller by.

use thiserror::Error;
use zeroize::Zeroizing;

use crate::model::SecretValue;

/// A Vault token: wiped when dropped, redacted when formatted.
///
/// Made of what a file or an environment variable holds; white space around
/// it (the line end of `~/.vault-token`) is dropped.
///
/// ```
/// # use phalanx_secrets::{model::SecretValue, vault::VaultToken};
/// let token = VaultToken::try_from(SecretValue::from("hvs.hunter2\n")).unwrap();
/// assert_eq!(format!("{token:?}"), "VaultToken(SecretValue(redacted))");
/// assert!(VaultToken::try_from(SecretValue::from("two words")).is_err());
/// ```
#[derive(Debug, Clone)]
pub struct VaultToken(SecretValue);

/// A text that cannot be a Vault token. The text is not part of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is not a Vault token: {reason}")]
pub struct InvalidToken {
    reason: &'static str,
}

impl InvalidToken {
    /// What is wrong with it.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

impl VaultToken {
    /// The token in a buffer that is wiped, for the header that carries it.
    pub(super) fn to_header_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.expose().to_vec())
    }
}

impl TryFrom<SecretValue> for VaultToken {
    type Error = InvalidToken;

    fn try_from(value: SecretValue) -> Result<Self, InvalidToken> {
        let trimmed = value.expose().trim_ascii();
        if trimmed.is_empty() {
            return Err(InvalidToken { reason: "it is empty" });
        }
        if !trimmed.iter().all(u8::is_ascii_graphic) {
            return Err(InvalidToken {
                reason: "only printable ASCII characters without spaces are allowed",
            });
        }
        Ok(Self(SecretValue::from(trimmed.to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_token_is_dropped() {
        let token = VaultToken::try_from(SecretValue::from(" \ths.abc\r\n")).unwrap();
        assert_eq!(token.to_header_bytes().as_slice(), b"hs.abc");
    }

    #[test]
    fn what_cannot_be_a_header_is_refused_without_being_shown() {
        for text in ["", " \n", "canary\ntoken", "canary token", "canary\u{e9}", "canary\u{7f}"] {
            let error = VaultToken::try_from(SecretValue::from(text)).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{text:?}");
        }
    }
}
