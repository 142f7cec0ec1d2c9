//! The shell that brings jobs, leases and workers together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::watch;
use tracing::{Instrument, error, info, warn};

use super::control::{Control, Service};
use super::messages::{Cancel, CancelRun, Drain, LookForWork, ObserveState, RunEnded, Stop, Submit};
use super::on_model_failed::OnModelFailed;
use super::persist::persist;
use super::position::Position;
use super::report;
use super::run::{Deps, Run, RunOutcome};
use super::search::{Found, Order, fail_those_of_unknown_models, search};
use super::snapshot::{self, JobsSnapshot, RunningJob};
use crate::domain::audio::Decoder;
use crate::domain::event::{RequeueReason, Stream};
use crate::domain::jobs::job::{Job, JobId, LEASE_SECS, NewJob, Status};
use crate::domain::jobs::options::Priority;
use crate::domain::jobs::overtakes::{Line, Overtakes};
use crate::domain::jobs::progress::Pace;
use crate::domain::jobs::turns::Turns;
use crate::domain::language::Language;
use crate::domain::model::lifecycle::Demand;
use crate::model::Lease;
use crate::observe::secs_since;
use crate::panics::{OnActorStop, Panicked, caught, report_panic};
use crate::ports::{CancelToken, Cancelled, Claim, Fence, StoreError, SubmitError, Terms};

#[derive(Debug, Clone)]
pub struct JobSettings {
    /// Jobs that run at the same time; 0 where this service runs none.
    pub workers: usize,
    pub max_queued: u64,
    /// Give a job the result of an earlier one like it.
    pub reuse_results: bool,
    pub on_model_failed: OnModelFailed,
    /// For jobs that name none; empty: any.
    pub languages: Vec<Language>,
    /// Pass the text before it to each chunk.
    pub condition_on_previous: bool,
}

/// How soon work is looked for again when the store was not well.
const AFTER_TROUBLE: Duration = Duration::from_secs(1);

/// How often the leases of what runs are renewed: several times before one is over.
const HEARTBEAT: Duration = Duration::from_secs(LEASE_SECS as u64 / 4);

/// The queue is the store's; here is only what runs this moment.
pub(super) struct JobActor {
    deps: Deps,
    settings: JobSettings,
    is_draining: bool,
    running: HashMap<JobId, Running>,
    /// Their ids, for everyone.
    shown: watch::Sender<Vec<JobId>>,
    search: Search,
    service: watch::Sender<Service>,
    turns: Turns,
    overtakes: watch::Sender<Overtakes>,
    /// Whether an interactive job waits while all workers are busy.
    urgent: watch::Sender<bool>,
    looks_for_urgent: u64,
    pace: watch::Sender<Option<Pace>>,
    on_actor_stop: OnActorStop,
}

struct Running {
    fence: Fence,
    cancel: CancelToken,
    overtakes: Option<Line>,
    priority: Priority,
    attempt: u32,
    position: Position,
}

/// At most one search for work is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Search {
    No,
    UnderWay,
    /// Something changed meanwhile: look again.
    Again,
}

impl JobActor {
    pub(super) const NAME: &str = snapshot::NAME;

    pub(super) fn new(
        deps: Deps,
        settings: JobSettings,
        pace: watch::Sender<Option<Pace>>,
        overtakes: watch::Sender<Overtakes>,
        shown: watch::Sender<Vec<JobId>>,
        on_actor_stop: OnActorStop,
    ) -> Self {
        let (service, _) = watch::channel(Service::Running);
        let (urgent, _) = watch::channel(false);
        let turns = Turns::default();
        Self {
            deps,
            settings,
            is_draining: false,
            running: HashMap::new(),
            shown,
            search: Search::No,
            service,
            turns,
            overtakes,
            urgent,
            looks_for_urgent: 0,
            pace,
            on_actor_stop,
        }
    }

    /// Looks for a job and a lease to run it with; `lease` was just given back.
    fn look(&mut self, lease: Option<Arc<Lease>>, ctx: &mut Context<Self>) {
        if self.search != Search::No {
            self.search = Search::Again;
            return;
        }
        if *self.service.borrow() == Service::Stopping || self.is_draining || self.settings.workers == 0 {
            return;
        }
        if self.all_are_busy() {
            self.look_for_urgent(ctx);
            return;
        }
        // The next client that is turned away is passed by as many as this one was.
        if self.deps.model.status().wanted_next.is_none() {
            self.overtakes.send_modify(|overtakes| overtakes.served(Line::Client));
        }
        self.search = Search::UnderWay;
        let order = Order {
            turn: self.turns.next(),
            overtakes: *self.overtakes.borrow(),
            on_model_failed: self.on_model_failed(),
        };
        let search = search(self.deps.clone(), order, lease);
        ctx.spawn(search.into_actor(self).map(|found, this, ctx| this.found(found, ctx)));
    }

    /// The store may have been changed without saying so. When nothing runs here, what it shows as running is a job
    /// whose claim was lost on the way, and goes back to the queue.
    fn look_again(&mut self, ctx: &mut Context<Self>) {
        if !self.running.is_empty() || self.search != Search::No {
            return self.look(None, ctx);
        }
        self.search = Search::UnderWay;
        let deps = self.deps.clone();
        let recovered = async move {
            match deps.store.recover().await {
                Ok(events) => deps.notifier.publish(events),
                Err(error) => error!(%error, "cannot look for jobs with an expired lease"),
            }
        };
        ctx.spawn(
            recovered
                .into_actor(self)
                .map(|(), this, ctx| this.found(Found::Nothing, ctx))
                .map(|(), this, ctx| this.look(None, ctx)),
        );
    }

    /// Renews the leases of running jobs in the store, and takes up again jobs whose lease is over.
    fn renew(&self, ctx: &mut Context<Self>) {
        let held: Vec<_> = self.running.values().map(|running| running.fence).collect();
        let deps = self.deps.clone();
        let renewed = async move {
            let renewed = caught(Self::NAME, deps.store.renew(&held)).await;
            renewed.unwrap_or_else(|panicked| Err(StoreError::Failed(panicked.to_string())))
        };
        ctx.spawn(renewed.into_actor(self).map(|renewed, this, ctx| match renewed {
            Ok(events) if events.is_empty() => {}
            Ok(events) => {
                warn!(jobs = events.len(), "jobs with an expired lease requeued");
                this.deps.notifier.publish(events);
                this.look(None, ctx);
            }
            Err(error) => error!(%error, "cannot renew the leases of running jobs"),
        }));
    }

    fn snapshot(&self) -> JobsSnapshot {
        let now = Instant::now();
        let running = self.running.iter().map(|(id, running)| {
            let at = running.position.read();
            RunningJob {
                id: *id,
                priority: running.priority,
                attempt: running.attempt,
                step: at.step,
                chunk: at.chunk,
                step_secs: secs_since(at.since, now),
                is_saving: at.is_saving,
                is_cancelled: running.cancel.is_cancelled(),
            }
        });
        let mut running: Vec<_> = running.collect();
        running.sort_by_key(|job| job.id);
        JobsSnapshot {
            is_stopping: *self.service.borrow() == Service::Stopping,
            running,
            is_searching: self.search != Search::No,
            next_turn: self.turns.next(),
            is_interactive_waiting: *self.urgent.borrow(),
            overtakes: *self.overtakes.borrow(),
        }
    }

    /// What cannot be loaded here may be loaded elsewhere.
    fn on_model_failed(&self) -> OnModelFailed {
        if self.deps.store.is_shared() { OnModelFailed::Wait } else { self.settings.on_model_failed }
    }

    fn show_running(&self) {
        let mut running: Vec<_> = self.running.keys().copied().collect();
        running.sort();
        self.shown.send_replace(running);
    }

    fn cancel_run(&self, id: JobId) {
        if let Some(running) = self.running.get(&id) {
            running.cancel.cancel();
        }
    }

    fn all_are_busy(&self) -> bool {
        self.running.len() >= self.settings.workers
    }

    /// Sets for batch jobs whether an interactive one waits for a worker. An interactive job whose model cannot be loaded does
    /// not count, nor one that another worker has room for.
    fn look_for_urgent(&mut self, ctx: &mut Context<Self>) {
        let store = self.deps.store.clone();
        let now = Instant::now();
        let peers = &self.deps.peers;
        let able = self
            .deps
            .model
            .status()
            .choices(|_, known| known.may_load(now) && !peers.is_served_elsewhere(&known.facts.id));
        self.looks_for_urgent += 1;
        let look = self.looks_for_urgent;
        let head = async move { store.head(Priority::Interactive, &able).await };
        ctx.spawn(head.into_actor(self).map(move |head, this, _| match head {
            Ok(head) if look == this.looks_for_urgent => {
                let is_urgent = head.is_some_and(|head| head.priority == Priority::Interactive);
                this.urgent.send_replace(is_urgent && this.all_are_busy());
            }
            // A later answer is newer.
            Ok(_) => {}
            Err(error) => error!(%error, "cannot look for interactive jobs"),
        }));
    }

    fn found(&mut self, found: Found, ctx: &mut Context<Self>) {
        let again = std::mem::replace(&mut self.search, Search::No) == Search::Again;
        let more = match found {
            // The stop would not wait for its run: the next start takes the job up.
            Found::Work(claim, ..) if *self.service.borrow() == Service::Stopping => {
                info!(job.id = %claim.job.id, "a job found during the stop is left to the next start");
                false
            }
            Found::Work(claim, lease, overtakes) => {
                self.start(*claim, lease, overtakes, ctx);
                true
            }
            Found::Nothing => again,
            Found::Swap(priority) => {
                let in_the_way = priority == Priority::Interactive && !self.running.is_empty();
                self.urgent.send_replace(in_the_way);
                again
            }
            Found::Changed => true,
            Found::Later => {
                ctx.run_later(AFTER_TROUBLE, |this, ctx| this.look_again(ctx));
                false
            }
        };
        if more {
            self.look(None, ctx);
        }
    }

    fn start(&mut self, claim: Claim, lease: Arc<Lease>, overtakes: Option<Line>, ctx: &mut Context<Self>) {
        let (id, fence) = (claim.job.id, claim.fence);
        report::started(&claim, &self.deps.model.id_of(claim.job.options.model.as_deref()));
        self.turns.taken(claim.job.options.priority);
        match overtakes {
            Some(line) => self.overtakes.send_modify(|overtakes| overtakes.record_job(line)),
            None => {
                let line = claim.job.options.priority.into();
                self.overtakes.send_modify(|overtakes| overtakes.served(line));
            }
        }
        let control = Control {
            cancel: CancelToken::default(),
            service: self.service.subscribe(),
            urgent: self.urgent.clone(),
            position: Position::start(),
        };
        let running = Running {
            fence,
            cancel: control.cancel.clone(),
            overtakes,
            priority: claim.job.options.priority,
            attempt: claim.job.attempts,
            position: control.position.clone(),
        };
        self.running.insert(id, running);
        self.show_running();
        let interrupted = Interrupted { deps: self.deps.clone(), fence, control: control.clone() };
        let run = Run::new(self.deps.clone(), claim, lease, control);
        let myself = ctx.address();
        actix::spawn(async move {
            let outcome = match caught(Self::NAME, run.run()).await {
                Ok(outcome) => outcome,
                Err(Panicked) => interrupted.give_back().await,
            };
            myself.do_send(RunEnded { fence, outcome });
        });
    }
}

/// What is left of a run that ended by a panic.
struct Interrupted {
    deps: Deps,
    fence: Fence,
    control: Control,
}

impl Interrupted {
    /// Counts as a crash: a job under which the same happens again and again fails in the end.
    async fn give_back(self) -> RunOutcome {
        let Self { deps, fence, control } = self;
        // What it had begun ends now.
        control.cancel.cancel();
        let requeued = || deps.store.requeue(fence, RequeueReason::EngineExited);
        match persist(|| !control.is_stopping(), requeued).await {
            Ok(events) => deps.notifier.publish(events),
            Err(error) => error!(job.id = %fence.id, %error, "cannot requeue an interrupted job"),
        }
        // The panic may have come after its end was stored.
        deps.notifier.publish_from_store(Stream::Job(fence.id));
        RunOutcome { pace: None, lease: None }
    }
}

async fn submit(deps: Deps, job: NewJob, terms: Terms) -> Result<Job, SubmitError> {
    let (job, events) = deps.store.submit(job, terms).await?;
    let (model, is_new) = (deps.model.id_of(job.options.model.as_deref()), !events.is_empty());
    if !is_new {
        info!(job.id = %job.id, "job already accepted under this key");
    } else {
        report::accepted(&job, &model);
        deps.notifier.publish(events);
    }
    if let Some(earlier) = job.reused_from {
        info!(job.id = %job.id, %earlier, "job completed with an earlier result");
        if is_new {
            report::ended(&job, &model, Status::Completed, None);
        }
    }
    if job.status == Status::Queued {
        match deps.model.find(job.options.model.as_deref()) {
            // Who asks again asks for the model again, too.
            Some(model) => deps.model.demand(Demand::NewJob, model),
            // The handlers let none through.
            None => warn!(job.id = %job.id, "job names a model that is not in the settings"),
        }
    }
    Ok(job)
}

async fn cancel(deps: Deps, id: JobId) -> Result<Cancelled, StoreError> {
    // After an error it may be cancelled all the same.
    let unpublished = |_: &StoreError| deps.notifier.publish_from_store(Stream::Job(id));
    let cancelled = deps.store.cancel(id).await.inspect_err(unpublished)?;
    if let Cancelled::Now { events, job } = &cancelled {
        report::ended(job, &deps.model.id_of(job.options.model.as_deref()), Status::Cancelled, None);
        deps.notifier.publish(events.clone());
    }
    Ok(cancelled)
}

impl Drop for JobActor {
    fn drop(&mut self) {
        report_panic(Self::NAME, self.on_actor_stop, || self.snapshot());
    }
}

impl Actor for JobActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Whatever happens to the model may let a job start, and a queue found at the start counts.
        let changes = futures_util::stream::unfold(self.deps.model.watch(), |mut status| async move {
            status.changed().await.ok().map(|()| (LookForWork, status))
        });
        ctx.add_message_stream(changes);
        ctx.run_interval(HEARTBEAT, |this, ctx| this.renew(ctx));
        if !self.deps.store.has_other_services() {
            ctx.spawn(fail_those_of_unknown_models(self.deps.clone()).into_actor(self));
        }
        self.look(None, ctx);
    }
}

impl Handler<LookForWork> for JobActor {
    type Result = ();

    fn handle(&mut self, _: LookForWork, ctx: &mut Self::Context) {
        self.look(None, ctx);
    }
}

impl Handler<Drain> for JobActor {
    type Result = ();

    fn handle(&mut self, Drain(drains): Drain, ctx: &mut Self::Context) {
        self.is_draining = drains;
        self.look(None, ctx);
    }
}

impl Handler<Submit> for JobActor {
    type Result = ResponseActFuture<Self, Result<Job, SubmitError>>;

    fn handle(&mut self, Submit { mut job, span }: Submit, _: &mut Self::Context) -> Self::Result {
        job.options = job.options.or_languages(&self.settings.languages);
        let JobSettings { max_queued, reuse_results, .. } = self.settings;
        let facts_of = |model: Option<&str>| {
            let status = self.deps.model.status().of(self.deps.model.find(model)?);
            status.facts().map(|facts| self.deps.made_with(facts, Decoder::BuiltIn))
        };
        let status = self.deps.model.status();
        let model = self.deps.model.find(job.options.model.as_deref());
        let failed_model = model.filter(|model| status.of(*model).failure().is_some());
        if let Some(model) = failed_model {
            self.deps.jobs_to_fail.expect_another_try(model, status.failures(model));
        }
        let reuse = if reuse_results && job.retry_of.is_none() {
            facts_of(job.options.model.as_deref())
        } else {
            None
        };
        let terms = Terms { max_queued, reuse };
        let taken = caught(Self::NAME, submit(self.deps.clone(), job, terms).instrument(span));
        Box::pin(taken.into_actor(self).map(move |taken, this, ctx| {
            let taken = taken.unwrap_or_else(|panicked| Err(StoreError::Failed(panicked.to_string()).into()));
            let is_queued = taken.as_ref().is_ok_and(|job: &Job| job.status == Status::Queued);
            if let Some(model) = failed_model.filter(|_| !is_queued) {
                // Those before it wait for what comes of its try.
                this.deps.model.demand(Demand::NewJob, model);
            }
            this.look(None, ctx);
            taken
        }))
    }
}

impl Handler<Cancel> for JobActor {
    type Result = ResponseActFuture<Self, Result<Cancelled, StoreError>>;

    fn handle(&mut self, Cancel { id, span }: Cancel, _: &mut Self::Context) -> Self::Result {
        let cancelled = caught(Self::NAME, cancel(self.deps.clone(), id).instrument(span));
        Box::pin(cancelled.into_actor(self).map(move |cancelled, this, _| {
            let cancelled =
                cancelled.unwrap_or_else(|panicked| Err(StoreError::Failed(panicked.to_string())));
            // The store has taken the job from its run: now the engine may drop the chunk.
            if let Ok(Cancelled::Now { .. }) = &cancelled {
                this.cancel_run(id);
            }
            cancelled
        }))
    }
}

impl Handler<CancelRun> for JobActor {
    type Result = ();

    fn handle(&mut self, CancelRun(id): CancelRun, _: &mut Self::Context) {
        self.cancel_run(id);
    }
}

impl Handler<ObserveState> for JobActor {
    type Result = MessageResult<ObserveState>;

    fn handle(&mut self, _: ObserveState, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.snapshot())
    }
}

impl Handler<RunEnded> for JobActor {
    type Result = ();

    fn handle(&mut self, msg: RunEnded, ctx: &mut Self::Context) {
        let overtakes = match self.running.entry(msg.fence.id) {
            // Not if the job was claimed again meanwhile.
            Entry::Occupied(running) if running.get().fence == msg.fence => running.remove().overtakes,
            Entry::Occupied(_) | Entry::Vacant(_) => None,
        };
        self.show_running();
        if let (Some(line), Some(pace)) = (overtakes, msg.outcome.pace) {
            self.overtakes.send_modify(|overtakes| overtakes.add_audio(line, pace.audio_secs));
        }
        if msg.outcome.pace.is_some() {
            self.pace.send_replace(msg.outcome.pace);
        }
        self.look(msg.outcome.lease, ctx);
    }
}

impl Handler<Stop> for JobActor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, msg: Stop, _: &mut Self::Context) -> Self::Result {
        self.service.send_replace(Service::Stopping);
        let runs_over = self.service.clone();
        let tokens: Vec<_> = self.running.values().map(|running| running.cancel.clone()).collect();
        // Each run holds a receiver of `service` until it is over.
        let stopped = async move {
            if actix::clock::timeout(msg.limit, runs_over.closed()).await.is_err() {
                tokens.iter().for_each(CancelToken::cancel);
                runs_over.closed().await;
            }
        };
        Box::pin(stopped.into_actor(self))
    }
}
