//! The store: `secrets/` and `recipients/` in a git repository.
//!
//! One armored age file per value, one TOML file per key-holder. People who
//! change different secrets never touch the same file, and the history of a
//! file is the history of its secret. `docs/format.md` describes every file.

mod access;
mod backup;
mod case;
mod contents;
mod curve;
mod drift;
mod error;
mod former;
mod header;
mod header_gate;
mod holders;
mod identities;
mod lock;
mod merging;
mod paths;
mod private_key;
mod public_half;
mod recipient;
mod rekey;
mod sealing;
mod settings;
mod signing_key;
mod stanza;
mod tag;
mod withdrawn;
mod write;

pub use access::{Access, InvalidAccess};
pub use backup::{backup_id, is_backup};
pub use contents::{Contents, OpenFailure, StoredValue};
pub use drift::{DriftRule, DriftRules};
pub use error::StoreError;
pub use former::FormerHolders;
pub use header::{Header, SealFault};
pub use holders::{Holder, Holders};
pub use identities::{
    Ask, Identities, Identity, IdentityError, IdentitySource, NoAnswer, SkippedIdentity,
    UnlockError,
};
pub use lock::{LockedStore, ValueChange};
pub use merging::{MergeConflict, MergedHolders, Versions, merge};
pub use paths::{RECIPIENTS, SECRETS, file_stem, sealed_path};
pub(crate) use paths::{canonical_file_stem, id_of_path, key_of_file_stem};
pub(crate) use private_key::{could_be_key, find_private_key};
pub(crate) use public_half::public_half;
pub use recipient::{Digest, InvalidRecipient, Recipient, RecipientSet};
pub use rekey::{RekeyError, StaleValue};
pub(crate) use sealing::inspect_with_length;
pub use sealing::{OpenError, Opened, SealError, inspect, open, seal};
pub use settings::{STORE_FILE, StoreSettings, TrustSettings};
pub use signing_key::{InvalidSigningKey, SigningKey};
pub use stanza::{BoundStanza, InvalidStanza, UNKNOWN_TIME, ValueNote};
pub use tag::{Sameness, ValueIdentity, ValueTag};
pub use withdrawn::{Withdrawal, Withdrawals};
pub(crate) use write::is_leftover;
pub use write::{FileChange, WriteError, remove_file, write_file, write_new_file, write_together};

use jiff::Timestamp;

use crate::layout::Layout;
use crate::model::{EnvironmentName, SecretId, SecretValue};
use crate::tree::Tree;

/// An open store: its settings and its key-holders.
#[derive(Debug, Clone)]
pub struct Store {
    tree: Tree,
    /// What `store.toml` says.
    pub settings: StoreSettings,
    /// Who can read what.
    pub holders: Holders,
}

impl Store {
    /// Opens the store at a root, or gives `None` where there is none.
    ///
    /// # Errors
    /// A `store.toml` or a holder's file that is wrong.
    pub fn open(tree: &Tree) -> Result<Option<Self>, StoreError> {
        let Some(settings) = StoreSettings::read(tree)? else { return Ok(None) };
        let holders = Holders::read(tree)?;
        Ok(Some(Self { tree: tree.clone(), settings, holders }))
    }

    /// The same, without the holders whose files cannot be read, and without
    /// settings that cannot be: only to look for what is wrong, never to seal.
    ///
    /// # Errors
    /// A `store.toml` of a later format, or a folder that cannot be read.
    pub fn open_leniently(tree: &Tree) -> Result<Option<Self>, StoreError> {
        let settings = match StoreSettings::read(tree) {
            Ok(None) => return Ok(None),
            Ok(Some(settings)) => settings,
            Err(StoreError::Malformed { .. }) => {
                StoreSettings::new(Layout::detect(tree).unwrap_or(Layout::Standalone))
            }
            Err(error) => return Err(error),
        };
        let holders = Holders::read_leniently(tree)?;
        Ok(Some(Self { tree: tree.clone(), settings, holders }))
    }

    /// Whose access ended.
    ///
    /// # Errors
    /// A `withdrawn.toml` that cannot be read.
    pub fn withdrawals(&self) -> Result<Withdrawals, StoreError> {
        Withdrawals::read(&self.tree)
    }

    /// The environments that something may be stored for: those that have a
    /// folder.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn environments(&self) -> Result<Vec<EnvironmentName>, StoreError> {
        let folders = self.tree.list(SECRETS)?.into_iter().filter(|entry| entry.is_folder);
        Ok(folders.filter_map(|entry| entry.name.parse().ok()).collect())
    }

    /// What is stored for an environment, still sealed.
    ///
    /// # Errors
    /// A folder that cannot be read, or a sealed file whose name is not that
    /// of a secret.
    pub fn contents(&self, environment: &EnvironmentName) -> Result<Contents, StoreError> {
        Contents::list(&self.tree, environment)
    }

    /// Seals a value to those who may read the secret.
    ///
    /// # Errors
    /// No holder with access, or a recipient that cannot be sealed to.
    pub fn seal(
        &self,
        id: &SecretId,
        value: &SecretValue,
        note: &ValueNote,
    ) -> Result<Vec<u8>, StoreError> {
        seal_to(&self.holders, id, value, note)
    }

    /// Whether a value is stored.
    #[must_use]
    pub fn has(&self, id: &SecretId) -> bool {
        self.tree.has_file(&sealed_path(id))
    }

    /// Refuses a value that would be stored beside one whose name differs in
    /// case alone.
    ///
    /// # Errors
    /// The other one, or a folder that cannot be read.
    pub fn refuse_alike(&self, id: &SecretId) -> Result<(), StoreError> {
        case::refuse_alike_file(&self.tree, &sealed_path(id))
    }

    /// The sealed file of a value.
    ///
    /// # Errors
    /// No such value, or a file that cannot be read.
    pub fn sealed(&self, id: &SecretId) -> Result<Vec<u8>, StoreError> {
        let file = sealed_path(id);
        let sealed = self.tree.read(&file)?;
        sealed.ok_or_else(|| StoreError::NotStored { id: id.clone(), file })
    }

    /// When a value was set, as its file says; `None` where that says nothing,
    /// or is no sealed file.
    ///
    /// # Errors
    /// No such value, or a file that cannot be read.
    pub fn set_at(&self, id: &SecretId) -> Result<Option<Timestamp>, StoreError> {
        let header = inspect(&self.sealed(id)?).ok();
        Ok(header.and_then(|header| header.seal).map(|seal| seal.set_at))
    }

    /// The time to note for a value that changes at a time: after that at which
    /// the stored one was set, whatever the clocks say.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn time_of_change_of(
        &self,
        id: &SecretId,
        time: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        if !self.has(id) {
            return Ok(time);
        }
        let last = self.set_at(id)?.map_or(i64::MIN, |last| last.as_second().saturating_add(1));
        Ok(Timestamp::from_second(time.as_second().max(last)).unwrap_or(Timestamp::MAX))
    }

    /// The time to note for values that change now: to the second, and after
    /// every withdrawal that this store knows of, whatever the clocks say.
    ///
    /// # Errors
    /// A `withdrawn.toml` that cannot be read.
    pub fn time_of_change(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let now = now.as_second();
        let last = self.withdrawals()?.iter().map(|one| one.at.as_second()).max();
        let second = last.map_or(now, |last| now.max(last + 1));
        Ok(Timestamp::from_second(second).unwrap_or(Timestamp::MAX))
    }
}

fn seal_to(
    holders: &Holders,
    id: &SecretId,
    value: &SecretValue,
    note: &ValueNote,
) -> Result<Vec<u8>, StoreError> {
    let recipients = holders.recipients_for(&id.environment, &id.application);
    if recipients.is_empty() {
        return Err(StoreError::NoHolder { id: id.clone() });
    }
    seal(value, id, note, &recipients).map_err(|source| StoreError::Seal { id: id.clone(), source })
}
