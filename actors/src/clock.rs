//! Turns moments of this process into moments on the wall.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::Timestamp;

/// One reading of both clocks, so that the same `Instant` is always shown as the same time of day.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    instant: Instant,
    wall_ms: i64,
}

impl Clock {
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { instant: Instant::now(), wall_ms: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX) }
    }

    /// The wall-clock time of a moment, past or to come.
    pub fn wall(&self, moment: Instant) -> Timestamp {
        let ms = |d: std::time::Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        match moment.checked_duration_since(self.instant) {
            Some(after) => Timestamp(self.wall_ms.saturating_add(ms(after))),
            None => Timestamp(self.wall_ms.saturating_sub(ms(self.instant - moment))),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.wall(Instant::now())
    }
}
