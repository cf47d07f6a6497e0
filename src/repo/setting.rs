//! A setting of git, as git itself sees it.
//!
//! A setting may stand in places that the git library does not read: files that
//! `GIT_CONFIG_GLOBAL` and `GIT_CONFIG_SYSTEM` name, the variables from
//! `GIT_CONFIG_COUNT` on, files that are included for a remote. So git is asked.

use std::io::ErrorKind::NotFound;
use std::path::Path;

use git2::{Config, ErrorCode};

use super::error::RepositoryError;
use super::open::open;
use super::program::ask;

/// A setting in a folder, or for it; `None` where it is not set. One that is
/// set without a value is empty.
///
/// Where `git` is not installed, the library's answer is all that there is:
/// not if `is_elsewhere` says that settings are where the library does not
/// look.
///
/// # Errors
/// Settings that cannot be read: then it is not known whether this one is set.
pub fn setting(
    folder: &Path,
    name: &str,
    is_elsewhere: bool,
) -> Result<Option<String>, RepositoryError> {
    let unreadable = |said: String| RepositoryError::Setting { name: name.to_owned(), said };
    // In a repository of somebody else, git passes over the settings.
    let config = match open(folder) {
        Ok(repository) => Some(repository.config()?),
        Err(error @ RepositoryError::Foreign { .. }) => return Err(error),
        Err(_) => None,
    };
    match ask(folder, &["config", "--null", "--get", name]) {
        Ok(output) if output.status.success() => {
            let value = output.stdout.strip_suffix(b"\0").unwrap_or(&output.stdout);
            let text = std::str::from_utf8(value);
            return text
                .map(|text| Some(text.to_owned()))
                .map_err(|_| unreadable("its value is not UTF-8".to_owned()));
        }
        // It is not set.
        Ok(output) if output.status.code() == Some(1) => {}
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(unreadable(said.trim().lines().collect::<Vec<_>>().join("; ")));
        }
        Err(error) if error.kind() == NotFound && !is_elsewhere => {}
        Err(error) => return Err(RepositoryError::Program(error)),
    }
    // A repository that GIT_DIR or GIT_CONFIG hides from git is there all the
    // same.
    let mut config = match config {
        Some(config) => config,
        None => Config::open_default()?,
    };
    match config.snapshot()?.get_string(name) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
