//! The one way in which files of the store are written.
//!
//! The new content goes to a temporary file beside the old, which is synced to
//! disk and renamed over it; then the folder is synced. Whenever the machine
//! stops, the file is either wholly old or wholly new.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::path::Path;

use rayon::prelude::*;
use rustix::io::Errno;
use tempfile::NamedTempFile;
use thiserror::Error;

use super::paths::{RECIPIENTS, SECRETS};
use crate::tree::refuse_links;

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
    let path = root.join(file);
    let put = || {
        refuse_way_out(root, file)?;
        prepare(&path, content)?.persist(&path).map_err(|error| error.error)
    };
    put().map_err(|source| WriteError { verb: "write", file: file.to_owned(), source })?;
    sync_folder(&path).map_err(|source| not_synced(file, source))
}

/// Puts a file in place where there is none.
///
/// # Errors
/// A file that is already there, and whatever the file system says.
pub fn write_new_file(root: &Path, file: &str, content: &[u8]) -> Result<(), WriteError> {
    let path = root.join(file);
    let put = || {
        refuse_way_out(root, file)?;
        prepare(&path, content)?.persist_noclobber(&path).map_err(|error| error.error)
    };
    put().map_err(|source| WriteError { verb: "create", file: file.to_owned(), source })?;
    sync_folder(&path).map_err(|source| not_synced(file, source))
}

/// Refuses a file of the store whose folder is a link: whoever can push could
/// have it written anywhere.
fn refuse_way_out(root: &Path, file: &str) -> io::Result<()> {
    let is_of_store = [SECRETS, RECIPIENTS]
        .iter()
        .any(|folder| file.strip_prefix(folder).is_some_and(|below| below.starts_with('/')));
    if is_of_store { refuse_links(root, file) } else { Ok(()) }
}

/// What is wrong where a file is in place, and perhaps not yet on disk.
fn not_synced(file: &str, source: io::Error) -> WriteError {
    WriteError { verb: "sync to disk, after it was put in place,", file: file.to_owned(), source }
}

/// A change of one file among several.
#[derive(Debug)]
pub struct FileChange {
    /// The file, relative to the root.
    pub file: String,
    /// What it must hold for the change to be right; `None` where it must not
    /// exist.
    pub before: Option<Vec<u8>>,
    /// What it shall hold; `None` to remove it.
    pub after: Option<Vec<u8>>,
}

/// Changes several files, in their order.
///
/// First all new content is put on disk beside its place, and every file is
/// compared with what it should still hold. Up to there a failure changes
/// nothing. Then each file is replaced at once, one after the other: whoever
/// stops the machine in between finds every file wholly old or wholly new.
///
/// # Errors
/// A file that somebody else changed, and whatever the file system says.
pub fn write_together(root: &Path, changes: &[FileChange]) -> Result<(), WriteError> {
    let fail =
        |verb, change: &FileChange, source| WriteError { verb, file: change.file.clone(), source };
    for change in changes {
        refuse_way_out(root, &change.file).map_err(|source| fail("write", change, source))?;
    }
    let stage = |change: &FileChange| match &change.after {
        // The path alone: thousands of open files would be too many.
        Some(content) => prepare(&root.join(&change.file), content)
            .map(|temporary| Some(temporary.into_temp_path()))
            .map_err(|source| fail("write", change, source)),
        None => Ok(None),
    };
    let staged: Vec<_> = changes.par_iter().map(stage).collect::<Result<_, _>>()?;
    for change in changes {
        is_still(root, change).map_err(|source| fail("replace", change, source))?;
    }
    let mut folder_to_sync: Option<&str> = None;
    for (change, temporary) in changes.iter().zip(staged) {
        let path = root.join(&change.file);
        let replaced = match temporary {
            Some(temporary) => temporary.persist(&path).map_err(|error| error.error),
            None => std::fs::remove_file(&path),
        };
        replaced.map_err(|source| fail("replace", change, source))?;
        // On disk before anything in another folder changes.
        let folder = change.file.rsplit_once('/').map(|(folder, _)| folder);
        if let Some(last) = folder_to_sync.filter(|last| Some(*last) != folder) {
            sync(&root.join(last)).map_err(|source| not_synced(last, source))?;
        }
        folder_to_sync = folder;
    }
    match folder_to_sync {
        Some(last) => sync(&root.join(last)).map_err(|source| not_synced(last, source)),
        None => Ok(()),
    }
}

/// Whether a file holds what a change takes it to hold.
fn is_still(root: &Path, change: &FileChange) -> io::Result<()> {
    let now = match std::fs::read(root.join(&change.file)) {
        Ok(content) => Some(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if now != change.before {
        return Err(io::Error::other("it changed meanwhile; nothing was written, so run it again"));
    }
    Ok(())
}

/// Removes what interrupted writes left in a folder and below it. To be called
/// under the store's lock alone.
///
/// # Errors
/// Whatever the file system says.
pub(super) fn remove_leftovers(root: &Path, folder: &str) -> Result<(), WriteError> {
    let remove = |folder: &Path| -> io::Result<()> {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() && entry.file_name().to_str().is_some_and(is_leftover) {
                    std::fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    };
    remove(&root.join(folder)).map_err(|source| WriteError {
        verb: "tidy up",
        file: folder.to_owned(),
        source,
    })
}

/// Whether a file is called as temporary ones are.
pub(crate) fn is_leftover(name: &str) -> bool {
    name.starts_with(TEMPORARY)
}

/// Removes a file, and the two folders around it where that leaves them empty.
///
/// # Errors
/// Whatever the file system says.
pub fn remove_file(root: &Path, file: &str) -> Result<(), WriteError> {
    let remove = || {
        refuse_way_out(root, file)?;
        let path = root.join(file);
        std::fs::remove_file(&path)?;
        // Whether that is on disk by now is no reason to call it undone.
        let _ = sync_folder(&path);
        for folder in path.ancestors().skip(1).take(2) {
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
    keep_access(path, temporary.as_file())?;
    temporary.write_all(content)?;
    temporary.as_file().sync_all()?;
    Ok(temporary)
}

/// Gives the file that replaces another one its mode, and its group where that
/// may be given: a checkout that several people share stays theirs.
#[cfg(unix)]
fn keep_access(old: &Path, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let Ok(old) = old.symlink_metadata() else { return Ok(()) };
    if !old.is_file() {
        return Ok(());
    }
    if old.gid() != new.metadata()?.gid() {
        let _ = fchown(new, None, Some(old.gid()));
    }
    new.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn keep_access(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
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
        Some(folder) if !folder.as_os_str().is_empty() => sync(folder),
        _ => Ok(()),
    }
}

/// Syncs a folder's entries to disk, where its file system can. Shared folders
/// and network file systems refuse; what they do with a renamed file is then
/// theirs to say.
fn sync(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        Err(error) if cannot_sync(&error) => Ok(()),
        synced => synced,
    }
}

/// Whether a file system says that it syncs no folders (EINVAL, ENOTSUP,
/// ENOSYS), rather than that it failed.
fn cannot_sync(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    // On Linux, NOTSUP and OPNOTSUPP are one.
    matches!(code, Some(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_whole_and_alone() {
        let root = tempfile::tempdir().unwrap();
        write_file(root.path(), "kept/a/b/c.age", b"old").unwrap();
        write_file(root.path(), "kept/a/b/c.age", b"new").unwrap();
        assert_eq!(std::fs::read(root.path().join("kept/a/b/c.age")).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(root.path().join("kept/a/b")).unwrap().count(), 1);
        assert!(write_new_file(root.path(), "kept/a/b/c.age", b"other").is_err());
        remove_file(root.path(), "kept/a/b/c.age").unwrap();
        // The two folders around it go, and no more.
        assert_eq!(std::fs::read_dir(root.path().join("kept")).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.age");
        for mode in [0o664, 0o600, 0o640] {
            write_file(root.path(), "a.age", b"old").unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            write_file(root.path(), "a.age", b"new").unwrap();
            let change = FileChange {
                file: "a.age".to_owned(),
                before: Some(b"new".to_vec()),
                after: Some(b"newer".to_vec()),
            };
            write_together(root.path(), &[change]).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn what_a_file_system_cannot_do_is_no_failure() {
        for (code, cannot) in [(22, true), (95, true), (38, true), (5, false), (28, false)] {
            if cfg!(target_os = "linux") {
                let error = io::Error::from_raw_os_error(code);
                assert_eq!(cannot_sync(&error), cannot, "{code}");
            }
        }
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
