//! Files as git has noted them, read from its objects.
//!
//! A snapshot is a list of paths with the objects that hold their content, and
//! nothing in the work tree changes it. The index gives one; whatever else
//! names objects by path can be made one beside it, with [`Snapshot::of`].

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use git2::{Index, IndexEntry, IndexEntryExtendedFlag, Oid, Repository};
use thiserror::Error;

/// Files in git's object database, by their paths below a root.
pub(crate) struct Snapshot {
    /// What it is of, for messages.
    name: &'static str,
    /// By path. A folder is what paths have in common.
    noted: BTreeMap<Vec<u8>, Noted>,
    /// Its objects. They are read by one thread at a time.
    repository: Mutex<Repository>,
}

/// What git has noted at a path.
#[derive(Debug, Clone, Copy)]
enum Noted {
    File(Oid),
    /// A symbolic link, whose content is a path, or a submodule, whose content
    /// is in another repository. Neither is followed.
    Elsewhere,
}

/// An entry of a folder.
pub(crate) struct NotedEntry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) kind: NotedKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotedKind {
    File,
    Folder,
    Elsewhere,
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
        /// The file, relative to the root.
        path: String,
    },
}

impl SnapshotError {
    /// What to do about it, where that is not plain from the message.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Conflict { .. } => {
                Some("decide between the versions, then: git add FILE".to_owned())
            }
            Self::Repository(_) | Self::Outside => None,
        }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("name", &self.name)
            .field("noted", &self.noted.len())
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The index of the repository whose work tree `root` is in: what the next
    /// commit would hold. `index_file` stands in for the repository's own, as
    /// `GIT_INDEX_FILE` does in a hook of `git commit --all`.
    pub(crate) fn of_index(root: &Path, index_file: Option<&Path>) -> Result<Self, SnapshotError> {
        let repository = Repository::discover(root)?;
        let index = match index_file {
            Some(file) => Index::open(file)?,
            None => repository.index()?,
        };
        let prefix = path_in_repository(&repository, root)?;
        let mut noted = BTreeMap::new();
        for entry in index.iter() {
            let Some(path) = entry.path.strip_prefix(prefix.as_slice()) else { continue };
            if is_undecided(&entry) {
                let path = String::from_utf8_lossy(path).into_owned();
                return Err(SnapshotError::Conflict { path });
            }
            if !is_intended(&entry) {
                noted.insert(path.to_owned(), Noted::of_mode(entry.mode, entry.id));
            }
        }
        Ok(Self::of("the git index", noted, repository))
    }

    fn of(name: &'static str, noted: BTreeMap<Vec<u8>, Noted>, repository: Repository) -> Self {
        Self { name, noted, repository: Mutex::new(repository) }
    }

    /// What it is of.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn has_file(&self, path: &str) -> bool {
        matches!(self.noted.get(path.as_bytes()), Some(Noted::File(_)))
    }

    pub(crate) fn has_folder(&self, path: &str) -> bool {
        path.is_empty() || self.below(path).next().is_some()
    }

    /// The content of a file of at most `limit` bytes, `None` where there is
    /// none.
    pub(crate) fn read(&self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let id = match self.noted.get(path.as_bytes()) {
            Some(Noted::File(id)) => *id,
            Some(Noted::Elsewhere) => {
                let message = "it is a symbolic link or a submodule, and not followed";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            None if self.has_folder(path) => return Err(io::ErrorKind::IsADirectory.into()),
            None => return Ok(None),
        };
        let repository = self.repository.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = repository.odb().map_err(io::Error::other)?;
        // The size alone first: the object may be larger than memory.
        let (size, _) = objects.read_header(id).map_err(io::Error::other)?;
        if size as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB"));
        }
        let object = objects.read(id).map_err(io::Error::other)?;
        Ok(Some(object.data().to_vec()))
    }

    /// What is directly in a folder, sorted by name.
    pub(crate) fn list(&self, path: &str) -> Vec<NotedEntry<'_>> {
        let mut entries: BTreeMap<&[u8], NotedKind> = BTreeMap::new();
        for (rest, noted) in self.below(path) {
            match rest.iter().position(|byte| *byte == b'/') {
                Some(end) => {
                    let (name, _) = rest.split_at(end);
                    entries.insert(name, NotedKind::Folder);
                }
                None => {
                    let kind = match noted {
                        Noted::File(_) => NotedKind::File,
                        Noted::Elsewhere => NotedKind::Elsewhere,
                    };
                    entries.insert(rest, kind);
                }
            }
        }
        entries.into_iter().map(|(name, kind)| NotedEntry { name, kind }).collect()
    }

    /// What is below a folder, by its path within.
    fn below(&self, folder: &str) -> impl Iterator<Item = (&[u8], Noted)> {
        let prefix = match folder {
            "" => Vec::new(),
            _ => [folder.as_bytes(), b"/"].concat(),
        };
        let range = (Bound::Included(prefix.clone()), Bound::Unbounded);
        let noted = self.noted.range(range);
        noted.map_while(move |(path, noted)| Some((path.strip_prefix(prefix.as_slice())?, *noted)))
    }
}

impl Noted {
    /// By the mode of a file, as git has it.
    fn of_mode(mode: u32, id: Oid) -> Self {
        const TYPE: u32 = 0o170_000;
        const REGULAR: u32 = 0o100_000;
        if mode & TYPE == REGULAR { Self::File(id) } else { Self::Elsewhere }
    }
}

/// Whether an entry is one side of a merge.
fn is_undecided(entry: &IndexEntry) -> bool {
    const STAGE: u16 = 0x3000;
    entry.flags & STAGE != 0
}

/// Whether an entry is only the intention to add a file (`git add -N`), which
/// a commit leaves out.
fn is_intended(entry: &IndexEntry) -> bool {
    IndexEntryExtendedFlag::from_bits_truncate(entry.flags_extended).is_intent_to_add()
}

/// What the paths of files below a folder begin with in its repository.
fn path_in_repository(repository: &Repository, folder: &Path) -> Result<Vec<u8>, SnapshotError> {
    let top = repository.workdir().and_then(|top| top.canonicalize().ok());
    let folder = folder.canonicalize().ok();
    let (Some(top), Some(folder)) = (top, folder) else { return Err(SnapshotError::Outside) };
    let below = folder.strip_prefix(&top).map_err(|_| SnapshotError::Outside)?;
    let mut prefix = Vec::new();
    for component in below.components() {
        let name = component.as_os_str().to_str().ok_or(SnapshotError::Outside)?;
        prefix.extend_from_slice(name.as_bytes());
        prefix.push(b'/');
    }
    Ok(prefix)
}
