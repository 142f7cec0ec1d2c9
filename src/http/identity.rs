//! Which calls are the same.

use std::fmt::Debug;

/// What identifies a call.
#[derive(Debug)]
pub enum Identity {
    /// Its `Idempotency-Key`: it may come back, so its job runs on without it.
    Key(String),
    /// The place that it was sent to and how it is answered, beside its recording and its options.
    Content(String),
    /// Nothing: no other call joins its job.
    Unique,
}

impl Identity {
    /// Distinguishes it from calls that are answered otherwise, where its route does not already.
    pub(super) fn answered_as(self, answer: &impl Debug) -> Self {
        match self {
            Self::Content(place) => Self::Content(format!("{place} {answer:?}")),
            Self::Key(_) | Self::Unique => self,
        }
    }
}
