//! The files that git has noted: those of the index, read from its objects.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use git2::{Oid, Repository};
use thiserror::Error;

use super::{MAX_FILE, TreeEntry};

/// Files in git's object database, by their paths below a root.
pub(super) struct Snapshot {
    /// What it is of, for messages.
    name: &'static str,
    files: BTreeMap<String, Oid>,
    repository: Mutex<Repository>,
}

/// Files that git cannot give.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// There is no repository, or it cannot be read.
    #[error("the git repository cannot be read")]
    Repository(#[from] git2::Error),
    /// The root is not part of the work tree.
    #[error("the folder is not part of a git work tree")]
    Outside,
    /// A file that a merge left undecided.
    #[error("{path} has an unresolved merge conflict")]
    Conflict {
        /// The file.
        path: String,
    },
    /// A file whose name is not UTF-8.
    #[error("git holds a file whose name is not UTF-8")]
    Name,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("name", &self.name)
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The index of the repository whose work tree `root` is in: what the next
    /// commit would hold.
    pub(super) fn of_index(root: &Path) -> Result<Self, SnapshotError> {
        let repository = Repository::discover(root)?;
        let top = repository.workdir().and_then(|top| top.canonicalize().ok());
        let root = root.canonicalize().map_err(|_| SnapshotError::Outside)?;
        let below = top.as_deref().and_then(|top| root.strip_prefix(top).ok());
        let below = below.and_then(Path::to_str).ok_or(SnapshotError::Outside)?;
        let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };

        let mut files = BTreeMap::new();
        for entry in repository.index()?.iter() {
            let path = String::from_utf8(entry.path).map_err(|_| SnapshotError::Name)?;
            let Some(path) = path.strip_prefix(&prefix) else { continue };
            /// Which side of a merge an entry is of; none in a clean index.
            const STAGE: u16 = 0x3000;
            if entry.flags & STAGE != 0 {
                return Err(SnapshotError::Conflict { path: path.to_owned() });
            }
            files.insert(path.to_owned(), entry.id);
        }
        Ok(Self { name: "the git index", files, repository: Mutex::new(repository) })
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn has_file(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    pub(super) fn has_folder(&self, path: &str) -> bool {
        self.below(path).next().is_some()
    }

    pub(super) fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(id) = self.files.get(path) else { return Ok(None) };
        let repository = self.repository.lock().unwrap_or_else(PoisonError::into_inner);
        let blob = repository.find_blob(*id).map_err(io::Error::other)?;
        if blob.size() as u64 > MAX_FILE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB"));
        }
        Ok(Some(blob.content().to_vec()))
    }

    pub(super) fn list(&self, path: &str) -> Vec<TreeEntry> {
        let entries: BTreeSet<(&str, bool)> = self
            .below(path)
            .map(|rest| match rest.split_once('/') {
                Some((folder, _)) => (folder, true),
                None => (rest, false),
            })
            .collect();
        let entry =
            |(name, is_folder): (&str, bool)| TreeEntry { name: name.to_owned(), is_folder };
        entries.into_iter().map(entry).collect()
    }

    /// The paths below a folder, relative to it.
    fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        self.files
            .range(prefix.clone()..)
            .map_while(move |(path, _)| path.strip_prefix(prefix.as_str()))
    }
}
