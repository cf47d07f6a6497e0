//! The repository around a store, and the commits in it.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use git2::{ErrorCode, ObjectType, Oid, Repository};

use super::error::RepositoryError;
use super::open::open;
use super::snapshot::Snapshot;
use crate::tree::Tree;

/// A git repository, and where in it the store's root is.
pub struct GitRepository {
    git: Repository,
    below: String,
    /// What trees read objects with, from any thread.
    objects: OnceLock<Arc<Mutex<Repository>>>,
}

impl GitRepository {
    /// The repository whose work tree a folder is in, or that a folder is,
    /// where it is bare. The folder is the store's root.
    ///
    /// # Errors
    /// No repository, or one that cannot be read.
    pub fn discover(folder: &Path) -> Result<Self, RepositoryError> {
        let git = open(folder)?;
        let below = match git.is_bare() {
            true => String::new(),
            false => place_in_work_tree(&git, folder)?,
        };
        Ok(Self { git, below, objects: OnceLock::new() })
    }

    /// The same repository with another root: a path within it that is empty
    /// or ends in `/`.
    #[must_use]
    pub fn with_root(self, below: &str) -> Self {
        Self { below: below.to_owned(), ..self }
    }

    /// The repository as the git library has it.
    #[must_use]
    pub fn git(&self) -> &Repository {
        &self.git
    }

    /// The path of the store's root in the repository: empty, or ending in
    /// `/`.
    #[must_use]
    pub fn below(&self) -> &str {
        &self.below
    }

    /// The commit that a revision names, as git understands revisions.
    ///
    /// # Errors
    /// One that names no commit.
    pub fn resolve(&self, revision: &str) -> Result<Oid, RepositoryError> {
        let is_unborn = || {
            let head = self.git.head();
            head.is_err_and(|error| error.code() == ErrorCode::UnbornBranch)
        };
        let unknown = |source| match is_unborn() {
            true => RepositoryError::Empty,
            false => RepositoryError::UnknownRevision {
                revision: revision.to_owned(),
                is_shallow: self.git.is_shallow(),
                source,
            },
        };
        self.refuse_ambiguous(revision)?;
        let object = self.git.revparse_single(revision).map_err(unknown)?;
        object.peel_to_commit().map(|commit| commit.id()).map_err(unknown)
    }

    /// Refuses a name that a branch and a tag have, at different commits: git
    /// takes the tag, where somebody who deploys means the branch.
    fn refuse_ambiguous(&self, name: &str) -> Result<(), RepositoryError> {
        let commit = |folder: &str| {
            let reference = self.git.find_reference(&format!("refs/{folder}/{name}")).ok()?;
            Some(reference.peel_to_commit().ok()?.id())
        };
        match (commit("heads"), commit("tags")) {
            (Some(branch), Some(tag)) if branch != tag => {
                Err(RepositoryError::Ambiguous { name: name.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// The commit and the root that a revision names, which may be
    /// `REVISION:FOLDER`.
    ///
    /// # Errors
    /// One that names no commit, or a folder that the commit does not have.
    pub fn resolve_root(&self, revision: &str) -> Result<(Oid, Option<String>), RepositoryError> {
        let object = self.git.revparse_single(revision);
        match (object, revision.split_once(':')) {
            (Ok(object), Some((commit, folder))) if object.kind() == Some(ObjectType::Tree) => {
                let folder = folder.trim_matches('/');
                let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
                Ok((self.resolve(commit)?, Some(below)))
            }
            _ => Ok((self.resolve(revision)?, None)),
        }
    }

    /// The files of a commit below the store's root, read from its objects.
    ///
    /// # Errors
    /// A commit that does not exist, or does not have that root.
    pub fn tree_at(&self, commit: Oid) -> Result<Tree, RepositoryError> {
        let objects = match self.objects.get() {
            Some(objects) => objects,
            None => {
                let objects = Arc::new(Mutex::new(Repository::open_bare(self.git.commondir())?));
                self.objects.get_or_init(|| objects)
            }
        };
        let mut root = self.git.find_commit(commit)?.tree()?;
        if !self.below.is_empty() {
            let no_folder =
                |_| RepositoryError::NoFolder { commit: short(commit), folder: self.below.clone() };
            let entry = root.get_path(Path::new(&self.below)).map_err(no_folder)?;
            root = self.git.find_tree(entry.id()).map_err(no_folder)?;
        }
        let name = format!("commit {}", short(commit));
        Ok(Tree::of_snapshot(Snapshot::of_tree(name, root.id(), Arc::clone(objects))))
    }
}

impl std::fmt::Debug for GitRepository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitRepository")
            .field("git", &self.git.path())
            .field("below", &self.below)
            .finish_non_exhaustive()
    }
}

/// The first characters of a commit's name, as many as are enough to tell it
/// from others.
#[must_use]
pub fn short(commit: Oid) -> String {
    commit.to_string().chars().take(10).collect()
}

/// What the paths of files below a folder begin with in its repository.
pub(super) fn place_in_work_tree(
    git: &Repository,
    folder: &Path,
) -> Result<String, RepositoryError> {
    let top = git.workdir().and_then(|top| top.canonicalize().ok());
    let folder = folder.canonicalize().ok();
    let (Some(top), Some(folder)) = (top, folder) else { return Err(RepositoryError::Outside) };
    let below = folder.strip_prefix(&top).map_err(|_| RepositoryError::Outside)?;
    let mut place = String::new();
    for component in below.components() {
        let name = component.as_os_str().to_str().ok_or(RepositoryError::Outside)?;
        place.push_str(name);
        place.push('/');
    }
    Ok(place)
}
