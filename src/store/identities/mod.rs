//! Identities: the private keys that open sealed values.
//!
//! Where to look is decided by whoever calls, in order; this module reads what
//! it is given and remembers what it tried, so that "none of them opens it"
//! can say which. What is behind a passphrase stays so until it is needed.

mod locked;
mod plugin;

use std::io::{BufRead, Cursor};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use thiserror::Error;
use zeroize::Zeroizing;

pub use locked::UnlockError;
use locked::{LockedFile, LockedSsh, State};
use plugin::PluginIdentity;

use super::recipient::{Recipient, find_private_key};
use crate::model::SecretValue;

/// The largest identity file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// A place where identities may be.
#[derive(Debug, Clone)]
pub enum IdentitySource {
    /// A file that the user named.
    File {
        /// Its path.
        path: PathBuf,
        /// How it was named, such as `-i` or an environment variable.
        named_by: &'static str,
    },
    /// A file that is used if it is there, and passed over if it cannot be.
    DefaultFile(PathBuf),
    /// The identities themselves.
    Text {
        /// The text of an identity file.
        text: SecretValue,
        /// Where it is from, such as an environment variable.
        named_by: &'static str,
    },
}

/// Asks whoever runs the program. Each answer is `None` where nobody can be
/// asked.
pub trait Ask: Send + Sync {
    /// Asks for a passphrase or a PIN, which is not shown.
    fn secret(&self, prompt: &str) -> Option<SecretString>;
    /// Asks for a text.
    fn text(&self, question: &str) -> Option<String>;
    /// Asks to choose.
    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Option<bool>;
    /// Shows a message.
    fn tell(&self, message: &str);
}

/// Nobody is there to ask.
struct Nobody;

impl Ask for Nobody {
    fn secret(&self, _: &str) -> Option<SecretString> {
        None
    }

    fn text(&self, _: &str) -> Option<String> {
        None
    }

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn tell(&self, _: &str) {}
}

/// One identity at hand.
pub struct Identity {
    key: Box<dyn age::Identity + Send + Sync>,
    /// Its public key, where that follows from it (not for plugins, nor for a
    /// file with a passphrase).
    pub recipient: Option<Recipient>,
    /// Where it is from.
    pub origin: String,
    lock: Option<Arc<dyn State>>,
    is_last: bool,
}

impl Identity {
    /// Why it is still locked, where it is.
    #[must_use]
    pub fn why_locked(&self) -> Option<String> {
        match self.lock.as_ref()?.outcome() {
            None => Some("locked; nothing was sealed to it".to_owned()),
            Some(Err(error)) => Some(format!("locked: {error}")),
            Some(Ok(())) => None,
        }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("recipient", &self.recipient)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// A default file that was passed over.
#[derive(Debug)]
pub struct SkippedIdentity {
    /// The file.
    pub origin: String,
    /// Why.
    pub reason: IdentityError,
}

/// Identities that cannot be used.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// A file that cannot be read.
    #[error("{origin} cannot be read")]
    Read {
        /// The file and how it was named.
        origin: String,
        /// Why.
        source: std::io::Error,
    },
    /// A private key in the place of a path. It is not repeated.
    #[error("{named_by} needs the path of a file, and was given a private key itself")]
    NotAPath {
        /// How it was given.
        named_by: &'static str,
    },
    /// A public key where a private one is needed.
    #[error("{origin}: line {line} is a public key; the private key that belongs to it is needed")]
    PublicKey {
        /// The file and how it was named.
        origin: String,
        /// The line, from 1.
        line: usize,
    },
    /// A line that holds no identity. The line is not repeated.
    #[error("{origin}: line {line} is not an age identity")]
    Malformed {
        /// The file and how it was named.
        origin: String,
        /// The line, from 1.
        line: usize,
    },
    /// An SSH key that cannot be used.
    #[error("{origin}: this SSH private key cannot be used: {reason}")]
    Ssh {
        /// The file and how it was named.
        origin: String,
        /// Why.
        reason: &'static str,
    },
    /// An identity file that is encrypted to keys.
    #[error("{origin} is itself encrypted, and not with a passphrase")]
    Encrypted {
        /// The file and how it was named.
        origin: String,
    },
    /// A plugin that is not installed, or that failed.
    #[error("{origin}: line {line}: the age plugin of this identity cannot be used")]
    Plugin {
        /// The file and how it was named.
        origin: String,
        /// The line, from 1.
        line: usize,
        /// Why.
        source: age::plugin::ResolveError,
    },
    /// No identity in a file that should have one.
    #[error("{origin} holds no identity")]
    Empty {
        /// The file and how it was named.
        origin: String,
    },
}

impl IdentityError {
    /// What to do about it, where that is not plain from the message.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Malformed { .. } | Self::Empty { .. } => {
                "an identity file is what age-keygen writes, or an SSH private key"
            }
            Self::Ssh { .. } => {
                "make an age identity with age-keygen, and have its public key added to your file \
                 in recipients/"
            }
            Self::Encrypted { .. } => "decrypt it on the way: -i <(age --decrypt FILE)",
            Self::NotAPath { .. } => "PHALANX_SECRETS_IDENTITY and SOPS_AGE_KEY may hold a key",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// The identities at hand, in the order in which they are tried.
#[derive(Debug, Default)]
pub struct Identities {
    found: Vec<Identity>,
    /// Default files that are there and could not be used.
    pub skipped: Vec<SkippedIdentity>,
}

impl Identities {
    /// Reads all identities from the sources, in their order. Those with a
    /// passphrase stay locked.
    ///
    /// # Errors
    /// A source that the user named and that cannot be used.
    pub fn load(sources: &[IdentitySource]) -> Result<Self, IdentityError> {
        Self::load_asking(sources, &(Arc::new(Nobody) as Arc<dyn Ask>))
    }

    /// Reads all identities from the sources, in their order. When one with a
    /// passphrase is needed, it is asked for, once.
    ///
    /// # Errors
    /// A source that the user named and that cannot be used.
    pub fn load_asking(
        sources: &[IdentitySource],
        ask: &Arc<dyn Ask>,
    ) -> Result<Self, IdentityError> {
        let mut identities = Self::default();
        for source in sources {
            match source {
                IdentitySource::File { path, named_by } => {
                    if path.to_str().is_some_and(|path| find_private_key(path).is_some()) {
                        return Err(IdentityError::NotAPath { named_by });
                    }
                    let origin = format!("the identity file {} ({named_by})", path.display());
                    let text = read(path)
                        .map_err(|source| IdentityError::Read { origin: origin.clone(), source })?;
                    identities.found.extend(parse(&text, &origin, ask)?);
                }
                IdentitySource::Text { text, named_by } => {
                    identities.found.extend(parse(text.expose(), named_by, ask)?);
                }
                IdentitySource::DefaultFile(path) => identities.load_default(path, ask),
            }
        }
        identities.found.sort_by_key(|identity| identity.is_last);
        Ok(identities)
    }

    fn load_default(&mut self, path: &Path, ask: &Arc<dyn Ask>) {
        let origin = path.display().to_string();
        let found = match read(path) {
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return,
            Err(source) => Err(IdentityError::Read { origin: origin.clone(), source }),
            Ok(text) => parse(&text, &origin, ask),
        };
        match found {
            Ok(found) => self.found.extend(found),
            Err(reason) => self.skipped.push(SkippedIdentity { origin, reason }),
        }
    }

    /// The identities, as the age library takes them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.found.iter().map(|identity| &*identity.key as &dyn age::Identity)
    }

    /// The identities that are at hand.
    #[must_use]
    pub fn found(&self) -> &[Identity] {
        &self.found
    }

    /// The public keys of the identities, as far as they are known.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.found.iter().filter_map(|identity| identity.recipient.as_ref())
    }
}

fn read(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let too_large = || std::io::Error::new(std::io::ErrorKind::FileTooLarge, "larger than 1 MiB");
    if std::fs::metadata(path)?.len() > MAX_FILE {
        return Err(too_large());
    }
    std::fs::read(path).map(Zeroizing::new)
}

/// Reads the text of an identity file or of an SSH private key.
fn parse(text: &[u8], origin: &str, ask: &Arc<dyn Ask>) -> Result<Vec<Identity>, IdentityError> {
    let origin = origin.to_owned();
    let begins_with = |prefix: &[u8]| text.trim_ascii_start().starts_with(prefix);
    if begins_with(b"age-encryption.org/") || begins_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
        return parse_encrypted(text, origin, ask).map(|identity| vec![identity]);
    }
    if begins_with(b"-----BEGIN") {
        return parse_ssh(text, &origin, ask).map(|identity| vec![identity]);
    }
    let mut found = Vec::new();
    for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        found.push(parse_line(line, number, &origin, ask)?);
    }
    if found.is_empty() {
        return Err(IdentityError::Empty { origin });
    }
    Ok(found)
}

fn parse_line(
    line: &[u8],
    number: usize,
    origin: &str,
    ask: &Arc<dyn Ask>,
) -> Result<Identity, IdentityError> {
    let malformed = || IdentityError::Malformed { origin: origin.to_owned(), line: number };
    let text = std::str::from_utf8(line).map_err(|_| malformed())?;
    let ready = |key, recipient| {
        let origin = origin.to_owned();
        Ok(Identity { key, recipient, origin, lock: None, is_last: false })
    };
    if let Ok(native) = text.parse::<age::x25519::Identity>() {
        let recipient = native.to_public().to_string().parse().ok();
        return ready(Box::new(native), recipient);
    }
    if text.parse::<Recipient>().is_ok() {
        return Err(IdentityError::PublicKey { origin: origin.to_owned(), line: number });
    }
    let plugin: age::plugin::Identity = text.parse().map_err(|_| malformed())?;
    let plugin = PluginIdentity::new(plugin, Arc::clone(ask)).map_err(|source| {
        IdentityError::Plugin { origin: origin.to_owned(), line: number, source }
    })?;
    ready(Box::new(plugin), None)
}

fn parse_ssh(text: &[u8], origin: &str, ask: &Arc<dyn Ask>) -> Result<Identity, IdentityError> {
    let origin = origin.to_owned();
    let fail = |reason| IdentityError::Ssh { origin: origin.clone(), reason };
    let key = age::ssh::Identity::from_buffer(Cursor::new(text), None)
        .map_err(|_| fail("it is malformed"))?;
    let recipient = age::ssh::Recipient::try_from(key.clone())
        .ok()
        .and_then(|recipient| recipient.to_string().parse().ok());
    let is_last = false;
    match key {
        age::ssh::Identity::Unencrypted(_) => {
            Ok(Identity { key: Box::new(key), recipient, origin, lock: None, is_last })
        }
        age::ssh::Identity::Encrypted(key) => {
            let locked = LockedSsh::new(key, recipient.as_ref(), origin.clone(), Arc::clone(ask));
            let lock = Some(locked.state());
            Ok(Identity { key: Box::new(locked), recipient, origin, lock, is_last })
        }
        age::ssh::Identity::Unsupported(_) => {
            Err(fail("only ssh-ed25519 and ssh-rsa keys are supported"))
        }
    }
}

fn parse_encrypted(
    file: &[u8],
    origin: String,
    ask: &Arc<dyn Ask>,
) -> Result<Identity, IdentityError> {
    let decryptor = age::Decryptor::new_buffered(read_armored(file));
    if !decryptor.is_ok_and(|decryptor| decryptor.is_scrypt()) {
        return Err(IdentityError::Encrypted { origin });
    }
    let locked = LockedFile::new(file.to_vec(), origin.clone(), Arc::clone(ask));
    let lock = Some(locked.state());
    Ok(Identity { key: Box::new(locked), recipient: None, origin, lock, is_last: true })
}

/// Reads an age file, armored or not.
fn read_armored(file: &[u8]) -> impl BufRead {
    std::io::BufReader::new(ArmoredReader::new(file.trim_ascii_start()))
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret as _;

    use super::*;

    fn nobody() -> Arc<dyn Ask> {
        Arc::new(Nobody)
    }

    #[test]
    fn a_bad_line_is_named_by_number_only() {
        let good = age::x25519::Identity::generate().to_string();
        let text = format!("# comment\n{}\n\nAGE-SECRET-KEY-1OOPS\n", good.expose_secret());
        let error = parse(text.as_bytes(), "FILE", &nobody()).unwrap_err();
        assert_eq!(error.to_string(), "FILE: line 4 is not an age identity");
        assert!(!format!("{error:?}").contains("OOPS"));
    }

    #[test]
    fn files_without_an_identity_say_so() {
        for text in ["", "# only a comment\n"] {
            assert!(matches!(
                parse(text.as_bytes(), "F", &nobody()),
                Err(IdentityError::Empty { .. })
            ));
        }
        let encrypted = b"age-encryption.org/v1\n-> scrypt";
        assert!(matches!(parse(encrypted, "F", &nobody()), Err(IdentityError::Encrypted { .. })));
    }
}
