//! The one way in which files of the store are written.
//!
//! The new content goes to a temporary file beside the old, which is synced to
//! disk and renamed over it; then the folder is synced. Whenever the machine
//! stops, the file is either wholly old or wholly new.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;
use thiserror::Error;

/// The prefix of temporary files. They are hidden, and never read.
const TEMPORARY: &str = ".phalanx-secrets-";

/// A file that could not be written or removed.
#[derive(Debug, Error)]
#[error("cannot {verb} {file}")]
pub struct WriteError {
    verb: &'static str,
    file: String,
    #[source]
    source: io::Error,
}

/// Puts a file in place, or replaces it.
///
/// # Errors
/// Whatever the file system says. The old file is then still there.
pub fn write_file(root: &Path, file: &str, content: &[u8]) -> Result<(), WriteError> {
    let put = || {
        let path = root.join(file);
        let temporary = prepare(&path, content)?;
        temporary.persist(&path).map_err(|error| error.error)?;
        sync_folder(&path)
    };
    put().map_err(|source| WriteError { verb: "write", file: file.to_owned(), source })
}

/// Puts a file in place where there is none.
///
/// # Errors
/// A file that is already there, and whatever the file system says.
pub fn write_new_file(root: &Path, file: &str, content: &[u8]) -> Result<(), WriteError> {
    let put = || {
        let path = root.join(file);
        let temporary = prepare(&path, content)?;
        temporary.persist_noclobber(&path).map_err(|error| error.error)?;
        sync_folder(&path)
    };
    put().map_err(|source| WriteError { verb: "create", file: file.to_owned(), source })
}

/// Removes a file, and its folder where that leaves it empty.
///
/// # Errors
/// Whatever the file system says.
pub fn remove_file(root: &Path, file: &str) -> Result<(), WriteError> {
    let remove = || {
        let path = root.join(file);
        std::fs::remove_file(&path)?;
        sync_folder(&path)?;
        if let Some(folder) = path.parent() {
            // It fails where the folder is not empty, which is as it should be.
            let _ = std::fs::remove_dir(folder);
        }
        Ok(())
    };
    remove().map_err(|source| WriteError { verb: "remove", file: file.to_owned(), source })
}

fn prepare(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(path);
    create_folders(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    // As git would make it; the process's umask still applies.
    #[cfg(unix)]
    builder.permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder)?;
    temporary.write_all(content)?;
    temporary.as_file().sync_all()?;
    Ok(temporary)
}

/// Makes a folder and those above it, each synced into the one above.
fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        create_folders(above)?;
    }
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        // It may be there and be no folder.
        Err(_) if !folder.is_dir() => {
            let message = format!("{} is not a folder", folder.display());
            Err(io::Error::new(io::ErrorKind::NotADirectory, message))
        }
        _ => sync_folder(folder),
    }
}

/// Syncs the folder that holds `path`, so that its entry is on disk too.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        #[cfg(unix)]
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_whole_and_alone() {
        let root = tempfile::tempdir().unwrap();
        write_file(root.path(), "a/b/c.age", b"old").unwrap();
        write_file(root.path(), "a/b/c.age", b"new").unwrap();
        assert_eq!(std::fs::read(root.path().join("a/b/c.age")).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(root.path().join("a/b")).unwrap().count(), 1);
        assert!(write_new_file(root.path(), "a/b/c.age", b"other").is_err());
        remove_file(root.path(), "a/b/c.age").unwrap();
        assert!(!root.path().join("a/b").exists() && root.path().join("a").exists());
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/taken")).unwrap();
        let error = write_file(root.path(), "a/taken", b"x").unwrap_err();
        assert_eq!(error.to_string(), "cannot write a/taken");
        assert_eq!(std::fs::read_dir(root.path().join("a")).unwrap().count(), 1);
    }
}
