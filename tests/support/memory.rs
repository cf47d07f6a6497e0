//! Folders in memory, where editors work.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::notice;

/// A folder in memory for one test, which must be empty in the end.
#[derive(Debug)]
pub struct Memory(PathBuf);

impl Memory {
    /// Makes one, or says that there is none, as on macOS:
    /// `let Some(memory) = Memory::new() else { return };`
    #[track_caller]
    pub fn new() -> Option<Self> {
        let place = Path::new("/dev/shm");
        if !place.is_dir() {
            let test = std::panic::Location::caller();
            notice(&format!("SKIPPED: the test at {test}: there is no folder in memory"));
            return None;
        }
        let folder = tempfile::Builder::new().prefix("memory-").tempdir_in(place).unwrap();
        Some(Self(folder.keep()))
    }

    pub fn is_empty(&self) -> bool {
        fs::read_dir(&self.0).unwrap().next().is_none()
    }
}

impl Deref for Memory {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let removed = fs::remove_dir(&self.0);
        if std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        } else {
            removed.unwrap_or_else(|error| panic!("{}: {error}", self.0.display()));
        }
    }
}
