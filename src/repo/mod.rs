//! The git repository that the store lies in.

mod commit;
mod error;
mod ignored;
mod index;
mod merge_sides;
mod open;
mod program;
mod remote;
mod repository;
mod revision;
mod setting;
mod snapshot;
mod staged;
mod text;

pub use commit::{CommitError, check_git, commit};
pub use error::RepositoryError;
pub use ignored::{IgnoredFile, ignored};
pub use merge_sides::{MergeLabels, MergeSides, MergedFile};
pub use remote::{is_same_remote, remote};
pub use repository::{GitRepository, short};
pub use revision::Revision;
pub use setting::setting;
pub(crate) use snapshot::{NotedKind, Snapshot};
pub use staged::{StagedChange, is_tracked, staged_changes};
pub(crate) use text::text_of;
