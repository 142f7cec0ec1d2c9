//! What a panic takes with it. A panic is a bug; here is what keeps it from costing more than it must.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use thiserror::Error;

/// A step ended by a panic, of which the log has the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a bug ended it; the log has the panic")]
pub(crate) struct Panicked;

/// Runs a step; a panic costs that step alone.
pub(crate) async fn caught<T>(step: impl Future<Output = T>) -> Result<T, Panicked> {
    // What a step leaves half done is in the store, where a change that is not committed leaves no trace.
    AssertUnwindSafe(step).catch_unwind().await.map_err(|_| Panicked)
}

/// Kept by what the service cannot be without: when a panic drops it, the actor_gone is called. All state is on disk,
/// and a fresh process takes it up.
pub(crate) struct AliveGuard(pub(crate) fn());

impl Drop for AliveGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn only_a_panic_ends_the_service() {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let alive = || {
            AliveGuard(|| {
                CALLS.fetch_add(1, Ordering::SeqCst);
            })
        };
        drop(alive());
        assert_eq!(CALLS.load(Ordering::SeqCst), 0);
        let held = alive();
        let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let _held = held;
            panic!("a bug");
        }));
        assert!(panicked.is_err());
        assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    }

    #[actix::test]
    async fn a_panic_costs_its_step_alone() {
        assert_eq!(caught(async { 1 }).await, Ok(1));
        assert_eq!(caught(async { panic!("a bug") }).await, Err::<(), _>(Panicked));
    }
}
