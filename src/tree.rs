//! Files at a place: the one way in which specs and the store are read.
//!
//! Everything above asks for paths relative to a root, with `/`, and neither
//! knows nor cares where the root is.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The largest file that is read, in bytes. Nothing that the tool reads comes
/// near; a larger file is a mistake that must not exhaust memory.
const MAX_FILE: u64 = 16 << 20;

/// The files below one folder.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
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
    /// The files below `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether there is a file at `path`.
    #[must_use]
    pub fn has_file(&self, path: &str) -> bool {
        self.root.join(path).is_file()
    }

    /// Whether there is a folder at `path`.
    #[must_use]
    pub fn has_folder(&self, path: &str) -> bool {
        self.root.join(path).is_dir()
    }

    /// The content of the file at `path`, or `None` where there is none.
    ///
    /// # Errors
    /// A file that exists and cannot be read, or is larger than 16 MiB.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, TreeError> {
        let fail = |source| TreeError { path: path.to_owned(), source };
        let full = self.root.join(path);
        match std::fs::metadata(&full) {
            Ok(metadata) if metadata.len() > MAX_FILE => {
                Err(fail(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB")))
            }
            Ok(_) => std::fs::read(&full).map(Some).map_err(fail),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(fail(error)),
        }
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
        let entries = match std::fs::read_dir(self.root.join(path)) {
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

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
