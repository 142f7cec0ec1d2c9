//! What a job does whose model cannot be loaded.

/// What becomes of queued jobs while the model cannot be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnModelFailed {
    Wait,
    Fail,
}
