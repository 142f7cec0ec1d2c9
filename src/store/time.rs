//! The time that is stored with changes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use actors::domain::time::Timestamp;

/// A clock on the wall.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's own clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(0).after(since_epoch)
    })
}

/// Whose clock counts.
#[derive(Clone)]
pub(super) enum StoreClock {
    Given(Clock),
    /// PostgreSQL's, as it was read last and when: clocks of the machines of several services differ.
    OfDatabase(Arc<Mutex<(Timestamp, Instant)>>),
}

impl StoreClock {
    pub(super) fn of_database(now: Timestamp) -> Self {
        Self::OfDatabase(Arc::new(Mutex::new((now, Instant::now()))))
    }

    pub(super) fn now(&self) -> Timestamp {
        match self {
            Self::Given(clock) => clock(),
            Self::OfDatabase(read) => {
                let (then, at) = *read.lock().unwrap_or_else(PoisonError::into_inner);
                then.after(at.elapsed())
            }
        }
    }

    /// What PostgreSQL's clock says now.
    pub(super) fn set(&self, now: Timestamp) {
        if let Self::OfDatabase(read) = self {
            *read.lock().unwrap_or_else(PoisonError::into_inner) = (now, Instant::now());
        }
    }
}
