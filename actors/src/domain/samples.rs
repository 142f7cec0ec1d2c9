//! Time in samples.

/// Samples a second of everything the engine is given.
pub const SAMPLE_RATE: u32 = 16_000;

/// Seconds that `samples` last.
pub fn secs(samples: u64) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}
