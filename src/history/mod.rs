//! What changed between two states of a store, and who changed it when.
//!
//! No key is needed: the header of a sealed file says when its value was set,
//! so that a new value can be told from one that was only sealed again. A
//! header is as good as its file ([`crate::store::Header`]).

mod changes;
mod former;
mod log;

pub use changes::{Changes, HolderChange, Scope, ValueChange, ValueChangeKind, compare};
pub use former::former_holders;
pub use log::{CommitChanges, HistoryError, log};
