//! How everyone else reaches the jobs.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use actix::prelude::*;
use futures_util::future::join_all;
use tokio::sync::watch;
use tracing::Span;

use super::actor::{JobActor, JobSettings};
use super::jobs_to_fail::JobsToFail;
use super::messages::{Cancel, CancelRun, Drain, LookForWork, ObserveState, Stop, Submit};
use super::run::Deps;
use super::snapshot::{JobsSnapshot, QueueSnapshot};
use crate::domain::jobs::job::{Job, JobId, NewJob};
use crate::domain::jobs::overtakes::Overtakes;
use crate::domain::jobs::progress::Pace;
use crate::domain::jobs::queue::{self, Place};
use crate::isolation::Isolation;
use crate::measures::measures;
use crate::model::{ModelHandle, State};
use crate::notifier::NotifierHandle;
use crate::observe::{Observed, ask};
use crate::panics::OnActorStop;
use crate::peers::PeersHandle;
use crate::ports::{Cancelled, QueuePlace, Recordings, Store, StoreError, SubmitError};
use crate::worker::{BusyWith, WorkerActor, WorkerBoard};

/// What the jobs' actor needs of its surroundings.
pub struct JobParts {
    pub store: Arc<dyn Store>,
    pub recordings: Arc<dyn Recordings>,
    pub model: ModelHandle,
    pub notifier: NotifierHandle,
    pub peers: PeersHandle,
    pub settings: JobSettings,
    /// Called when a panic ends the actor: the service cannot run without it.
    pub on_actor_stop: OnActorStop,
}

/// Commands go to the actor; reads go to the store, which is always up to date.
#[derive(Clone)]
pub struct JobHandle {
    addr: Addr<JobActor>,
    store: Arc<dyn Store>,
    pace: watch::Receiver<Option<Pace>>,
    overtakes: watch::Receiver<Overtakes>,
    model: ModelHandle,
    workers: WorkerBoard,
    running: watch::Receiver<Vec<JobId>>,
    max_queued: u64,
    /// The devices that run the jobs; empty where this one's actor runs them.
    devices: Arc<[JobHandle]>,
}

/// The places of a longer queue are not computed job by job.
const LONGEST_COMPUTED: u32 = 1000;

impl JobHandle {
    /// The name of its actor.
    pub const NAME: &str = JobActor::NAME;
    /// The name of the workers.
    pub const WORKERS: &str = WorkerActor::NAME;

    /// Starts the actor on an arbiter of its own, and its workers. [`JobHandle::recover`] comes first.
    pub fn start(parts: JobParts) -> Self {
        let JobParts { store, recordings, model, notifier, peers, settings, on_actor_stop } = parts;
        let board = WorkerBoard::new(settings.workers);
        let workers = WorkerActor::start(board.clone());
        let of_handle = model.clone();
        let JobSettings { condition_on_previous, max_queued, .. } = settings;
        measures().queue_limit.set(i64::try_from(max_queued).unwrap_or(i64::MAX));
        let deps = Deps {
            store: store.clone(),
            recordings,
            workers,
            model,
            notifier,
            peers,
            isolation: Isolation::default(),
            jobs_to_fail: JobsToFail::default(),
            condition_on_previous,
        };
        let (sender, pace) = watch::channel(None);
        let (overtakes_sender, overtakes) = watch::channel(Overtakes::default());
        let (running_sender, running) = watch::channel(vec![]);
        let addr = JobActor::start_in_arbiter(&Arbiter::new().handle(), move |_| {
            JobActor::new(deps, settings, sender, overtakes_sender, running_sender, on_actor_stop)
        });
        Self {
            addr,
            store,
            pace,
            overtakes,
            model: of_handle,
            workers: board,
            running,
            max_queued,
            devices: Arc::default(),
        }
    }

    /// Takes jobs in here, for the devices to run; a drain, a stop and a cancellation reach those as well.
    pub fn in_front_of(self, devices: Vec<JobHandle>) -> Self {
        Self { devices: devices.into(), ..self }
    }

    /// This one, and those of the devices.
    fn all(&self) -> impl Iterator<Item = &JobHandle> {
        std::iter::once(self).chain(self.devices.iter())
    }

    /// Puts back what an earlier process left running. Followers cannot be there yet.
    pub async fn recover(store: &dyn Store) -> Result<usize, StoreError> {
        Ok(store.recover().await?.len())
    }

    /// Whether there is room in the queue just now, for those who would do much before they submit; only `submit` keeps
    /// a place.
    pub async fn check_room(&self) -> Result<(), SubmitError> {
        let queued = self.store.counts().await?.queued;
        if queued >= self.max_queued { Err(SubmitError::QueueFull { queued }) } else { Ok(()) }
    }

    /// When this returns a job, it is on disk.
    pub async fn submit(&self, job: NewJob) -> Result<Job, SubmitError> {
        self.addr.send(Submit { job, span: Span::current() }).await.unwrap_or_else(|_| Err(stopped().into()))
    }

    pub async fn cancel(&self, id: JobId) -> Result<Cancelled, StoreError> {
        let cancelled = self.addr.send(Cancel { id, span: Span::current() }).await;
        self.devices.iter().for_each(|device| device.addr.do_send(CancelRun(id)));
        cancelled.unwrap_or_else(|_| Err(stopped()))
    }

    /// Says that there may be jobs in the queue that came over another service or worker.
    pub fn look_for_work(&self) {
        self.addr.do_send(LookForWork);
    }

    /// Claims no more jobs, or claims again. What runs is not touched.
    pub fn drain(&self, drains: bool) {
        self.all().for_each(|each| each.addr.do_send(Drain(drains)));
    }

    /// How many jobs run here at the same time.
    pub fn slots(&self) -> u32 {
        u32::try_from(self.observe_workers().len()).unwrap_or(u32::MAX)
    }

    /// The jobs that run here.
    pub fn running(&self) -> Vec<JobId> {
        self.all().flat_map(|each| each.running.borrow().clone()).collect()
    }

    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Where a queued job will come, and what is loaded before that. `None` unless it is queued.
    pub async fn place(&self, id: JobId) -> Result<Option<Place>, StoreError> {
        let status = self.model.status();
        let loaded = match status.state() {
            State::Ready | State::Loading => Some(status.choice(status.model)),
            State::Unloaded | State::Unloading | State::WaitingForGpu | State::Failed => None,
        };
        // The default model has two names.
        let as_new = |name: Option<String>| match self.model.find(name.as_deref()) {
            Some(model) => status.choice(model),
            None => name,
        };
        let several = status.models.len() > 1;
        if several && let Some(mut waiting) = self.store.queue(LONGEST_COMPUTED).await? {
            // Jobs of a model that cannot be loaded now run once it can be: that time is not known.
            let now = Instant::now();
            let able = status.choices(|_, known| known.may_load(now));
            waiting.retain(|queued| able.contains(&queued.model));
            waiting.iter_mut().for_each(|queued| queued.model = as_new(queued.model.take()));
            let overtakes = *self.overtakes.borrow();
            if let Some(mut place) = queue::place(waiting, loaded.clone(), overtakes, id) {
                if let (State::Loading, Some(under_way)) = (status.state(), &loaded) {
                    place.loads.insert(0, under_way.clone());
                }
                return Ok(Some(place));
            }
        }
        let (Some(place), Some(job)) = (self.store.place(id).await?, self.store.job(id).await?) else {
            return Ok(None);
        };
        let own = as_new(job.options.model);
        let is_there = status.state() == State::Ready && loaded.as_ref() == Some(&own);
        let loads = if is_there { vec![] } else { vec![own] };
        let QueuePlace { position, audio_secs_ahead } = place;
        Ok(Some(Place { position, audio_secs_ahead, loads }))
    }

    /// The state for an operator.
    pub async fn observe(&self) -> Observed<JobsSnapshot> {
        ask(self.addr.send(ObserveState)).await
    }

    /// The queue as the store has it.
    pub async fn observe_queue(&self) -> Observed<QueueSnapshot> {
        ask(async {
            let (counts, waiting) = (self.store.counts().await?, self.store.waiting().await?);
            Ok::<_, StoreError>(QueueSnapshot {
                queued: counts.queued,
                running: counts.running,
                has_interactive: waiting.interactive,
                has_batch: waiting.batch,
            })
        })
        .await
    }

    /// What each worker is busy with; `None` for an idle one.
    pub fn observe_workers(&self) -> Vec<Option<BusyWith>> {
        self.all().flat_map(|each| each.workers.read()).collect()
    }

    /// How fast the last job went, on one of the devices where there are several.
    pub fn pace(&self) -> Option<Pace> {
        self.all().find_map(|each| *each.pace.borrow())
    }

    /// Stops claiming, and waits until every running job is back in the queue. A chunk that is not
    /// over after `limit` is dropped and will be done again.
    pub async fn stop(&self, limit: Duration) {
        // A stopped actor runs nothing.
        join_all(self.all().map(|each| each.addr.send(Stop { limit }))).await;
    }
}

fn stopped() -> StoreError {
    StoreError::Failed("the job actor has stopped".into())
}
