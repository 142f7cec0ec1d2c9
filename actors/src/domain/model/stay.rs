//! How long a model stays in memory without work.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// On the wire and in the settings a number of seconds, -1 for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum Stay {
    For(Duration),
    Forever,
}

/// Ten years: what a clock can count from any moment.
const LONGEST_SECS: i64 = 315_360_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a whole number of seconds from 0 to {LONGEST_SECS}, or -1 for ever")]
pub struct NotAStay;

impl Stay {
    /// Goes with the last piece of work.
    pub const NOT_AT_ALL: Self = Self::For(Duration::ZERO);

    pub fn secs(self) -> i64 {
        match self {
            Self::For(time) => i64::try_from(time.as_secs()).unwrap_or(LONGEST_SECS),
            Self::Forever => -1,
        }
    }

    /// This long, or `least` if that is longer.
    #[must_use]
    pub fn at_least(self, least: Duration) -> Self {
        match self {
            Self::For(time) => Self::For(time.max(least)),
            Self::Forever => Self::Forever,
        }
    }
}

impl TryFrom<i64> for Stay {
    type Error = NotAStay;

    fn try_from(secs: i64) -> Result<Self, NotAStay> {
        match secs {
            -1 => Ok(Self::Forever),
            0..=LONGEST_SECS => Ok(Self::For(Duration::from_secs(secs.unsigned_abs()))),
            _ => Err(NotAStay),
        }
    }
}

impl From<Stay> for i64 {
    fn from(stay: Stay) -> i64 {
        stay.secs()
    }
}

impl std::str::FromStr for Stay {
    type Err = NotAStay;

    fn from_str(text: &str) -> Result<Self, NotAStay> {
        text.trim().parse::<i64>().map_err(|_| NotAStay)?.try_into()
    }
}

impl fmt::Display for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_and_written() {
        let for_secs = |secs| Ok(Stay::For(Duration::from_secs(secs)));
        let read = |text: &str| text.parse::<Stay>();
        assert_eq!([read("0"), read(" 90 "), read("315360000")], [0, 90, 315_360_000].map(for_secs));
        assert_eq!(read("-1"), Ok(Stay::Forever));
        for bad in ["", "-2", "soon", "1.5", "5m", "315360001", "99999999999999999999"] {
            assert_eq!(read(bad), Err(NotAStay), "{bad}");
        }
        for secs in [-1, 0, 300] {
            assert_eq!(Stay::try_from(secs).map(Stay::secs), Ok(secs));
        }
    }
}
