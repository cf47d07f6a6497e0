//! The one way to what lies in a folder of the disk.
//!
//! Whoever can push can put a link anywhere in a checkout, to a device, or to a
//! file of the user's own. So nothing below the root is reached through a link,
//! and only plain files are read, with a limit that counts what is read and not
//! what the file says that it has.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

use super::{MAX_FILE, TreeEntry, name_of};

/// What is said of a link.
const LINK: &str = "it is a link, which is not followed";

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    File,
    Folder,
    /// A link, a device, a pipe or a socket.
    Other,
}

/// What lies at a path below the root, or on the way to it where that is a
/// link; `None` where nothing does.
pub(super) fn find(root: &Path, path: &str) -> Option<Found> {
    if path.is_empty() {
        return root.is_dir().then_some(Found::Folder);
    }
    let (folder, name) = match parent(root, path) {
        Ok(Some(found)) => found,
        Ok(None) => return None,
        Err(_) => return Some(Found::Other),
    };
    let metadata = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(match FileType::from_raw_mode(metadata.st_mode) {
        FileType::RegularFile => Found::File,
        FileType::Directory => Found::Folder,
        _ => Found::Other,
    })
}

/// The content of the file at a path below the root, or `None` where there is
/// none.
pub(super) fn read(root: &Path, path: &str) -> io::Result<Option<Vec<u8>>> {
    let Some((folder, name)) = parent(root, path)? else { return Ok(None) };
    // A pipe or a device is not waited for, and becomes nobody's terminal.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match openat(&folder, name, flags | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(Errno::LOOP) => return Err(io::Error::other(LINK)),
        Err(error) => return Err(error.into()),
    };
    let metadata = fstat(&file)?;
    match FileType::from_raw_mode(metadata.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(io::ErrorKind::IsADirectory.into()),
        _ => return Err(io::Error::other("it is no plain file")),
    }
    let size = u64::try_from(metadata.st_size).unwrap_or(0).min(MAX_FILE);
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    File::from(file).take(MAX_FILE + 1).read_to_end(&mut content)?;
    match content.len() as u64 > MAX_FILE {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 24 MiB")),
        false => Ok(Some(content)),
    }
}

/// What lies directly in the folder at a path below the root, sorted by name;
/// nothing where there is no such folder.
pub(super) fn list(root: &Path, path: &str) -> io::Result<Vec<TreeEntry>> {
    let Some(folder) = folder(root, path)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let bytes = entry.file_name().to_bytes();
        if matches!(bytes, b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            // Not every file system tells.
            FileType::Unknown => {
                let metadata = statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(metadata.st_mode)
            }
            known => known,
        };
        let (name, is_escaped) = name_of(bytes);
        let is_link = kind == FileType::Symlink;
        found.push(TreeEntry { name, is_escaped, is_folder: kind == FileType::Directory, is_link });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Refuses a path below the root that goes through a link.
///
/// # Errors
/// The link.
pub(crate) fn refuse_links(root: &Path, path: &str) -> io::Result<()> {
    parent(root, path).map(|_| ())
}

/// The folder that a path below the root is in, and its name there; `None`
/// where there is no such folder.
fn parent<'p>(root: &Path, path: &'p str) -> io::Result<Option<(OwnedFd, &'p str)>> {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    match folder(root, folders) {
        // Below a file, there is nothing.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        folder => Ok(folder?.map(|folder| (folder, name))),
    }
}

/// The folder at a path below the root, reached through no link; `None` where
/// there is none.
fn folder(root: &Path, path: &str) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // An empty path is that of the current folder.
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    let mut here = match openat(CWD, root.as_os_str().as_bytes(), flags, Mode::empty()) {
        Ok(root) => root,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut names = path.split('/').filter(|name| !name.is_empty()).peekable();
    while let Some(name) = names.next() {
        here = match openat(&here, name, flags | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(io::Error::other(LINK)),
            // A link is no folder either, as some systems say.
            Err(Errno::NOTDIR) => {
                let metadata = statat(&here, name, AtFlags::SYMLINK_NOFOLLOW)?;
                return Err(match FileType::from_raw_mode(metadata.st_mode) {
                    FileType::Symlink => io::Error::other(LINK),
                    _ if names.peek().is_some() => return Ok(None),
                    _ => Errno::NOTDIR.into(),
                });
            }
            Err(error) => return Err(error.into()),
        };
    }
    Ok(Some(here))
}
