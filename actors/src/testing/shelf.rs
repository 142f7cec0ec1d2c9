//! A folder of models whose downloads end when a test says so.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::domain::model::lifecycle::Failure;
use crate::ports::{ModelShelf, PullStage, PullStep, ShelfModel};

/// How often a download looks whether it may end.
const LOOK: Duration = Duration::from_millis(1);

/// Has every name but "unknown"; each model has ten bytes.
#[derive(Default)]
pub struct FakeShelf {
    /// What comes of downloads, in the order in which they end.
    outcomes: Mutex<VecDeque<Result<(), Failure>>>,
}

impl FakeShelf {
    /// Lets a download end.
    pub fn finish(&self, outcome: Result<(), Failure>) {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).push_back(outcome);
    }
}

impl ModelShelf for FakeShelf {
    fn list(&self) -> Vec<ShelfModel> {
        Vec::new()
    }

    fn find(&self, name: &str) -> Option<u64> {
        (name != "unknown").then_some(10)
    }

    fn pull(
        &self,
        _: &str,
        keep_going: &dyn Fn() -> bool,
        progress: &mut dyn FnMut(PullStep),
    ) -> Result<(), Failure> {
        progress(PullStep { stage: PullStage::Pulling, bytes: 4, total_bytes: Some(10) });
        while keep_going() {
            let outcome = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            if let Some(outcome) = outcome {
                progress(PullStep { stage: PullStage::Verifying, bytes: 10, total_bytes: Some(10) });
                return outcome;
            }
            thread::sleep(LOOK);
        }
        Err(Failure { code: "pull_failed", message: "it was cancelled".into() })
    }
}
