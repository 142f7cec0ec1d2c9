//! How everyone else reaches the jobs.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::watch;
use tracing::Span;

use super::actor::{JobActor, JobSettings};
use super::messages::{Cancel, Stop, Submit};
use super::run::Deps;
use crate::domain::job::{Job, JobId, NewJob};
use crate::domain::progress::Pace;
use crate::model::ModelHandle;
use crate::notifier::NotifierHandle;
use crate::panics::Vital;
use crate::ports::{Cancelled, Recordings, Store, StoreError, SubmitError};
use crate::worker::WorkerActor;

/// What the jobs' actor needs of its surroundings.
pub struct JobParts {
    pub store: Arc<dyn Store>,
    pub recordings: Arc<dyn Recordings>,
    pub model: ModelHandle,
    pub notifier: NotifierHandle,
    pub settings: JobSettings,
    /// Called when a panic ends the actor: nothing goes on without it.
    pub on_flatline: fn(),
}

/// Commands go to the actor; reads go to the store, which is always up to date.
#[derive(Clone)]
pub struct JobHandle {
    addr: Addr<JobActor>,
    store: Arc<dyn Store>,
    pace: watch::Receiver<Option<Pace>>,
}

impl JobHandle {
    /// Starts the actor on an arbiter of its own, and its workers. [`JobHandle::recover`] comes first.
    pub fn start(parts: JobParts) -> Self {
        let JobParts { store, recordings, model, notifier, settings, on_flatline } = parts;
        let workers = WorkerActor::start(settings.workers);
        let condition_on_previous = settings.condition_on_previous;
        let deps = Deps { store: store.clone(), recordings, workers, model, notifier, condition_on_previous };
        let (sender, pace) = watch::channel(None);
        let addr = JobActor::start_in_arbiter(&Arbiter::new().handle(), move |_| {
            JobActor::new(deps, settings, sender, Vital(on_flatline))
        });
        Self { addr, store, pace }
    }

    /// Puts back what an earlier process left running. Followers cannot be there yet.
    pub async fn recover(store: &dyn Store) -> Result<usize, StoreError> {
        Ok(store.recover().await?.len())
    }

    /// When this returns a job, it is on disk.
    pub async fn submit(&self, job: NewJob) -> Result<Job, SubmitError> {
        self.addr.send(Submit { job, span: Span::current() }).await.unwrap_or_else(|_| Err(gone().into()))
    }

    pub async fn cancel(&self, id: JobId) -> Result<Cancelled, StoreError> {
        self.addr.send(Cancel { id, span: Span::current() }).await.unwrap_or_else(|_| Err(gone()))
    }

    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// How fast the last job went.
    pub fn pace(&self) -> Option<Pace> {
        *self.pace.borrow()
    }

    /// Stops claiming, and waits until every running job is back in the queue. A chunk that is not
    /// over after `patience` is dropped and will be done again.
    pub async fn stop(&self, patience: Duration) {
        // An actor that is gone runs nothing.
        let _ = self.addr.send(Stop { patience }).await;
    }
}

fn gone() -> StoreError {
    StoreError::Failed("the jobs' actor is gone".into())
}
