//! What a work tree is at: the commit, and whether it was changed since.

use std::path::Path;

use git2::{Repository, Status, StatusOptions};

use crate::layout::Layout;
use crate::store::{RECIPIENTS, SECRETS};

/// What the work tree is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The commit, in hexadecimal.
    pub commit: String,
    /// Whether files that matter differ from it, or are not part of it.
    pub is_modified: bool,
}

impl Revision {
    /// What the work tree below `root` is at; `None` where that is no git
    /// repository, or one without a commit, or one that cannot be read.
    #[must_use]
    pub fn of_work_tree(root: &Path, layout: Layout) -> Option<Self> {
        let repository = Repository::discover(root).ok()?;
        let commit = repository.head().ok()?.peel_to_commit().ok()?.id().to_string();
        let is_modified = is_modified(&repository, root, layout).unwrap_or(true);
        Some(Self { commit, is_modified })
    }
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.commit)?;
        if self.is_modified { f.write_str("-modified") } else { Ok(()) }
    }
}

/// Whether any file of the store or of the specs differs from the commit.
fn is_modified(repository: &Repository, root: &Path, layout: Layout) -> Option<bool> {
    let top = repository.workdir()?.canonicalize().ok()?;
    let root = root.canonicalize().ok()?;
    let below = root.strip_prefix(&top).ok()?;
    let folders: &[&str] = match layout {
        Layout::Phalanx => &[SECRETS, RECIPIENTS, "environments", "applications"],
        Layout::Standalone => &[SECRETS, RECIPIENTS],
    };
    let mut options = StatusOptions::new();
    options.include_untracked(true).disable_pathspec_match(true);
    for folder in folders {
        options.pathspec(below.join(folder));
    }
    let statuses = repository.statuses(Some(&mut options)).ok()?;
    Some(statuses.iter().any(|entry| entry.status() != Status::CURRENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_matter_make_it_modified() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(Revision::of_work_tree(root, Layout::Standalone), None);

        let repository = Repository::init(root).unwrap();
        assert_eq!(Revision::of_work_tree(root, Layout::Standalone), None);
        std::fs::create_dir_all(root.join("secrets")).unwrap();
        crate::store::write_file(root, "secrets/store.toml", b"format = 1\n").unwrap();
        let mut index = repository.index().unwrap();
        index.add_path(Path::new("secrets/store.toml")).unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        index.write().unwrap();
        let author = git2::Signature::now("a", "a@example.org").unwrap();
        let id = repository.commit(Some("HEAD"), &author, &author, "x", &tree, &[]).unwrap();

        let at = || Revision::of_work_tree(root, Layout::Standalone).unwrap().to_string();
        assert_eq!(at(), id.to_string());
        crate::store::write_file(root, "README", b"x").unwrap();
        assert_eq!(at(), id.to_string());
        crate::store::write_file(root, "secrets/demo/a/b.age", b"x").unwrap();
        assert_eq!(at(), format!("{id}-modified"));
    }
}
