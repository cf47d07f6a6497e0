//! Identities: the private keys that open sealed values.
//!
//! Where to look is decided by whoever calls, in order; this module reads what
//! it is given and remembers what it tried, so that "none of them opens it"
//! can say which. What is behind a passphrase stays so until it is needed, and
//! nobody is asked for what another identity opens.

mod locked;
mod plugin;

use std::io::{BufRead, Cursor};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::DecryptError;
use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use age::ssh::UnsupportedKey;
use age_core::format::{FileKey, Stanza};
use thiserror::Error;
use zeroize::Zeroizing;

pub use locked::UnlockError;
use locked::{LockedFile, LockedSsh, State};
use plugin::{PluginIdentity, Session};

use super::recipient::{Recipient, find_private_key};
use crate::model::SecretValue;

/// The largest identity file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// How an armored age file begins.
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

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

/// Asks whoever runs the program, one question at a time: values are opened on
/// several threads.
pub trait Ask: Send + Sync {
    /// Asks for a passphrase or a PIN, which is not shown.
    ///
    /// # Errors
    /// No answer.
    fn secret(&self, prompt: &str) -> Result<SecretString, NoAnswer>;
    /// Asks for a text.
    ///
    /// # Errors
    /// No answer.
    fn text(&self, question: &str) -> Result<String, NoAnswer>;
    /// Asks to choose.
    ///
    /// # Errors
    /// No answer.
    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Result<bool, NoAnswer>;
    /// Shows a message.
    fn tell(&self, message: &str);
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoAnswer {
    /// Nobody can be asked.
    #[error("there is no terminal to ask for it at")]
    NoTerminal,
    /// The answer was refused, or empty.
    #[error("no answer was given")]
    Refused,
}

/// Nobody is there to ask.
struct Nobody;

impl Ask for Nobody {
    fn secret(&self, _: &str) -> Result<SecretString, NoAnswer> {
        Err(NoAnswer::NoTerminal)
    }

    fn text(&self, _: &str) -> Result<String, NoAnswer> {
        Err(NoAnswer::NoTerminal)
    }

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Result<bool, NoAnswer> {
        Err(NoAnswer::NoTerminal)
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
    state: Option<Arc<dyn State>>,
    turn: Turn,
}

/// When an identity is tried: a person is asked only for what nothing before
/// opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// It needs nothing.
    Open,
    /// It needs a passphrase, for files alone that are sealed to it.
    Ssh,
    /// Its plugin may ask for what it likes.
    Plugin,
    /// It needs a passphrase to know what is in it.
    File,
}

impl Identity {
    /// Why it did not help, where it is not just another key.
    #[must_use]
    pub fn why_not(&self) -> Option<String> {
        self.state.as_ref()?.why_not()
    }

    /// The identities that an encrypted file was found to hold.
    fn inner(&self) -> &[Self] {
        self.state.as_ref().map_or(&[], |state| state.inner())
    }

    /// Its public keys, as far as they are known by now.
    fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        let inner = self.inner().iter().filter_map(|identity| identity.recipient.as_ref());
        self.recipient.iter().chain(inner)
    }

    /// What it is, where it is from, and why it did not help: one line, or one
    /// for each identity of an encrypted file.
    fn describe(&self, lines: &mut Vec<String>) {
        if !self.inner().is_empty() {
            self.inner().iter().for_each(|identity| identity.describe(lines));
            return;
        }
        let public = self.recipient.as_ref().map(|key| format!("{key} from ")).unwrap_or_default();
        let why = self.why_not().map(|why| format!(" ({why})")).unwrap_or_default();
        lines.push(format!("{public}{}{why}", self.origin));
    }

    fn lacks_terminal(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.lacks_terminal())
            || self.inner().iter().any(Self::lacks_terminal)
    }
}

/// Tries identities in turn: one that fails does not stand in others' way.
fn unwrap_with(
    identities: &[Identity],
    stanzas: &[Stanza],
) -> Option<Result<FileKey, DecryptError>> {
    let mut failure = None;
    for identity in identities {
        match identity.key.unwrap_stanzas(stanzas) {
            Some(Ok(file_key)) => return Some(Ok(file_key)),
            Some(Err(error)) => failure = failure.or(Some(Err(error))),
            None => {}
        }
    }
    failure
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
        reason: String,
    },
    /// A text between BEGIN and END of which a part is missing.
    #[error("{origin} is malformed: it holds only part of {what}")]
    Cut {
        /// The file and how it was named.
        origin: String,
        /// What it begins like.
        what: &'static str,
    },
    /// An identity file that is encrypted to keys.
    #[error("{origin} is itself encrypted, and not with a passphrase")]
    Encrypted {
        /// The file and how it was named.
        origin: String,
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
            Self::Cut { .. } => {
                "all of it is needed, from its first line to its last, with its line breaks"
            }
            Self::Encrypted { .. } => "decrypt it on the way: -i <(age --decrypt -i KEY FILE)",
            Self::NotAPath { .. } => "PHALANX_SECRETS_IDENTITY and SOPS_AGE_KEY may hold a key",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// The identities at hand, in the order in which they are tried. Clones share
/// what was unlocked.
#[derive(Debug, Clone, Default)]
pub struct Identities {
    found: Arc<[Identity]>,
    /// Default files that are there and could not be used.
    pub skipped: Arc<[SkippedIdentity]>,
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
        let reader = Reader { ask: Arc::clone(ask), session: Session::new(ask) };
        let (mut found, mut skipped) = (Vec::new(), Vec::new());
        for source in sources {
            match source {
                IdentitySource::File { path, named_by } => {
                    if path.to_str().is_some_and(|path| find_private_key(path).is_some()) {
                        return Err(IdentityError::NotAPath { named_by });
                    }
                    let origin = format!("the identity file {} ({named_by})", path.display());
                    let text = read(path)
                        .map_err(|source| IdentityError::Read { origin: origin.clone(), source })?;
                    found.extend(reader.parse(&text, &origin)?);
                }
                IdentitySource::Text { text, named_by } => {
                    found.extend(reader.parse(text.expose(), named_by)?);
                }
                IdentitySource::DefaultFile(path) => {
                    let origin = path.display().to_string();
                    match reader.read_default(path, &origin) {
                        Ok(more) => found.extend(more),
                        Err(reason) => skipped.push(SkippedIdentity { origin, reason }),
                    }
                }
            }
        }
        found.sort_by_key(|identity: &Identity| identity.turn);
        Ok(Self { found: found.into(), skipped: skipped.into() })
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

    /// The public keys of the identities, as far as they are known by now.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.found.iter().flat_map(Identity::recipients)
    }

    /// Asks for the passphrases without which public keys are not known.
    pub fn unlock_unknown(&self) {
        for state in self.found.iter().filter_map(|identity| identity.state.as_ref()) {
            state.unlock_unknown();
        }
    }

    /// What each identity is, where it is from, and why it did not help.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.found.iter().for_each(|identity| identity.describe(&mut lines));
        lines
    }

    /// Whether one stayed locked because there was nobody to ask.
    #[must_use]
    pub fn lack_terminal(&self) -> bool {
        self.found.iter().any(Identity::lacks_terminal)
    }
}

fn read(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let too_large = || std::io::Error::new(std::io::ErrorKind::FileTooLarge, "larger than 1 MiB");
    if std::fs::metadata(path)?.len() > MAX_FILE {
        return Err(too_large());
    }
    std::fs::read(path).map(Zeroizing::new)
}

/// Reads identities, and gives them what they need to ask.
#[derive(Clone)]
struct Reader {
    ask: Arc<dyn Ask>,
    session: Arc<Session>,
}

impl Reader {
    /// Reads a file that need not be there.
    fn read_default(&self, path: &Path, origin: &str) -> Result<Vec<Identity>, IdentityError> {
        match read(path) {
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(IdentityError::Read { origin: origin.to_owned(), source }),
            Ok(text) => self.parse(&text, origin),
        }
    }

    /// Reads the text of an identity file or of an SSH private key.
    fn parse(&self, text: &[u8], origin: &str) -> Result<Vec<Identity>, IdentityError> {
        let trimmed = text.trim_ascii_start();
        let begins_with = |prefix: &[u8]| trimmed.starts_with(prefix);
        if begins_with(b"age-encryption.org/") || begins_with(ARMOR) {
            return self.parse_encrypted(trimmed, origin).map(|identity| vec![identity]);
        }
        if begins_with(b"-----BEGIN") {
            return self.parse_ssh(trimmed, origin).map(|identity| vec![identity]);
        }
        let mut found = Vec::new();
        for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            found.push(self.parse_line(line, number, origin)?);
        }
        if found.is_empty() {
            return Err(IdentityError::Empty { origin: origin.to_owned() });
        }
        found.sort_by_key(|identity| identity.turn);
        Ok(found)
    }

    fn parse_line(
        &self,
        line: &[u8],
        number: usize,
        origin: &str,
    ) -> Result<Identity, IdentityError> {
        let malformed = || IdentityError::Malformed { origin: origin.to_owned(), line: number };
        let text = std::str::from_utf8(line).map_err(|_| malformed())?;
        let origin = origin.to_owned();
        if let Ok(native) = text.parse::<age::x25519::Identity>() {
            let recipient = native.to_public().to_string().parse().ok();
            let (key, turn) = (Box::new(native), Turn::Open);
            return Ok(Identity { key, recipient, origin, state: None, turn });
        }
        if text.parse::<Recipient>().is_ok() {
            return Err(IdentityError::PublicKey { origin, line: number });
        }
        let plugin: age::plugin::Identity = text.parse().map_err(|_| malformed())?;
        let plugin = PluginIdentity::new(plugin, &self.session);
        let (state, turn) = (Some(plugin.state()), Turn::Plugin);
        Ok(Identity { key: Box::new(plugin), recipient: None, origin, state, turn })
    }

    fn parse_ssh(&self, text: &[u8], origin: &str) -> Result<Identity, IdentityError> {
        let origin = origin.to_owned();
        let Ok(key) = age::ssh::Identity::from_buffer(Cursor::new(text), None) else {
            return Err(IdentityError::Cut { origin, what: "an SSH private key" });
        };
        let recipient: Option<Recipient> = age::ssh::Recipient::try_from(key.clone())
            .ok()
            .and_then(|recipient| recipient.to_string().parse().ok());
        match key {
            age::ssh::Identity::Unencrypted(_) => {
                let (key, turn) = (Box::new(key), Turn::Open);
                Ok(Identity { key, recipient, origin, state: None, turn })
            }
            age::ssh::Identity::Encrypted(key) => {
                let ask = Arc::clone(&self.ask);
                let locked = LockedSsh::new(key, recipient.as_ref(), origin.clone(), ask);
                let (state, turn) = (Some(locked.state()), Turn::Ssh);
                Ok(Identity { key: Box::new(locked), recipient, origin, state, turn })
            }
            age::ssh::Identity::Unsupported(kind) => {
                Err(IdentityError::Ssh { origin, reason: why_unsupported(&kind) })
            }
        }
    }

    fn parse_encrypted(&self, file: &[u8], origin: &str) -> Result<Identity, IdentityError> {
        let origin = origin.to_owned();
        let Ok(decryptor) = age::Decryptor::new_buffered(read_armored(file)) else {
            return Err(IdentityError::Cut { origin, what: "an encrypted file" });
        };
        if !decryptor.is_scrypt() {
            return Err(IdentityError::Encrypted { origin });
        }
        let locked = LockedFile::new(file.to_vec(), origin.clone(), self.clone());
        let (state, turn) = (Some(locked.state()), Turn::File);
        Ok(Identity { key: Box::new(locked), recipient: None, origin, state, turn })
    }
}

fn why_unsupported(kind: &UnsupportedKey) -> String {
    match kind {
        UnsupportedKey::EncryptedPem => {
            "its passphrase protects it in an old and weak way; ssh-keygen -p -f FILE writes it anew"
                .to_owned()
        }
        UnsupportedKey::EncryptedSsh(cipher) => format!(
            "it is encrypted with {cipher}; ssh-keygen -p -Z aes256-ctr -f FILE writes it anew"
        ),
        UnsupportedKey::Hardware(_) => "its private half is on a security key".to_owned(),
        UnsupportedKey::Type(kind) => {
            format!("it is of type {kind}, and only ssh-ed25519 and ssh-rsa keys are supported")
        }
    }
}

/// Reads an age file, armored or not.
fn read_armored(file: &[u8]) -> impl BufRead {
    std::io::BufReader::new(ArmoredReader::new(file))
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret as _;

    use super::*;

    fn parse(text: &[u8]) -> Result<Vec<Identity>, IdentityError> {
        let ask: Arc<dyn Ask> = Arc::new(Nobody);
        Reader { session: Session::new(&ask), ask }.parse(text, "FILE")
    }

    #[test]
    fn a_bad_line_is_named_by_number_only() {
        let good = age::x25519::Identity::generate().to_string();
        let text = format!("# comment\n{}\n\nAGE-SECRET-KEY-1OOPS\n", good.expose_secret());
        let error = parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "FILE: line 4 is not an age identity");
        assert!(!format!("{error:?}").contains("OOPS"));
    }

    #[test]
    fn files_without_an_identity_say_so() {
        for text in ["", "# only a comment\n"] {
            assert!(matches!(parse(text.as_bytes()), Err(IdentityError::Empty { .. })));
        }
        let encrypted = b"age-encryption.org/v1\n-> scrypt";
        assert!(matches!(parse(encrypted), Err(IdentityError::Cut { .. })));
    }
}
