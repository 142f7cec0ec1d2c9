//! The one clock of the actors, and what its moments are on the wall.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::Timestamp;

/// Reads the time of day once, so that the same `Instant` is always shown as the same time of day.
/// Clones are the same clock.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    wall: Timestamp,
    /// Milliseconds that it was [set ahead](Self::step).
    ahead: Arc<AtomicU64>,
    stands: bool,
}

impl Clock {
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = Timestamp(0).after(since_epoch);
        Self { started: Instant::now(), wall, ahead: Arc::default(), stands: false }
    }

    /// A clock that moves only when it is set ahead.
    pub fn standing() -> Self {
        Self { stands: true, ..Self::start() }
    }

    pub fn now(&self) -> Instant {
        let running = if self.stands { self.started } else { Instant::now() };
        running + Duration::from_millis(self.ahead.load(Ordering::SeqCst))
    }

    /// Sets the clock ahead: hours pass at once, for tests of what takes hours.
    pub fn step(&self, by: Duration) {
        self.ahead.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// The time of day of a moment, past or to come.
    pub fn wall(&self, moment: Instant) -> Timestamp {
        match moment.checked_duration_since(self.started) {
            Some(later) => self.wall.after(later),
            None => self.wall.before(self.started - moment),
        }
    }

    pub fn wall_now(&self) -> Timestamp {
        self.wall(self.now())
    }
}
