//! Identities: the private keys that open sealed values.
//!
//! Where to look is decided by whoever calls, in order; this module reads what
//! it is given and remembers what it tried, so that "none of them opens it"
//! can say which. What is behind a passphrase stays so until it is needed, and
//! nobody is asked for what another identity opens.

mod error;
mod locked;
mod makes;
mod plugin;
mod reader;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::DecryptError;
use age::secrecy::SecretString;
use age_core::format::{FileKey, Stanza};
use thiserror::Error;

pub use error::IdentityError;
use locked::State;
pub use locked::UnlockError;
use reader::Reader;

use super::private_key::{could_be_key, find_private_key};
use super::recipient::Recipient;
use crate::model::SecretValue;

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

    /// Loads those alone that nobody is asked for anything about, now or when
    /// they are used: no passphrase, no plugin.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_unlocked(sources: &[IdentitySource]) -> Result<Self, IdentityError> {
        let ask: Arc<dyn Ask> = Arc::new(Nobody);
        // What is no file, such as a pipe, can be read only once, and may have
        // nobody at its other end.
        let is_file = |source: &&IdentitySource| match source {
            IdentitySource::File { path, .. } | IdentitySource::DefaultFile(path) => path.is_file(),
            IdentitySource::Text { .. } => true,
        };
        let sources: Vec<IdentitySource> = sources.iter().filter(is_file).cloned().collect();
        let (mut found, skipped) = Self::read(&sources, &ask)?;
        found.retain(|identity| identity.state.is_none());
        Ok(Self { found: found.into(), skipped: skipped.into() })
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
        let (found, skipped) = Self::read(sources, ask)?;
        Ok(Self { found: found.into(), skipped: skipped.into() })
    }

    fn read(
        sources: &[IdentitySource],
        ask: &Arc<dyn Ask>,
    ) -> Result<(Vec<Identity>, Vec<SkippedIdentity>), IdentityError> {
        let reader = Reader::new(ask);
        let (mut found, mut skipped) = (Vec::new(), Vec::new());
        // What was named and is of no use stops nothing that others open.
        let mut of_no_use = None;
        let mut keep = |read: Result<Vec<Identity>, IdentityError>| match read {
            Err(error) if error.is_of_no_use() => {
                of_no_use.get_or_insert(error);
                Ok(Vec::new())
            }
            read => read,
        };
        for source in sources {
            match source {
                IdentitySource::File { path, named_by } => {
                    if path.to_str().is_some_and(|path| find_private_key(path).is_some()) {
                        return Err(IdentityError::NotAPath { named_by });
                    }
                    found.extend(keep(read_named(&reader, path, named_by))?);
                }
                IdentitySource::Text { text, named_by } => {
                    found.extend(keep(reader.parse(text.expose(), named_by))?);
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
        match of_no_use {
            Some(reason) if found.is_empty() => return Err(reason),
            Some(reason) => skipped.push(SkippedIdentity { origin: String::new(), reason }),
            None => {}
        }
        found.sort_by_key(|identity: &Identity| identity.turn);
        Ok((found, skipped))
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

/// Reads the file that was named. A path at which nothing is, is not repeated
/// where it could be a key in the place of one.
fn read_named(
    reader: &Reader,
    path: &Path,
    named_by: &'static str,
) -> Result<Vec<Identity>, IdentityError> {
    if could_be_key(&path.to_string_lossy()) && !path.exists() {
        return Err(IdentityError::NotUnderstood { named_by });
    }
    reader.read(path, &format!("the identity file {} ({named_by})", path.display()))
}
