//! Files at a place: the one way in which specs and the store are read.
//!
//! Everything above asks for paths relative to a root, with `/`, and neither
//! knows nor cares where the root is, nor whether it is a folder or what git
//! has noted of one.

mod snapshot;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use snapshot::Snapshot;
pub use snapshot::SnapshotError;

/// The largest file that is read, in bytes. Nothing that the tool reads comes
/// near; a larger file is a mistake that must not exhaust memory.
const MAX_FILE: u64 = 16 << 20;

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
#[error("cannot read {path}")]
pub struct TreeError {
    /// The path, relative to the root.
    pub path: String,
    #[source]
    source: io::Error,
}

impl Tree {
    /// The files below `root`, as they are on disk.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(Source::Folder(root.into()))
    }

    /// The files below `root` in the index of the git repository that it is
    /// in: what the next commit would hold.
    ///
    /// # Errors
    /// No repository, one that cannot be read, or an unresolved merge.
    pub fn of_index(root: &Path) -> Result<Self, SnapshotError> {
        Ok(Self(Source::Snapshot(Arc::new(Snapshot::of_index(root)?))))
    }

    /// The folder on disk, to write to.
    ///
    /// # Errors
    /// What git has noted is no folder, and is not written to.
    pub fn folder(&self) -> Result<&Path, TreeError> {
        match &self.0 {
            Source::Folder(root) => Ok(root),
            Source::Snapshot(snapshot) => Err(TreeError {
                path: snapshot.name().to_owned(),
                source: io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "it is read only"),
            }),
        }
    }

    /// Whether there is a file at `path`.
    #[must_use]
    pub fn has_file(&self, path: &str) -> bool {
        match &self.0 {
            Source::Folder(root) => root.join(path).is_file(),
            Source::Snapshot(snapshot) => snapshot.has_file(path),
        }
    }

    /// Whether there is a folder at `path`.
    #[must_use]
    pub fn has_folder(&self, path: &str) -> bool {
        match &self.0 {
            Source::Folder(root) => root.join(path).is_dir(),
            Source::Snapshot(snapshot) => snapshot.has_folder(path),
        }
    }

    /// The content of the file at `path`, or `None` where there is none.
    ///
    /// # Errors
    /// A file that exists and cannot be read, or is larger than 16 MiB.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, TreeError> {
        let read = match &self.0 {
            Source::Folder(root) => read_file(&root.join(path)),
            Source::Snapshot(snapshot) => snapshot.read(path),
        };
        read.map_err(|source| TreeError { path: path.to_owned(), source })
    }

    /// The content of the text file at `path`, or `None` where there is none.
    ///
    /// # Errors
    /// As [`read`](Self::read), and a file that is not UTF-8.
    pub fn read_text(&self, path: &str) -> Result<Option<String>, TreeError> {
        let Some(bytes) = self.read(path)? else { return Ok(None) };
        String::from_utf8(bytes).map(Some).map_err(|_| TreeError {
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"),
        })
    }

    /// The files and folders directly in the folder at `path`, sorted by name;
    /// nothing where there is no such folder.
    ///
    /// # Errors
    /// A folder that exists and cannot be read, or holds a name that is not
    /// UTF-8.
    pub fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError> {
        let fail = |source| TreeError { path: path.to_owned(), source };
        let root = match &self.0 {
            Source::Folder(root) => root,
            Source::Snapshot(snapshot) => return Ok(snapshot.list(path)),
        };
        let entries = match std::fs::read_dir(root.join(path)) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(fail(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name().into_string().map_err(|_| {
                fail(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it holds a name that is not UTF-8",
                ))
            })?;
            found.push(TreeEntry { is_folder: entry.path().is_dir(), name });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }
}

/// A file or folder in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Its name, without the folder.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
}

fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_FILE => {
            Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB"))
        }
        Ok(_) => std::fs::read(path).map(Some),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(tree: &Tree, path: &str) -> Vec<String> {
        let name = |entry: TreeEntry| {
            if entry.is_folder { format!("{}/", entry.name) } else { entry.name }
        };
        tree.list(path).unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn the_index_is_read_as_a_folder_is() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        let repository = git2::Repository::init(top).unwrap();
        let mut index = repository.index().unwrap();
        for file in ["below/a/b.age", "below/a/c.age", "below/a.txt", "below/z", "other"] {
            crate::store::write_file(top, file, file.as_bytes()).unwrap();
            index.add_path(Path::new(file)).unwrap();
        }
        index.write().unwrap();
        let root = top.join("below");
        for tree in [Tree::new(&root), Tree::of_index(&root).unwrap()] {
            assert_eq!(entries(&tree, ""), ["a/", "a.txt", "z"]);
            assert_eq!(entries(&tree, "a"), ["b.age", "c.age"]);
            assert_eq!(entries(&tree, "none"), [""; 0]);
            assert_eq!(entries(&tree, "z"), [""; 0]);
            assert!(tree.has_folder("a") && !tree.has_folder("z") && !tree.has_folder("none"));
            assert!(tree.has_file("z") && !tree.has_file("a") && !tree.has_file("other"));
            assert_eq!(tree.read_text("a/b.age").unwrap().unwrap(), "below/a/b.age");
            assert_eq!(tree.read("a/none").unwrap(), None);
            assert_eq!(tree.read("z/none").unwrap(), None);
        }
        // What is not noted is not there, and what changed since is as it was.
        crate::store::write_file(&root, "z", b"changed").unwrap();
        crate::store::write_file(&root, "new", b"x").unwrap();
        let index = Tree::of_index(&root).unwrap();
        assert_eq!(index.read_text("z").unwrap().unwrap(), "below/z");
        assert!(!index.has_file("new"));
        assert!(index.folder().is_err() && Tree::new(&root).folder().is_ok());
    }
}
