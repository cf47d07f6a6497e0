//! What can be wrong with a git repository.

use thiserror::Error;

/// A repository that cannot give what was asked of it.
#[derive(Debug, Error)]
pub enum RepositoryError {
    /// There is none.
    #[error("{folder} is in no git repository")]
    Absent {
        /// Where one was looked for.
        folder: String,
    },
    /// It is of a kind that cannot be read.
    #[error("the git repository keeps its objects or references in a form that is not read here")]
    Unsupported(#[source] git2::Error),
    /// It cannot be read.
    #[error("the git repository cannot be read")]
    Git(#[source] git2::Error),
    /// The folder is not part of the work tree.
    #[error("the folder is not part of a git work tree")]
    Outside,
    /// A file that a merge left undecided.
    #[error("{path} has an unresolved merge conflict")]
    Conflict {
        /// The file, relative to the root.
        path: String,
    },
    /// A repository of somebody whom git does not trust.
    #[error("the git repository around {folder} belongs to another user")]
    Foreign {
        /// The folder.
        folder: String,
    },
    /// A `git` that cannot be run.
    #[error("git cannot be run")]
    Program(#[source] std::io::Error),
    /// An index that git does not read.
    #[error("git does not list what is staged: {said}")]
    Index {
        /// What git said.
        said: String,
    },
    /// A list of staged files that is not understood.
    #[error("git lists what is staged in a form that is not understood")]
    UnknownIndex,
    /// Settings of git that cannot be read.
    #[error("git does not say what {name} is set to: {said}")]
    Setting {
        /// The setting that was asked for.
        name: String,
        /// What git said.
        said: String,
    },
    /// A repository without any commit.
    #[error("the git repository has no commit yet")]
    Empty,
    /// A name that is both a branch's and a tag's.
    #[error("{name} is the name of a branch and of a tag, which differ")]
    Ambiguous {
        /// The name.
        name: String,
    },
    /// A revision that names no commit.
    #[error("{revision:?} names no commit of this repository")]
    UnknownRevision {
        /// The revision, as it was asked for.
        revision: String,
        /// Whether the repository lacks a part of its history.
        is_shallow: bool,
        /// Why.
        source: git2::Error,
    },
    /// A folder that is not in a commit.
    #[error("{commit} has no folder {folder}")]
    NoFolder {
        /// The commit.
        commit: String,
        /// The folder.
        folder: String,
    },
}

impl From<git2::Error> for RepositoryError {
    fn from(error: git2::Error) -> Self {
        // Extensions say how objects are named, and where references are.
        let unsupported = ["unsupported extension", "unknown object format"];
        if unsupported.iter().any(|reason| error.message().contains(reason)) {
            return Self::Unsupported(error);
        }
        Self::Git(error)
    }
}

impl RepositoryError {
    /// What to do about it, where that is not plain from the message.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Conflict { .. } => {
                Some("decide between the versions, then: git add FILE".to_owned())
            }
            Self::Unsupported(_) => Some(
                "repositories with SHA-256 object names or reftable references are not supported; \
                 files in a work tree are read all the same"
                    .to_owned(),
            ),
            Self::Foreign { folder } => Some(format!(
                "git trusts it after: git config --global --add safe.directory {}",
                crate::shell::quoted(folder)
            )),
            Self::Absent { .. } => Some("make one with: git init, and commit the store".to_owned()),
            Self::Program(_) => Some("install git".to_owned()),
            Self::Setting { name, .. } => {
                Some(format!("see what git says to: git config --get {name}"))
            }
            Self::Empty => Some("make the first commit; there is no history before it".to_owned()),
            Self::Ambiguous { name } => {
                Some(format!("say which: refs/heads/{name} or refs/tags/{name}"))
            }
            Self::UnknownRevision { is_shallow: true, .. } => Some(
                "this clone is shallow; for the rest of its history: git fetch --unshallow"
                    .to_owned(),
            ),
            Self::UnknownRevision { .. } => {
                Some("branches and tags of a remote come with: git fetch --tags".to_owned())
            }
            _ => None,
        }
    }
}
