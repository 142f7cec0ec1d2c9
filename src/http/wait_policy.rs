//! How calls wait for their jobs.

use std::time::Duration;

/// How calls wait.
#[derive(Debug, Clone, Copy)]
pub struct WaitPolicy {
    /// For the job to start: for the model, and for its turn.
    pub wait: Duration,
    /// Whether a job runs on after its client disconnected.
    pub keep: bool,
    /// Whether an answer may begin before its job is over.
    pub begins_early: bool,
    /// How old a result may be for a call that is sent again; zero: each call has a job of its own.
    pub join: Duration,
}
