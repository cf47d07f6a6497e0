//! One change of the store at a time.
//!
//! A command that seals a value again has read it before: what another one
//! wrote in between would be lost. So whatever changes the store holds a lock
//! on `store.toml` from its first look to its last write. The lock goes with
//! the process, however that ends, and leaves nothing behind.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::ops::Deref;

use super::Store;
use super::error::StoreError;
use super::paths::{RECIPIENTS, SECRETS};
use super::settings::STORE_FILE;
use super::write::remove_leftovers;
use crate::tree::Tree;

/// A store that nobody else changes meanwhile.
#[derive(Debug)]
pub struct LockedStore {
    store: Store,
    _lock: Option<File>,
}

impl LockedStore {
    /// Opens the store at a root, or gives `None` where there is none. While
    /// another process changes it, `waiting` is called once and this one waits.
    ///
    /// # Errors
    /// As [`Store::open`], and a lock that cannot be had.
    pub fn open(tree: &Tree, waiting: impl FnOnce()) -> Result<Option<Self>, StoreError> {
        let root = tree.folder()?;
        let path = root.join(STORE_FILE);
        // Some network file systems lock only what is open for writing.
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let file = match opened.or_else(|_| File::open(&path)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Lock { source }),
        };
        let locked = match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock()
            }
            Err(TryLockError::Error(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        let lock = match locked {
            Ok(()) => Some(file),
            // Nothing is locked where nothing can be.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => None,
            Err(source) => return Err(StoreError::Lock { source }),
        };
        if lock.is_some() {
            // Nobody else is writing, so these are what interrupted ones left.
            remove_leftovers(root, SECRETS)?;
            remove_leftovers(root, RECIPIENTS)?;
        }
        // Only now: it may have changed while this waited.
        Ok(Store::open(tree)?.map(|store| Self { store, _lock: lock }))
    }
}

impl Deref for LockedStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}
