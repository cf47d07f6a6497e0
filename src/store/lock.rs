//! One change of the store at a time.
//!
//! A command that seals a value again has read it before: what another one
//! wrote in between would be lost. So whatever changes the store holds a lock
//! on the folder `secrets` and on `store.toml` from its first look to its last
//! write. The lock goes with
//! the process, however that ends, and leaves nothing behind.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::Store;
use super::case::refuse_alike;
use super::error::StoreError;
use super::paths::{RECIPIENTS, SECRETS, sealed_path};
use super::settings::STORE_FILE;
use super::stanza::ValueNote;
use super::write::{FileChange, remove_file, remove_leftovers, write_file, write_together};
use crate::model::{SecretId, SecretValue};
use crate::tree::Tree;

/// A change of one value among several.
#[derive(Debug)]
pub struct ValueChange<'a> {
    /// The secret.
    pub id: &'a SecretId,
    /// What its file must hold for the change to be right; `None` where there
    /// must be none.
    pub before: Option<Vec<u8>>,
    /// The new value that it gets; `None` to remove the one it has.
    pub after: Option<&'a SecretValue>,
}

/// A store that nobody else changes meanwhile.
#[derive(Debug)]
pub struct LockedStore {
    store: Store,
    touched: Mutex<BTreeSet<String>>,
    _locks: Vec<File>,
}

/// Locks a file or folder; `None` where nothing can be locked there. While
/// another process has it, `waiting` is called once and this one waits.
fn lock(file: File, waiting: &mut Option<impl FnOnce()>) -> Result<Option<File>, StoreError> {
    let locked = match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            file.lock()
        }
        Err(TryLockError::Error(error)) => Err(error),
        Ok(()) => Ok(()),
    };
    match locked {
        Ok(()) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(source) => Err(StoreError::Lock { source }),
    }
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
        let mut waiting = Some(waiting);
        // Git and editors put another file in the place of this one, which then
        // is not the one that is locked; the folder stays. Some network file
        // systems lock no folder.
        let folder = File::open(root.join(SECRETS)).map(|folder| lock(folder, &mut waiting));
        let folder = folder.ok().and_then(Result::ok).flatten();
        let locks: Vec<File> = folder.into_iter().chain(lock(file, &mut waiting)?).collect();
        if !locks.is_empty() {
            // Nobody else is writing, so these are what interrupted ones left.
            remove_leftovers(root, SECRETS)?;
            remove_leftovers(root, RECIPIENTS)?;
        }
        // Only now: it may have changed while this waited.
        let store = Store::open(tree)?;
        Ok(store.map(|store| Self { store, touched: Mutex::default(), _locks: locks }))
    }

    /// Seals a new value to those who may read the secret, and puts it in its
    /// place.
    ///
    /// # Errors
    /// No holder with access, or a file that cannot be written.
    pub fn put(
        &self,
        id: &SecretId,
        value: &SecretValue,
        set_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.refuse_alike(id)?;
        let file = sealed_path(id);
        let sealed = self.seal(id, value, &ValueNote::of_new_value(set_at))?;
        write_file(self.tree.folder()?, &file, &sealed)?;
        self.touch([file]);
        Ok(())
    }

    /// Seals several values and puts them in their places: all of them, or
    /// none.
    ///
    /// # Errors
    /// A value that nobody could read, or a file that cannot be written.
    pub fn put_together<'a>(
        &self,
        values: impl IntoIterator<Item = (&'a SecretId, &'a SecretValue)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = |(id, value)| {
            let before = if self.has(id) { Some(self.sealed(id)?) } else { None };
            Ok(ValueChange { id, before, after: Some(value) })
        };
        let changes: Vec<_> = values.into_iter().map(change).collect::<Result<_, StoreError>>()?;
        self.change_together(changes, now)
    }

    /// Changes several values: all of them, or none.
    ///
    /// # Errors
    /// A value that nobody could read, or a file that cannot be written, or
    /// that somebody else changed.
    pub fn change_together<'a>(
        &self,
        changes: impl IntoIterator<Item = ValueChange<'a>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let set_at = self.time_of_change(now)?;
        let file = |ValueChange { id, before, after }: ValueChange<'a>| {
            let seal = |value| {
                let note = ValueNote::of_new_value(self.time_of_change_of(id, set_at)?);
                self.seal(id, value, &note)
            };
            Ok(FileChange { file: sealed_path(id), before, after: after.map(seal).transpose()? })
        };
        let files: Vec<_> = changes.into_iter().map(file).collect::<Result<_, StoreError>>()?;
        self.write(&files)
    }

    /// Removes a sealed value, and its folder where that leaves it empty.
    ///
    /// # Errors
    /// No such value, or a file that cannot be removed.
    pub fn remove(&self, id: &SecretId) -> Result<(), StoreError> {
        let file = sealed_path(id);
        if !self.tree.has_file(&file) {
            return Err(StoreError::NotStored { id: id.clone(), file });
        }
        remove_file(self.tree.folder()?, &file)?;
        self.touch([file]);
        Ok(())
    }

    /// Changes several files of the store, in their order.
    ///
    /// # Errors
    /// As [`write_together`], and a new file whose name differs from that of
    /// another one in case alone.
    pub fn write(&self, changes: &[FileChange]) -> Result<(), StoreError> {
        refuse_alike(&self.tree, changes)?;
        write_together(self.tree.folder()?, changes)?;
        self.touch(changes.iter().map(|change| change.file.clone()));
        Ok(())
    }

    /// Lets go of the lock, and gives the files that were changed.
    #[must_use]
    pub fn into_touched(self) -> Vec<String> {
        let touched = self.touched.into_inner().unwrap_or_else(PoisonError::into_inner);
        touched.into_iter().collect()
    }

    fn touch(&self, files: impl IntoIterator<Item = String>) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).extend(files);
    }
}

impl Deref for LockedStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}
