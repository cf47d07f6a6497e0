//! Identities behind a passphrase: opened when something needs them, once.
//!
//! Values are opened on all cores. The first that needs a locked identity asks
//! for its passphrase, while the others wait; all use what came of it, be that
//! a failure. So there is one prompt, however many files there are.

use std::io::Read as _;
use std::sync::{Arc, OnceLock};

use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, scrypt};
use age_core::format::{FileKey, Stanza};
use thiserror::Error;
use zeroize::Zeroizing;

use super::reader::{Reader, read_armored};
use super::{Ask, Identity, NoAnswer, unwrap_with};
use crate::store::recipient::{Recipient, RecipientKind};

/// How often a passphrase may be wrong.
const ATTEMPTS: usize = 3;

/// Why an identity stayed locked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnlockError {
    /// There was no answer.
    #[error("it has a passphrase, and {0}")]
    NoAnswer(#[from] NoAnswer),
    /// None of the answers was right.
    #[error("the passphrase was wrong")]
    WrongPassphrase,
    /// It opened, and held no identities.
    #[error("{0}")]
    Content(String),
}

/// What comes of the passphrase, the first time that it is needed.
struct Lock<T> {
    what: String,
    ask: Arc<dyn Ask>,
    opened: Arc<Outcome<T>>,
}

type Outcome<T> = OnceLock<Result<T, UnlockError>>;

impl<T> Lock<T> {
    fn new(what: String, ask: Arc<dyn Ask>) -> Self {
        Self { what, ask, opened: Arc::default() }
    }

    /// What is behind it. `open` tries a passphrase, and answers `None` where
    /// that is wrong.
    fn open(
        &self,
        open: impl Fn(SecretString) -> Option<Result<T, UnlockError>>,
    ) -> Result<&T, &UnlockError> {
        let ask = || {
            let mut prompt = format!("Passphrase of {}: ", self.what);
            for _ in 0..ATTEMPTS {
                let passphrase = self.ask.secret(&prompt)?;
                if let Some(opened) = open(passphrase) {
                    return opened;
                }
                prompt = format!("That was wrong. Passphrase of {}: ", self.what);
            }
            Err(UnlockError::WrongPassphrase)
        };
        self.opened.get_or_init(ask).as_ref()
    }
}

/// What became of an identity that needs more than itself.
pub(super) trait State: Send + Sync {
    /// Why it did not help, if that is not just since it is another key.
    fn why_not(&self) -> Option<String>;

    /// Whether that was for want of a terminal.
    fn lacks_terminal(&self) -> bool;

    /// What it was found to hold.
    fn inner(&self) -> &[Identity] {
        &[]
    }

    /// Unlocks it where its public keys are not known otherwise.
    fn unlock_unknown(&self) {}
}

fn is_want_of_terminal<T>(outcome: Option<&Result<T, UnlockError>>) -> bool {
    matches!(outcome, Some(Err(UnlockError::NoAnswer(NoAnswer::NoTerminal))))
}

/// An SSH private key with a passphrase. Its public key is in the clear, so it
/// is unlocked for files alone that are sealed to it.
pub(super) struct LockedSsh {
    key: age::ssh::EncryptedKey,
    kind: Option<RecipientKind>,
    lock: Lock<age::ssh::Identity>,
}

impl LockedSsh {
    pub(super) fn new(
        key: age::ssh::EncryptedKey,
        recipient: Option<&Recipient>,
        what: String,
        ask: Arc<dyn Ask>,
    ) -> Self {
        Self { key, kind: recipient.map(Recipient::kind), lock: Lock::new(what, ask) }
    }

    pub(super) fn state(&self) -> Arc<dyn State> {
        Arc::clone(&self.lock.opened) as Arc<dyn State>
    }

    /// Whether a stanza is sealed to this very key.
    fn is_for(&self, stanza: &Stanza) -> bool {
        match &self.kind {
            Some(RecipientKind::Ssh { kind, tag }) => {
                stanza.tag == *kind && stanza.args.first() == Some(tag)
            }
            _ => false,
        }
    }
}

impl State for Outcome<age::ssh::Identity> {
    fn why_not(&self) -> Option<String> {
        match self.get() {
            None => Some("locked; nothing was sealed to it".to_owned()),
            Some(Err(error)) => Some(format!("locked: {error}")),
            Some(Ok(_)) => None,
        }
    }

    fn lacks_terminal(&self) -> bool {
        is_want_of_terminal(self.get())
    }
}

impl age::Identity for LockedSsh {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if !self.is_for(stanza) {
            return None;
        }
        let opened = self.lock.open(|passphrase| {
            self.key.decrypt(passphrase).ok().map(|key| Ok(age::ssh::Identity::from(key)))
        });
        match opened {
            Ok(identity) => identity.unwrap_stanza(stanza),
            Err(_) => Some(Err(DecryptError::KeyDecryptionFailed)),
        }
    }
}

/// An identity file that is itself encrypted with a passphrase. What is in it
/// is not known before, so it is the last to be tried.
#[derive(Clone)]
pub(super) struct LockedFile(Arc<FileBehindLock>);

struct FileBehindLock {
    file: Vec<u8>,
    reader: Reader,
    lock: Lock<Vec<Identity>>,
}

impl LockedFile {
    pub(super) fn new(file: Vec<u8>, what: String, reader: Reader) -> Self {
        let lock = Lock::new(what, Arc::clone(&reader.ask));
        Self(Arc::new(FileBehindLock { file, reader, lock }))
    }

    pub(super) fn state(&self) -> Arc<dyn State> {
        Arc::clone(&self.0) as Arc<dyn State>
    }
}

impl FileBehindLock {
    fn unlock(&self) -> Result<&[Identity], &UnlockError> {
        self.lock.open(|passphrase| self.open(passphrase)).map(Vec::as_slice)
    }

    fn open(&self, passphrase: SecretString) -> Option<Result<Vec<Identity>, UnlockError>> {
        let content = |reason: &str| Some(Err(UnlockError::Content(reason.to_owned())));
        let Ok(decryptor) = Decryptor::new_buffered(read_armored(&self.file)) else {
            return content("it is damaged");
        };
        let identity = scrypt::Identity::new(passphrase);
        let mut reader = match decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)) {
            Ok(reader) => reader,
            Err(DecryptError::ExcessiveWork { .. }) => {
                return content("its passphrase would take too long to try");
            }
            Err(DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed) => return None,
            Err(_) => return content("it is damaged"),
        };
        // No longer than the file: the buffer never grows, to leave no copy.
        let mut text = Zeroizing::new(Vec::with_capacity(self.file.len()));
        if reader.read_to_end(&mut text).is_err() {
            return content("it is damaged");
        }
        let parsed = self.reader.parse(&text, &self.lock.what);
        Some(parsed.map_err(|error| UnlockError::Content(error.to_string())))
    }
}

impl State for FileBehindLock {
    fn why_not(&self) -> Option<String> {
        match self.lock.opened.get() {
            None => Some("locked, and not asked for".to_owned()),
            Some(Err(error)) => Some(format!("locked: {error}")),
            Some(Ok(_)) => None,
        }
    }

    fn lacks_terminal(&self) -> bool {
        is_want_of_terminal(self.lock.opened.get())
    }

    fn inner(&self) -> &[Identity] {
        self.lock.opened.get().and_then(|opened| opened.as_deref().ok()).unwrap_or_default()
    }

    fn unlock_unknown(&self) {
        // What was wrong is remembered.
        let _ = self.unlock();
    }
}

impl age::Identity for LockedFile {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        match self.0.unlock() {
            Ok(identities) => unwrap_with(identities, stanzas),
            Err(_) => Some(Err(DecryptError::KeyDecryptionFailed)),
        }
    }
}
