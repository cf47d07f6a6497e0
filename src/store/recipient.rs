//! Recipients: the public keys that values are sealed to.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::curve::{is_ed25519_key, is_x25519_key};
use super::private_key::find_private_key;

/// A public key, in canonical form: what two spellings of one key share.
///
/// ```
/// # use phalanx_secrets::store::Recipient;
/// let key: Recipient =
///     "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p".parse()?;
/// assert!("AGE-SECRET-KEY-1QQQ".parse::<Recipient>().is_err());
/// # Ok::<(), phalanx_secrets::store::InvalidRecipient>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient(String);

/// A recipient's kind, by what its stanza in a header shows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecipientKind {
    /// X25519. The stanza does not tell which.
    Native,
    /// An SSH key, with the type and the tag that the stanza has.
    Ssh { kind: String, tag: String },
    /// A plugin's, which says what it likes.
    Plugin,
}

/// A text that is not a public key to which a value can be sealed.
///
/// The text itself is never repeated: it may be a private key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidRecipient {
    /// A private key, where only public ones may be.
    #[error("this is a private key")]
    PrivateKey,
    /// An SSH key of a type that age does not seal to.
    #[error("SSH keys of type {0} cannot be sealed to, only ssh-ed25519 and ssh-rsa")]
    UnsupportedSsh(String),
    /// An RSA key that is too short to be safe.
    #[error("this ssh-rsa key has fewer than 2048 bits")]
    WeakRsa,
    /// An RSA key longer than any in use.
    #[error("this ssh-rsa key has more than 4096 bits")]
    LongRsa,
    /// A key that nobody can have.
    #[error(
        "this is no key of anybody: what is sealed to it everybody can open, or it is written in \
         an odd form"
    )]
    Point,
    /// Anything else.
    #[error("this is neither an age recipient (age1…) nor an SSH public key")]
    Unknown,
}

impl InvalidRecipient {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::PrivateKey => Some(
                "put its public key there instead, and take the private key for exposed if it was \
                 ever committed"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

impl Recipient {
    /// The key in canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What its stanza in a header looks like.
    pub(super) fn kind(&self) -> RecipientKind {
        if let Some((kind @ ("ssh-ed25519" | "ssh-rsa"), wire)) = self.0.split_once(' ') {
            let wire = STANDARD.decode(wire).unwrap_or_default();
            let tag = Sha256::digest(wire).iter().take(4).copied().collect::<Vec<u8>>();
            return RecipientKind::Ssh { kind: kind.to_owned(), tag: STANDARD_NO_PAD.encode(tag) };
        }
        match self.0.parse::<age::x25519::Recipient>() {
            Ok(_) => RecipientKind::Native,
            Err(_) => RecipientKind::Plugin,
        }
    }

    /// The key as the age library takes it.
    pub(super) fn to_age(&self) -> Result<Box<dyn age::Recipient>, age::EncryptError> {
        let text = self.as_str();
        if let Ok(native) = text.parse::<age::x25519::Recipient>() {
            return Ok(Box::new(native));
        }
        if let Ok(ssh) = text.parse::<age::ssh::Recipient>() {
            return Ok(Box::new(ssh));
        }
        let plugin: age::plugin::Recipient =
            text.parse().map_err(|_| age::EncryptError::MissingRecipients)?;
        let name = plugin.plugin().to_owned();
        let plugin = age::plugin::RecipientPluginV1::new(&name, &[plugin], &[], age::NoCallbacks);
        Ok(Box::new(plugin.map_err(age::EncryptError::PluginResolve)?))
    }
}

impl FromStr for Recipient {
    type Err = InvalidRecipient;

    fn from_str(text: &str) -> Result<Self, InvalidRecipient> {
        let text = text.trim();
        if find_private_key(text).is_some() {
            return Err(InvalidRecipient::PrivateKey);
        }
        if text.to_ascii_lowercase().starts_with("age1") {
            if let Ok(native) = text.parse::<age::x25519::Recipient>() {
                let native = native.to_string();
                return match bech32::decode(&native).map(|(_, point)| point.try_into()) {
                    Ok(Ok(point)) if is_x25519_key(&point) => Ok(Self(native)),
                    _ => Err(InvalidRecipient::Point),
                };
            }
            if let Ok(plugin) = text.parse::<age::plugin::Recipient>() {
                return Ok(Self(plugin.to_string()));
            }
            return Err(InvalidRecipient::Unknown);
        }
        use age::ssh::ParseRecipientKeyError as Ssh;
        match text.parse::<age::ssh::Recipient>() {
            Ok(ssh) => {
                let ssh = ssh.to_string();
                match is_ssh_point(&ssh) {
                    Some(false) => Err(InvalidRecipient::Point),
                    _ => Ok(Self(ssh)),
                }
            }
            Err(Ssh::Unsupported(kind)) => Err(InvalidRecipient::UnsupportedSsh(kind)),
            Err(Ssh::RsaModulusTooSmall) => Err(InvalidRecipient::WeakRsa),
            Err(Ssh::RsaModulusTooLarge) => Err(InvalidRecipient::LongRsa),
            Err(_) => Err(InvalidRecipient::Unknown),
        }
    }
}

/// Whether an ssh-ed25519 key is one; `None` of other types.
fn is_ssh_point(key: &str) -> Option<bool> {
    let wire = STANDARD.decode(key.strip_prefix("ssh-ed25519 ")?).unwrap_or_default();
    // The type and the point, each after its length in four bytes.
    let point = wire.get(4 + "ssh-ed25519".len() + 4..).unwrap_or_default();
    Some(point.try_into().is_ok_and(|point| is_ed25519_key(&point)))
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The recipients that one value is sealed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientSet(BTreeSet<Recipient>);

impl RecipientSet {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has a recipient.
    #[must_use]
    pub fn contains(&self, recipient: &Recipient) -> bool {
        self.0.contains(recipient)
    }

    /// The recipients, in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = &Recipient> {
        self.0.iter()
    }

    /// The digest that the seal carries: SHA-256 over a label and the sorted
    /// canonical recipients, each ended by a line feed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update(b"phalanx-secrets recipients 1\n");
        for recipient in &self.0 {
            hash.update(recipient.as_str().as_bytes());
            hash.update(b"\n");
        }
        Digest(STANDARD_NO_PAD.encode(hash.finalize()))
    }
}

impl FromIterator<Recipient> for RecipientSet {
    fn from_iter<I: IntoIterator<Item = Recipient>>(recipients: I) -> Self {
        Self(recipients.into_iter().collect())
    }
}

/// A digest of recipients: 43 characters of unpadded base64.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest(String);

impl Digest {
    /// The digest as it stands in a seal.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_sha256 = STANDARD_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32);
        is_sha256.then(|| Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NATIVE: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    const SSH: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";

    #[test]
    fn comments_and_white_space_are_not_part_of_a_key() {
        let plain: Recipient = SSH.parse().unwrap();
        let commented: Recipient = format!(" {SSH} alice@laptop\n").parse().unwrap();
        assert_eq!(plain, commented);
        assert_eq!(plain.as_str(), SSH);
    }

    #[test]
    fn private_keys_are_refused_without_being_repeated() {
        for text in [
            "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "AGE-PLUGIN-YUBIKEY-1QQQ",
        ] {
            let error = text.parse::<Recipient>().unwrap_err();
            assert_eq!(error, InvalidRecipient::PrivateKey);
            assert!(!error.to_string().contains(text));
        }
    }

    #[test]
    fn other_keys_are_refused_with_the_reason() {
        assert_eq!("age1".parse::<Recipient>(), Err(InvalidRecipient::Unknown));
        assert_eq!("".parse::<Recipient>(), Err(InvalidRecipient::Unknown));
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";
        assert_eq!(
            ecdsa.parse::<Recipient>(),
            Err(InvalidRecipient::UnsupportedSsh("ecdsa-sha2-nistp256".to_owned()))
        );
    }

    #[test]
    fn the_digest_is_of_the_set() {
        let (a, b): (Recipient, Recipient) = (NATIVE.parse().unwrap(), SSH.parse().unwrap());
        let one = RecipientSet::from_iter([a.clone(), b.clone(), a.clone()]);
        let two = RecipientSet::from_iter([b, a.clone()]);
        assert_eq!(one.digest(), two.digest());
        assert_ne!(one.digest(), RecipientSet::from_iter([a]).digest());
        assert_eq!(Digest::parse(one.digest().as_str()), Some(one.digest()));
        assert_eq!(Digest::parse("short"), None);
    }

    #[test]
    fn the_digest_is_as_documented() {
        // The worked example in docs/format.md: the recipient of this
        // repository's own store.
        let demo = "age1zxvxv9rfv6zejp4xc3rfu3s3k073v2ev9qy9almyxg82c7wqlylsa4uegy";
        let one = RecipientSet::from_iter([demo.parse().unwrap()]);
        assert_eq!(one.digest().as_str(), "048U0agr/59KiY1SDcNzH7Nu2//jhV2+PN8iP2GXj1Y");
    }
}
