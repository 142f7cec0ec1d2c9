//! Wall-clock time as it is stored and shown.

use serde::{Deserialize, Serialize};

/// A moment on the wall clock, in milliseconds since the Unix epoch.
///
/// Deadlines inside a process are `std::time::Instant`; this type is for what outlives one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Seconds from `earlier` to `self`, 0 when `earlier` is later.
    pub fn secs_since(self, earlier: Timestamp) -> f64 {
        (self.0 - earlier.0).max(0) as f64 / 1000.0
    }
}
