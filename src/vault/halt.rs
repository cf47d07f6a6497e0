//! Stopping before the next request, where a process is about to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether requests may begin. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Halt(Arc<AtomicBool>);

impl Halt {
    /// Has no request begin any more: whoever sends one waits for ever, but for
    /// a login, which fails.
    pub fn halt(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether no request may begin.
    #[must_use]
    pub fn is_halted(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl PartialEq for Halt {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Halt {}
