//! Moments and spans of time as whole milliseconds.

use std::time::Duration;

use actors::domain::time::Timestamp;

use super::rows::integer;

pub(super) fn later(moment: Timestamp, by: Duration) -> Timestamp {
    Timestamp(moment.0.saturating_add(ms(by)))
}

pub(super) fn ms(duration: Duration) -> i64 {
    u64::try_from(duration.as_millis()).map_or(i64::MAX, integer)
}

/// Zero when `later` is earlier.
pub(super) fn between(earlier: i64, later: i64) -> Duration {
    Duration::from_millis(u64::try_from(later.saturating_sub(earlier)).unwrap_or(0))
}
