//! An engine whose model is downloaded when it is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::handle::PullHandle;
use crate::domain::model::lifecycle::Failure;
use crate::domain::model::pulls::{Pull, PullState};
use crate::ports::{Engine, LoadFailure, LoadedModel, ModelFacts, OnExit};

/// Asks for the download of a model that is not there, and says so instead of loading it.
///
/// A load never waits for a download: it fails with [`Failure::MODEL_PULLING`], and [`load_pulled`](super::load_pulled)
/// has it tried again. A download that failed is reported once; the load after that asks for another one.
pub struct OnDemand {
    engine: Arc<dyn Engine>,
    /// In the catalogue.
    name: String,
    pulls: PullHandle,
    /// The download that the last load waits for; 0: none.
    awaited: AtomicU64,
}

impl OnDemand {
    pub fn new(engine: Arc<dyn Engine>, name: String, pulls: PullHandle) -> Self {
        Self { engine, name, pulls, awaited: AtomicU64::new(0) }
    }

    fn missing(&self, message: String) -> Failure {
        let awaited = self.awaited.swap(0, Ordering::SeqCst);
        let last = self.pulls.find(&self.name);
        let ended = last.filter(|pull| pull.run == awaited && pull.state.has_ended());
        match ended.map(|pull| pull.state) {
            Some(PullState::Failed(Failure { code, message })) => {
                let message = format!("the model {} could not be downloaded: {message}", self.name);
                Failure { code, message }
            }
            Some(PullState::Cancelled) => {
                let message = format!("the download of the model {} was cancelled", self.name);
                Failure { code: "model_not_found", message }
            }
            Some(PullState::Done | PullState::Pulling | PullState::Verifying) => {
                Failure { code: "model_not_found", message }
            }
            None => match self.pulls.ask(&self.name) {
                Some(Pull { run, .. }) => {
                    self.awaited.store(run, Ordering::SeqCst);
                    let message = format!(
                        "the model {} is being downloaded, and is loaded after that; GET /models/pulls shows the progress",
                        self.name
                    );
                    Failure { code: Failure::MODEL_PULLING, message }
                }
                None => Failure { code: "model_not_found", message },
            },
        }
    }
}

impl Engine for OnDemand {
    fn describe(&self) -> ModelFacts {
        self.engine.describe()
    }

    fn load(
        &self,
        keep_going: &dyn Fn() -> bool,
        on_exit: OnExit,
    ) -> Result<Arc<dyn LoadedModel>, LoadFailure> {
        match self.engine.load(keep_going, on_exit) {
            Err(LoadFailure::Broken { code: "model_not_found", message }) => {
                let Failure { code, message } = self.missing(message);
                Err(LoadFailure::Broken { code, message })
            }
            outcome => outcome,
        }
    }
}
