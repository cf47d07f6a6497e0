//! Opening a repository: whichever git would, wherever it lies.

use std::path::Path;

use git2::{ErrorCode, Repository, RepositoryOpenFlags};

use super::error::RepositoryError;
use super::program::{ask, line};

/// Opens the repository whose work tree a folder is in, or that a folder is.
///
/// # Errors
/// No repository, one that belongs to somebody whom git does not trust, or one
/// that cannot be read.
pub(super) fn open(folder: &Path) -> Result<Repository, RepositoryError> {
    let no_ceiling: [&Path; 0] = [];
    // The folder itself is opened: where its `.git` is a file that names
    // another place, the work tree is found by it.
    match Repository::open_ext(folder, RepositoryOpenFlags::CROSS_FS, no_ceiling) {
        Ok(repository) => Ok(repository),
        Err(error) => match error.code() {
            ErrorCode::NotFound => {
                Err(RepositoryError::Absent { folder: folder.display().to_string() })
            }
            ErrorCode::Owner => open_of_other(folder),
            _ => Err(error.into()),
        },
    }
}

/// Opens a repository of another owner, if git itself would. The library knows
/// `safe.directory` from fewer places than git has.
fn open_of_other(folder: &Path) -> Result<Repository, RepositoryError> {
    let foreign = || RepositoryError::Foreign { folder: folder.display().to_string() };
    let place = line(ask(folder, &["rev-parse", "--absolute-git-dir"])).ok_or_else(foreign)?;
    let repository = Repository::open_bare(place)?;
    // A bare repository has no such place.
    if let Some(top) = line(ask(folder, &["rev-parse", "--show-toplevel"])) {
        repository.set_workdir(Path::new(&top), false)?;
    }
    Ok(repository)
}
