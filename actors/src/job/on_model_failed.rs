//! The effect of a failed load on the jobs of that model.

/// What becomes of queued jobs while the model cannot be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnModelFailed {
    Wait,
    Fail,
}
