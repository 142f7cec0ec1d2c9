//! Which queued jobs go down with a model that cannot be loaded.
//!
//! The table in `search` has this among all that decides which job is next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::model::models::ModelNo;

/// How often each model had failed when a job for it was last taken in: that job has the model tried once more, and only
/// what comes of that is its own end.
#[derive(Clone, Default)]
pub(super) struct JobsToFail(Arc<Mutex<HashMap<ModelNo, u64>>>);

impl JobsToFail {
    /// A job for that model is about to be taken in.
    pub(super) fn expect_another_try(&self, model: ModelNo, failures: u64) {
        self.known().insert(model, failures);
    }

    /// Whether a model that has failed so often takes its jobs with it.
    pub(super) fn fails_jobs(&self, model: ModelNo, failures: u64) -> bool {
        failures > self.known().get(&model).copied().unwrap_or(0)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ModelNo, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
