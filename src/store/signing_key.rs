//! Signing keys: the SSH keys with which a holder signs commits.

use std::fmt;
use std::str::FromStr;

use ssh_key::PublicKey;
use ssh_key::public::{EcdsaPublicKey, KeyData};
use thiserror::Error;

use super::curve::is_ed25519_key;

/// The fewest bits of an RSA key that signs.
const MIN_RSA_BITS: usize = 2048;

/// An SSH public key that signs commits: `ssh-ed25519`, `ssh-rsa`,
/// `ecdsa-sha2-nistp256`, or either of the two that live on a security key
/// (`sk-…`). Two spellings of a key are equal; its comment is no part of it.
///
/// A recipient is what values are sealed to, this is whose word counts. One
/// SSH key can be both, and is only what it is listed as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey(KeyData);

/// A text that is no signing key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidSigningKey {
    /// No SSH public key.
    #[error("this is not an SSH public key (ssh-ed25519 …, ssh-rsa …, ecdsa-sha2-nistp256 …)")]
    Unknown,
    /// A key of a type whose signatures are not verified here.
    #[error("signatures by keys of type {0} cannot be verified here")]
    Unsupported(String),
    /// A key that nobody can have.
    #[error("this is no key of anybody: everybody can make signatures by it")]
    Point,
    /// An RSA key that is too short to be safe.
    #[error("this ssh-rsa key has fewer than 2048 bits")]
    WeakRsa,
}

impl SigningKey {
    /// A key as the SSH library has it.
    pub(crate) fn from_data(key: &KeyData) -> Result<Self, InvalidSigningKey> {
        match key {
            KeyData::Ed25519(key) if !is_ed25519_key(&key.0) => {
                return Err(InvalidSigningKey::Point);
            }
            KeyData::SkEd25519(key) if !is_ed25519_key(&key.public_key().0) => {
                return Err(InvalidSigningKey::Point);
            }
            KeyData::Ed25519(_)
            | KeyData::SkEd25519(_)
            | KeyData::SkEcdsaSha2NistP256(_)
            | KeyData::Ecdsa(EcdsaPublicKey::NistP256(_)) => {}
            KeyData::Rsa(rsa) => {
                let bytes = rsa.n.as_positive_bytes().map_or(0, <[u8]>::len);
                if bytes * 8 < MIN_RSA_BITS {
                    return Err(InvalidSigningKey::WeakRsa);
                }
            }
            other => return Err(InvalidSigningKey::Unsupported(other.algorithm().to_string())),
        }
        Ok(Self(key.clone()))
    }

    /// The key's fingerprint, as `ssh-keygen -l` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(ssh_key::HashAlg::Sha256).to_string()
    }
}

impl FromStr for SigningKey {
    type Err = InvalidSigningKey;

    fn from_str(text: &str) -> Result<Self, InvalidSigningKey> {
        let key = PublicKey::from_openssh(text.trim()).map_err(|_| InvalidSigningKey::Unknown)?;
        Self::from_data(key.key_data())
    }
}

impl fmt::Display for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = PublicKey::new(self.0.clone(), "");
        f.write_str(&key.to_openssh().map_err(|_| fmt::Error)?)
    }
}
