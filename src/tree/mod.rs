//! Files at a place: the one way in which specs and the store are read.
//!
//! Everything above asks for paths relative to a root, with `/`, and neither
//! knows nor cares where the root is, nor whether it is a folder or what git
//! has noted of one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::encoding;
use crate::repo::{NotedKind, RepositoryError, Snapshot};

mod disk;
#[cfg(test)]
mod tests;

use disk::Found;
pub(crate) use disk::refuse_links;

/// The largest file that is read, in bytes: room for the largest value, sealed,
/// which is a third larger then. A larger file is a mistake that must not
/// exhaust memory.
pub(crate) const MAX_FILE: u64 = 24 << 20;

/// The files at one place.
#[derive(Debug, Clone)]
pub struct Tree(Source);

#[derive(Debug, Clone)]
enum Source {
    /// A folder, as it is on disk.
    Folder(PathBuf),
    /// Files that git has noted.
    Snapshot(Arc<Snapshot>),
}

/// A file or folder that could not be read.
#[derive(Debug, Error)]
#[error("cannot {verb} {path}")]
pub struct TreeError {
    verb: &'static str,
    /// The path, relative to the root.
    pub path: String,
    #[source]
    source: io::Error,
}

impl TreeError {
    fn read(path: &str, source: io::Error) -> Self {
        Self { verb: "read", path: path.to_owned(), source }
    }
}

impl Tree {
    /// The files below `root`, as they are on disk.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(Source::Folder(root.into()))
    }

    /// The files below `root` in the index of the git repository that it is
    /// in: what the next commit would hold. `index_file` stands in for the
    /// repository's own index, as `GIT_INDEX_FILE` does in a hook.
    ///
    /// # Errors
    /// No repository, one that cannot be read, or an unresolved merge.
    pub fn of_index(root: &Path, index_file: Option<&Path>) -> Result<Self, RepositoryError> {
        Ok(Self::of_snapshot(Snapshot::of_index(root, index_file)?))
    }

    /// What git has noted.
    pub(crate) fn of_snapshot(snapshot: Snapshot) -> Self {
        Self(Source::Snapshot(Arc::new(snapshot)))
    }

    /// The folder on disk, to write to.
    ///
    /// # Errors
    /// What git has noted is no folder, and is not written to.
    pub fn folder(&self) -> Result<&Path, TreeError> {
        match &self.0 {
            Source::Folder(root) => Ok(root),
            Source::Snapshot(snapshot) => Err(TreeError {
                verb: "write to",
                path: snapshot.name().to_owned(),
                source: io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "it is only read"),
            }),
        }
    }

    /// Whether there is a file at `path`.
    #[must_use]
    pub fn has_file(&self, path: &str) -> bool {
        match &self.0 {
            // What is in its place in another form is reported when it is read.
            Source::Folder(root) => {
                matches!(disk::find(root, path), Some(Found::File | Found::Other))
            }
            // An object that cannot be read is reported when it is read.
            Source::Snapshot(snapshot) => snapshot.has_file(path).unwrap_or(true),
        }
    }

    /// Whether there is a folder at `path`.
    #[must_use]
    pub fn has_folder(&self, path: &str) -> bool {
        match &self.0 {
            Source::Folder(root) => {
                matches!(disk::find(root, path), Some(Found::Folder | Found::Other))
            }
            Source::Snapshot(snapshot) => snapshot.has_folder(path).unwrap_or(true),
        }
    }

    /// The content of the file at `path`, or `None` where there is none.
    ///
    /// # Errors
    /// A file that exists and cannot be read, is larger than 24 MiB, is no plain
    /// file, or is reached through a symbolic link.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, TreeError> {
        let read = match &self.0 {
            Source::Folder(root) => disk::read(root, path),
            Source::Snapshot(snapshot) => snapshot.read(path, MAX_FILE),
        };
        read.map_err(|source| TreeError::read(path, source))
    }

    /// The content of the text file at `path`, or `None` where there is none.
    ///
    /// # Errors
    /// As [`read`](Self::read), and a file that is not UTF-8.
    pub fn read_text(&self, path: &str) -> Result<Option<String>, TreeError> {
        let Some(bytes) = self.read(path)? else { return Ok(None) };
        let fail = |why| TreeError::read(path, io::Error::new(io::ErrorKind::InvalidData, why));
        if encoding::is_utf16(&bytes) {
            return Err(fail(encoding::not_text(&bytes)));
        }
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|error| fail(encoding::not_text(error.as_bytes())))
    }

    /// The files and folders directly in the folder at `path`, sorted by name;
    /// nothing where there is no such folder.
    ///
    /// A name that is not UTF-8 comes with escapes. It is none that anything
    /// here could have, and nothing is found at it.
    ///
    /// # Errors
    /// A file where the folder belongs, or a folder that exists and cannot be
    /// read.
    pub fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError> {
        let listed = match &self.0 {
            Source::Folder(root) => disk::list(root, path),
            Source::Snapshot(snapshot) => list_snapshot(snapshot, path),
        };
        listed.map_err(|source| TreeError::read(path, source))
    }
}

/// A file or folder in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Its name, without the folder.
    pub name: String,
    /// Whether the name is not UTF-8, and so is written with escapes here, as
    /// shells read them between `$'` and `'`.
    pub is_escaped: bool,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Whether it is a symbolic link, or a submodule that git has noted.
    pub is_link: bool,
}

fn list_snapshot(snapshot: &Snapshot, path: &str) -> io::Result<Vec<TreeEntry>> {
    if snapshot.has_file(path)? {
        return Err(io::Error::from(io::ErrorKind::NotADirectory));
    }
    let entries = snapshot.list(path)?.into_iter().map(|entry| {
        let (name, is_escaped) = name_of(&entry.name);
        TreeEntry {
            name,
            is_escaped,
            is_folder: entry.kind == NotedKind::Folder,
            is_link: entry.kind == NotedKind::Elsewhere,
        }
    });
    Ok(entries.collect())
}

/// A name as text, and whether that takes escapes.
fn name_of(bytes: &[u8]) -> (String, bool) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (text.to_owned(), false);
    }
    let mut name = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' | '\'' => name.extend(['\\', character]),
                _ if character.is_ascii_control() => {
                    name.push_str(&format!("\\x{:02x}", u32::from(character)));
                }
                _ => name.push(character),
            }
        }
        name.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    (name, true)
}
