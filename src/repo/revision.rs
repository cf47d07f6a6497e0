//! What a work tree is at: the commit, and what was changed since.

use git2::{ErrorCode, Oid, StatusOptions};

use super::error::RepositoryError;
use super::repository::GitRepository;
use crate::layout::Layout;

/// Where files were read from: a commit, or a work tree beside one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The commit.
    pub commit: Oid,
    /// The files that matter and differ from it, or are not part of it, by
    /// their paths below the store's root.
    pub modified: Vec<String>,
}

impl Revision {
    /// What the work tree of a repository is at.
    ///
    /// # Errors
    /// A repository without a commit, or one that cannot be read.
    pub fn of_work_tree(
        repository: &GitRepository,
        layout: Layout,
    ) -> Result<Self, RepositoryError> {
        let git = repository.git();
        let head = git.head().map_err(|error| match error.code() {
            ErrorCode::UnbornBranch | ErrorCode::NotFound => RepositoryError::Empty,
            _ => error.into(),
        })?;
        let commit = head.peel_to_commit()?.id();
        Ok(Self { commit, modified: modified(repository, layout)? })
    }

    /// A commit as it is.
    #[must_use]
    pub fn of_commit(commit: Oid) -> Self {
        Self { commit, modified: Vec::new() }
    }
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.commit)?;
        if self.modified.is_empty() { Ok(()) } else { f.write_str("-modified") }
    }
}

/// The files of the store and of the specs that differ from the commit.
fn modified(repository: &GitRepository, layout: Layout) -> Result<Vec<String>, git2::Error> {
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).disable_pathspec_match(true);
    for folder in layout.folders() {
        options.pathspec(format!("{}{folder}", repository.below()));
    }
    let statuses = repository.git().statuses(Some(&mut options))?;
    let paths = statuses.iter().filter(|entry| entry.status() != git2::Status::CURRENT);
    let below = |path: String| match path.strip_prefix(repository.below()) {
        Some(path) => path.to_owned(),
        None => path,
    };
    Ok(paths.map(|entry| below(String::from_utf8_lossy(entry.path_bytes()).into_owned())).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_files_that_matter_make_it_modified() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let of_work_tree = || {
            let repository = GitRepository::discover(root)?;
            Revision::of_work_tree(&repository, Layout::Standalone)
        };
        assert!(matches!(of_work_tree(), Err(RepositoryError::Absent { .. })));

        let repository = git2::Repository::init(root).unwrap();
        assert!(matches!(of_work_tree(), Err(RepositoryError::Empty)));
        std::fs::create_dir_all(root.join("secrets")).unwrap();
        crate::store::write_file(root, "secrets/store.toml", b"format = 1\n").unwrap();
        let mut index = repository.index().unwrap();
        index.add_path(Path::new("secrets/store.toml")).unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        index.write().unwrap();
        let author = git2::Signature::now("a", "a@example.org").unwrap();
        let id = repository.commit(Some("HEAD"), &author, &author, "x", &tree, &[]).unwrap();

        let at = || of_work_tree().unwrap();
        assert_eq!(at(), Revision::of_commit(id));
        crate::store::write_file(root, "README", b"x").unwrap();
        assert_eq!(at().to_string(), id.to_string());
        crate::store::write_file(root, "secrets/demo/a/b.age", b"x").unwrap();
        assert_eq!(at().modified, ["secrets/demo/a/b.age"]);
        assert_eq!(at().to_string(), format!("{id}-modified"));
    }
}
