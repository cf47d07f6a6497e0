//! The git repository that the store lies in.

mod revision;
mod snapshot;

pub use revision::Revision;
pub use snapshot::SnapshotError;
pub(crate) use snapshot::{NotedKind, Snapshot};
