//! Holding requests back, where many environments are worked on at once.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// How many requests may be under way, and how many may begin in a second.
/// Clones count together.
#[derive(Debug, Clone)]
pub struct Throttle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    under_way: Semaphore,
    /// What lies between two requests.
    interval: Duration,
    /// When the next may begin.
    next: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Allows that many requests at the same time and in a second; without a
    /// number, as many in a second as come.
    #[must_use]
    pub fn new(under_way: usize, per_second: Option<NonZeroU32>) -> Self {
        let interval =
            per_second.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.get());
        Self(Arc::new(Shared {
            under_way: Semaphore::new(under_way.max(1)),
            interval,
            next: Mutex::new(None),
        }))
    }

    /// Waits for a request's turn. It is under way until what this gives is
    /// dropped.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        let permit = self.0.under_way.acquire().await.ok();
        if !self.0.interval.is_zero() {
            let at = {
                let mut next = self.0.next.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Instant::now();
                let at = next.map_or(now, |next| next.max(now));
                *next = Some(at + self.0.interval);
                at
            };
            sleep_until(at).await;
        }
        permit
    }
}

impl PartialEq for Throttle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Throttle {}
