//! Where a run is, for an operator: what it waits for, at which chunk, since when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

/// The step that a run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The recording is read and cut; the engine may be busy with the first chunk already.
    Planning,
    /// Samples of the chunk.
    Reading,
    /// The engine, while a job is alone in it.
    WaitingForEngine,
    Decoding,
    /// The result is written, or the job given back.
    Ending,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub step: Step,
    /// The first of the batch, from 1.
    pub chunk: Option<u32>,
    pub since: Instant,
    /// Whether the store is writing, beside that step.
    pub is_saving: bool,
}

/// Written by the run, readable while the run waits.
#[derive(Clone)]
pub(super) struct Position(Arc<Mutex<At>>);

impl Position {
    pub(super) fn start() -> Self {
        let at = At { step: Step::Planning, chunk: None, since: Instant::now(), is_saving: false };
        Self(Arc::new(Mutex::new(at)))
    }

    pub(super) fn read(&self) -> At {
        *self.at()
    }

    pub(super) fn move_to(&self, step: Step, chunk: Option<u32>) {
        let mut at = self.at();
        if (at.step, at.chunk) != (step, chunk) {
            *at = At { step, chunk, since: Instant::now(), ..*at };
        }
    }

    /// Shows that the store is writing until the guard is dropped.
    pub(super) fn saving(&self) -> Saving<'_> {
        self.at().is_saving = true;
        Saving(self)
    }

    fn at(&self) -> MutexGuard<'_, At> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Saving<'a>(&'a Position);

impl Drop for Saving<'_> {
    fn drop(&mut self) {
        self.0.at().is_saving = false;
    }
}
