//! Signal arithmetic: samples in, samples or features out. No I/O, and nothing of jobs, models or files.
//!
//! A crate of its own because generic transforms are compiled with the crate that uses them: this one is optimised in
//! development builds too (`[profile.dev.package.dsp]`), where they were two thirds of a recording's time.

mod log_mel;
mod resample;

pub use log_mel::{HOP, LogMel};
pub use resample::{ResampleError, Resampler, Stretch};

/// Samples per second of all model input.
pub const SAMPLE_RATE: u32 = 16_000;
