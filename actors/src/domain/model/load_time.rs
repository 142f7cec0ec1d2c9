//! How long a load takes, for honest `Retry-After` headers.

use std::time::Duration;

/// Seconds a load is expected to take: as long as the last one took and, before there was one,
/// an estimate from the file's size.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LoadTime {
    measured: Option<Duration>,
}

/// A model read from the page cache: about 1.6 GB/s beside a fixed part, and then the warm-up, which
/// grows with the weights too (whisper.cpp 1.8.3 on two cores).
const BYTES_PER_SEC: f64 = 0.4e9;
const FIXED_SECS: f64 = 0.5;

impl LoadTime {
    pub fn measured(took: Duration) -> Self {
        Self { measured: Some(took) }
    }

    pub fn expected_secs(self, model_bytes: Option<u64>) -> f64 {
        match self.measured {
            Some(took) => took.as_secs_f64(),
            None => FIXED_SECS + model_bytes.unwrap_or(0) as f64 / BYTES_PER_SEC,
        }
    }
}

/// Whole seconds for a `Retry-After` header: rounded up, 1 to 60.
pub fn retry_after(secs: f64) -> u64 {
    secs.ceil().clamp(1.0, 60.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_estimate_grows_with_the_file_until_first_measurement() {
        assert!(
            LoadTime::default().expected_secs(Some(3_000_000_000))
                > LoadTime::default().expected_secs(Some(1))
        );
        assert_eq!(LoadTime::measured(Duration::from_secs(2)).expected_secs(Some(3_000_000_000)), 2.0);
    }

    #[test]
    fn retry_after_is_whole_seconds_from_1_to_60() {
        assert_eq!([0.0, 0.2, 1.0, 1.1, 59.5, 4000.0].map(retry_after), [1, 1, 1, 2, 60, 60]);
    }
}
