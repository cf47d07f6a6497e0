//! A folder for values in the clear: in memory, for this user alone, and gone
//! with the process.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::CliError;
use super::settings::Settings;
use super::signals::{self, RemovedFolder};
use crate::model::SecretValue;

/// How such folders are called.
const PREFIX: &str = "phalanx-secrets-private-";

/// File systems in memory, as Linux numbers them (`linux/magic.h`).
#[cfg(target_os = "linux")]
const IN_MEMORY: [u64; 2] = [
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
];

/// A folder that only this user can look into, removed when dropped, and at
/// signals.
#[derive(Debug)]
pub(super) struct PrivateFolder {
    folder: RemovedFolder,
    /// Held as long as the folder is in use.
    _lock: File,
}

impl PrivateFolder {
    /// Makes one in memory; on a disk only where that is allowed and there is
    /// no other way.
    pub(super) fn create(settings: &Settings, allow_disk: bool) -> Result<Self, CliError> {
        signals::watch()?;
        let candidates = settings.temporary_folders();
        let place = match candidates.iter().find(|folder| is_in_memory(folder)) {
            Some(folder) => folder.clone(),
            None if allow_disk => settings.temporary_folder(),
            None => return Err(no_memory(&candidates)),
        };
        remove_abandoned(&place);
        Self::create_in(&place).map_err(|error| {
            let mut failed =
                CliError::store(format!("no private folder can be made in {}", place.display()));
            failed.causes.push(error.to_string());
            failed.hint("XDG_RUNTIME_DIR names another place")
        })
    }

    fn create_in(place: &Path) -> io::Result<Self> {
        loop {
            // Two of the same name would be an error, not one for both.
            let folder = place.join(format!("{PREFIX}{:016x}", rand::random::<u64>()));
            DirBuilder::new().mode(0o700).create(&folder)?;
            let folder = RemovedFolder::new(folder);
            let lock = match File::open(folder.path()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                lock => lock?,
            };
            lock.lock()?;
            // Before the lock, another process could take it for abandoned.
            if folder.path().is_dir() {
                return Ok(Self { folder, _lock: lock });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a file in place that only its owner may read, and gives its path.
    pub(super) fn write(&self, name: &str, content: &SecretValue) -> Result<PathBuf, CliError> {
        let path = self.path().join(name);
        let write = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&path)?.write_all(content.expose())
        };
        match write() {
            Ok(()) => Ok(path),
            Err(error) => {
                let mut failed = CliError::store(format!("{} cannot be written", path.display()));
                failed.causes.push(error.to_string());
                Err(failed.hint("is there memory left? A value may be as large as 1 MiB"))
            }
        }
    }
}

fn no_memory(candidates: &[PathBuf]) -> CliError {
    let names: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
    CliError::store("there is no folder in memory for values in the clear")
        .detail(names.iter().map(|name| format!("{name} is none")))
        .hint("mount a tmpfs that you can write to, and name it in XDG_RUNTIME_DIR")
        .hint(
            "or pass --allow-disk: the values then are on the disk for a while, where they may be \
             found even after they were removed",
        )
}

/// Whether what is written to a folder goes to memory (which the system may
/// still move to its swap space).
fn is_in_memory(folder: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        let Ok(found) = rustix::fs::statfs(folder) else { return false };
        // Its type differs from one processor to another.
        u64::try_from(found.f_type).is_ok_and(|kind| IN_MEMORY.contains(&(kind & 0xffff_ffff)))
            && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        false
    }
}

/// Removes what killed processes of this user left.
fn remove_abandoned(place: &Path) {
    let Ok(entries) = std::fs::read_dir(place) else { return };
    for entry in entries.filter_map(Result::ok) {
        if !entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            continue;
        }
        let is_own = entry
            .metadata()
            .is_ok_and(|found| found.is_dir() && found.uid() == rustix::process::getuid().as_raw());
        // Opening what is another's, such as a pipe, could take for ever.
        if !is_own {
            continue;
        }
        let Ok(folder) = File::open(entry.path()) else { continue };
        if folder.try_lock().is_ok() {
            // Still locked, so that nobody begins to use it.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_private_and_goes() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::create_in(place.path()).unwrap();
        let path = folder.path().to_owned();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn only_what_nobody_uses_is_abandoned() {
        let place = tempfile::tempdir().unwrap();
        let used = PrivateFolder::create_in(place.path()).unwrap();
        let left = place.path().join(format!("{PREFIX}1"));
        let other = place.path().join("other");
        for folder in [&left, &other] {
            std::fs::create_dir(folder).unwrap();
        }
        remove_abandoned(place.path());
        assert!(used.path().is_dir() && other.is_dir() && !left.exists());
    }
}
