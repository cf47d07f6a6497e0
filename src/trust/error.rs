//! Why a history is not to be trusted.

use git2::Oid;
use thiserror::Error;

use super::signature::SignatureFault;
use crate::model::HolderName;
use crate::repo::{RepositoryError, short};
use crate::store::{Access, StoreError};
use crate::tree::TreeError;

/// A history that is not verified.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The trusted commit is not in it.
    #[error(
        "{} does not descend from the trusted commit {}: its history was rewritten, or is of \
         something else",
        short(*.target),
        short(*.root)
    )]
    Rewritten {
        /// The trusted commit.
        root: Oid,
        /// The commit that was to be verified.
        target: Oid,
        /// Whether the repository lacks a part of its history.
        is_shallow: bool,
    },
    /// A commit that nobody vouches for who could.
    #[error(transparent)]
    Violation(Box<Violation>),
    /// A repository that cannot be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// The first commit that nobody vouches for who could.
#[derive(Debug, Error)]
#[error("commit {} by {author} changes {path}: {reason}", short(*.commit))]
pub struct Violation {
    /// The commit.
    pub commit: Oid,
    /// Its author, as the commit says.
    pub author: String,
    /// The first file that it changes without right.
    pub path: String,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a commit.
#[derive(Debug, Error)]
pub enum Reason {
    /// Its signature tells nobody's name.
    #[error(transparent)]
    Signature(#[from] SignatureFault),
    /// It is signed by someone who is no holder.
    #[error("the key that signed it ({fingerprint}) was no holder's signing key before it")]
    UnknownKey {
        /// The key's fingerprint.
        fingerprint: String,
    },
    /// It is signed by a holder who may not do this.
    #[error("{holders} signed it, and {} access to {lacking} before it", have_no(.holders))]
    NoAccess {
        /// The holders whose signing key it is.
        holders: String,
        /// The first access that they lack.
        lacking: Access,
    },
    /// It is signed by a holder whose access had ended on the other side of a
    /// merge that brings it in.
    #[error(
        "{holders} signed it, and merge {} joins it with a history in which their access to \
         {lacking} had ended",
        short(*.merge)
    )]
    Ended {
        /// The holders whose signing key it was.
        holders: String,
        /// The first access that had ended.
        lacking: Access,
        /// The merge.
        merge: Oid,
    },
    /// The holders before it, or after it, are not to be made out.
    #[error("the holders cannot be read there: {0}")]
    Holders(String),
    /// Its name is not text.
    #[error("the name of a file is not UTF-8")]
    Name,
}

fn have_no(holders: &str) -> &'static str {
    if holders.contains(", ") { "have no" } else { "has no" }
}

/// Names in a sentence.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a HolderName>) -> String {
    names.map(HolderName::as_str).collect::<Vec<_>>().join(", ")
}

impl From<git2::Error> for TrustError {
    fn from(error: git2::Error) -> Self {
        Self::Repository(error.into())
    }
}

impl From<StoreError> for Reason {
    fn from(error: StoreError) -> Self {
        Self::Holders(error.to_string())
    }
}

impl From<TreeError> for Reason {
    fn from(error: TreeError) -> Self {
        Self::Holders(error.to_string())
    }
}

impl TrustError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Rewritten { is_shallow: true, .. } => Some(
                "this clone is shallow, so it may be in what is missing: git fetch --unshallow"
                    .to_owned(),
            ),
            Self::Rewritten { root, .. } => Some(format!(
                "find out who moved the branch, and whether {} was ever part of it",
                short(*root)
            )),
            Self::Violation(violation) => Some(format!(
                "look at it with: git show --show-signature {}; where it is as it should be, \
                 someone with that access makes the change again in a signed commit, or a later \
                 commit becomes the trusted one",
                short(violation.commit)
            )),
            Self::Repository(error) => error.hint(),
        }
    }
}
