//! Files in the clear that only their owner may read.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{CliError, Ui};
use crate::repo::GitRepository;

/// Puts a file in place that only its owner may read: wholly, or not at all.
pub(super) fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name)).map_err(|error| error.error)?;
    Ok(())
}

/// The folder and the name of a file that the user named for values in the
/// clear.
///
/// # Errors
/// Something that is no file, which would be replaced; and a place in a
/// repository that git does not ignore, from where it might be committed.
pub(super) fn place_in_the_clear(path: &Path) -> Result<(PathBuf, String), CliError> {
    let shown = path.display();
    let name = path.file_name().and_then(|name| name.to_str());
    let Some(name) = name else {
        return Err(CliError::usage(format!("{shown} does not end with the name of a file")));
    };
    if std::fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(CliError::usage(format!("{shown} is there and is no plain file"))
            .hint("name another file; for standard output, leave the option out"));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = std::fs::canonicalize(parent.unwrap_or(Path::new("."))).map_err(|error| {
        let mut failed = CliError::usage(format!("{shown} has no folder to be in"));
        failed.causes.push(error.to_string());
        failed
    })?;
    if might_be_committed(&folder.join(name)) {
        return Err(CliError::usage(format!(
            "{shown} is in a git repository, from where values in the clear might be committed"
        ))
        .hint("choose a place outside of it, in memory at best, such as /dev/shm")
        .hint("or have git ignore the file"));
    }
    Ok((folder, name.to_owned()))
}

/// Whether a file is, or would be, where git might take it along.
pub(super) fn might_be_committed(path: &Path) -> bool {
    matches!(state_in_git(path), Some(GitState::Tracked | GitState::Untracked))
}

/// Identity files that the next `git add` would take along, each said once.
pub(super) fn warn_of_identities_to_add(paths: &[PathBuf], ui: &Ui) {
    for path in paths {
        let absolute = std::fs::canonicalize(path);
        if absolute.is_ok_and(|path| state_in_git(&path) == Some(GitState::Untracked)) {
            ui.warn(&format!(
                "the identity file {} is in a git repository, where the next git add would take \
                 it along: move it out of there, or have git ignore it",
                path.display()
            ));
        }
    }
}

/// What git knows of a file in its work tree.
#[derive(PartialEq, Eq)]
enum GitState {
    Tracked,
    Untracked,
    Ignored,
}

/// `None` where a file is in no work tree.
fn state_in_git(path: &Path) -> Option<GitState> {
    // The folders that it will be in may not be there yet.
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir());
    let repository = folder.and_then(|folder| GitRepository::discover(folder).ok())?;
    let git = repository.git();
    let below = git.workdir().and_then(|root| path.strip_prefix(root).ok())?;
    // What git has it commits, ignored or not; and what git cannot say counts
    // as not ignored.
    Some(if git.index().is_ok_and(|index| index.get_path(below, 0).is_some()) {
        GitState::Tracked
    } else if git.is_path_ignored(path).unwrap_or(false) {
        GitState::Ignored
    } else {
        GitState::Untracked
    })
}
