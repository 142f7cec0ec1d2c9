//! The shell round [`Lifecycle`]: one thread that loads, frees, and nothing else.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::{oneshot, watch};
use tracing::{error, info, warn};

use super::epoch::LoadEpoch;
use super::lease::{Lease, Released};
use super::messages::{Acquire, EngineExited, KeepAlive, Load, NotReady, RanOutOfMemory, Tick, Unload};
use super::status::{Known, ModelStatus};
use crate::clock::Clock;
use crate::domain::event::{ModelEvent, OfModel};
use crate::domain::model::lifecycle::{Effect, Failure, Input, Lifecycle, News, Phase, Policy};
use crate::domain::model::load_time::LoadTime;
use crate::domain::model::models::ModelNo;
use crate::measures::measures;
use crate::notifier::NotifierHandle;
use crate::ports::{Engine, EngineExit, Holder, LoadFailure, LoadedModel, MemoryProbe, record_span};

/// How long an unload waits for the device to show that the memory is back.
const UNTIL_IT_IS_BACK: Duration = Duration::from_secs(5);
/// A process keeps this much of its own after an unload: it is not waited for.
const NO_RESIDUE_BYTES: u64 = 16 << 20;
const LOOK: Duration = Duration::from_millis(10);

/// Which of the models a worker runs jobs of.
#[derive(Debug, Clone)]
pub enum ServedModels {
    All,
    /// Those with these ids.
    Only(Vec<String>),
}

impl ServedModels {
    fn includes(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.iter().any(|only| only == id),
        }
    }
}

/// What the model's actor is made of; its SyncArbiter can build a fresh one from it.
#[derive(Clone)]
pub struct ModelParts {
    /// One for each model, the default one's first.
    pub engines: Vec<Arc<dyn Engine>>,
    pub served: ServedModels,
    pub memory: Arc<dyn MemoryProbe>,
    pub policy: Policy,
    pub notifier: NotifierHandle,
    pub clock: Clock,
}

/// Performs what [`Lifecycle`] decides. Its one thread is blocked while a load or an unload runs, so
/// nothing but commands goes through its mailbox.
pub struct ModelActor {
    parts: ModelParts,
    life: Lifecycle,
    model: Option<Arc<dyn LoadedModel>>,
    /// Counts loads, so that what belongs to an earlier one is recognised.
    generation: u64,
    epoch: LoadEpoch,
    /// The epoch at which the present load was asked for.
    wanted_at: u64,
    models: Vec<Known>,
    load_took: Duration,
    unloads: u64,
    /// What the last unload left behind.
    residual_bytes: u64,
    status: watch::Sender<ModelStatus>,
}

impl Actor for ModelActor {
    type Context = SyncContext<Self>;
}

impl ModelActor {
    pub(super) const NAME: &str = "model";

    pub(super) fn new(parts: ModelParts, epoch: LoadEpoch, status: watch::Sender<ModelStatus>) -> Self {
        let models = status.borrow().models.clone();
        let life = Lifecycle::new(parts.policy, parts.clock.now());
        Self {
            parts,
            life,
            model: None,
            generation: 0,
            epoch,
            wanted_at: 0,
            models,
            load_took: Duration::ZERO,
            unloads: 0,
            residual_bytes: 0,
            status,
        }
    }

    /// The status before anything was loaded.
    pub(super) fn first_status(
        engines: &[Arc<dyn Engine>],
        served: &ServedModels,
        policy: Policy,
        now: Instant,
    ) -> ModelStatus {
        let life = Lifecycle::new(policy, now);
        let known = |engine: &Arc<dyn Engine>| {
            let facts = engine.describe();
            let is_served_here = served.includes(&facts.id);
            Known {
                facts,
                is_served_here,
                load_time: LoadTime::default(),
                failure: None,
                failures: 0,
                short_until: None,
                elsewhere: None,
            }
        };
        ModelStatus {
            model: life.model(),
            phase: life.phase().clone(),
            since: life.since(),
            models: engines.iter().map(known).collect(),
            wanted_next: None,
            is_promised: false,
            idle_timeout: policy.idle_timeout,
            unloads_at: None,
            unloads: 0,
            residual_bytes: 0,
        }
    }

    /// Feeds inputs to the state machine until it asks for nothing more. Returns whether a lease was
    /// granted. The status is published before any effect, and `seen` notified right after.
    fn drive(
        &mut self,
        first: Input,
        mut seen: Option<oneshot::Sender<()>>,
        ctx: &SyncContext<Self>,
    ) -> Granted {
        let mut inputs = VecDeque::from([first]);
        let mut granted = Granted::No;
        while let Some(input) = inputs.pop_front() {
            let effects = self.life.step(input, self.parts.clock.now());
            effects.iter().for_each(|effect| self.count(effect));
            self.publish();
            if let Some(seen) = seen.take() {
                // The receiver may be dropped.
                let _ = seen.send(());
            }
            for effect in effects {
                match effect {
                    Effect::Load => inputs.push_back(self.load(ctx)),
                    Effect::Free => {
                        self.free();
                        inputs.push_back(Input::Freed);
                    }
                    Effect::Grant => granted = Granted::Yes,
                    Effect::Refuse => granted = Granted::No,
                    Effect::Publish(model, news) => self.publish_event(model, news),
                }
            }
        }
        granted
    }

    fn count(&mut self, effect: &Effect) {
        match effect {
            Effect::Publish(_, News::Unloaded(_)) => self.unloads += 1,
            Effect::Publish(model, news) => {
                let Some(known) = self.models.get_mut(model.0) else { return };
                match news {
                    News::Failed(_) => known.failures += 1,
                    News::Waiting(shortage) => known.short_until = Some(shortage.next_retry_at),
                    News::Ready => known.short_until = None,
                    News::Loading | News::Unloading(_) | News::Unloaded(_) => {}
                }
            }
            Effect::Load | Effect::Free | Effect::Grant | Effect::Refuse => {}
        }
    }

    fn snapshot(&self) -> ModelStatus {
        let mut models = self.models.clone();
        for (number, known) in models.iter_mut().enumerate() {
            known.failure = self.life.failure(ModelNo(number)).cloned();
        }
        ModelStatus {
            model: self.life.model(),
            phase: self.life.phase().clone(),
            since: self.life.since(),
            models,
            wanted_next: self.life.wanted_next(),
            is_promised: self.life.is_promised(self.parts.clock.now()),
            idle_timeout: self.parts.policy.idle_timeout,
            unloads_at: self.life.unloads_at(),
            unloads: self.unloads,
            residual_bytes: self.residual_bytes,
        }
    }

    fn publish(&self) {
        let status = self.snapshot();
        self.status.send_if_modified(|shown| {
            let changed = *shown != status;
            *shown = status;
            changed
        });
    }

    /// The one long blocking call, and the one place where foreign code may panic.
    fn load(&mut self, ctx: &SyncContext<Self>) -> Input {
        let (epoch, wanted_at) = (self.epoch.clone(), self.wanted_at);
        let keep_going = move || epoch.current() == wanted_at;
        if !keep_going() {
            return Input::LoadGivenUp(self.epoch.reason());
        }
        self.generation += 1;
        let generation = self.generation;
        let address = ctx.address();
        let on_exit = Box::new(move |death| match death {
            EngineExit::Crashed => address.do_send(EngineExited { generation }),
            EngineExit::OutOfMemory { needed_bytes, free_bytes } => {
                address.do_send(RanOutOfMemory { generation, needed_bytes, free_bytes });
            }
        });
        let started = Instant::now();
        let Some(engine) = self.parts.engines.get(self.life.model().0) else {
            let message = "the settings name no such model".into();
            return Input::LoadFailed(Failure { code: "model_not_found", message });
        };
        let outcome =
            catch_unwind(AssertUnwindSafe(|| engine.load(&keep_going, on_exit))).unwrap_or_else(|_| {
                Err(LoadFailure::Broken {
                    code: "engine_crashed",
                    message: "the engine panicked while loading".into(),
                })
            });
        match outcome {
            Ok(model) if keep_going() => self.loaded(model, started.elapsed()),
            Ok(model) => {
                model.unload();
                self.count_failure("cancelled");
                Input::LoadGivenUp(self.epoch.reason())
            }
            Err(why) => self.not_loaded(why),
        }
    }

    fn loaded(&mut self, model: Arc<dyn LoadedModel>, took: Duration) -> Input {
        let facts = model.facts();
        info!(load_ms = took.as_millis() as u64, model.id = %facts.id, "model loaded");
        measures().model_load.with_label_values(&[facts.id.as_str()]).observe(took.as_secs_f64());
        record_span("model load", None, took, || vec![("model", facts.id.clone())]);
        if let Some(known) = self.models.get_mut(self.life.model().0) {
            (known.facts, known.load_time) = (facts, LoadTime::measured(took));
        }
        self.residual_bytes = 0;
        self.model = Some(model);
        self.load_took = took;
        Input::Loaded
    }

    fn not_loaded(&mut self, why: LoadFailure) -> Input {
        match why {
            LoadFailure::Cancelled => {
                info!("load given up");
                self.count_failure("cancelled");
                Input::LoadGivenUp(self.epoch.reason())
            }
            LoadFailure::OutOfMemory { needed_bytes, free_bytes } => {
                warn!(needed_bytes, free_bytes, "not enough memory for the model");
                self.count_failure("out_of_memory");
                Input::RanOutOfMemory { needed_bytes, free_bytes }
            }
            LoadFailure::Broken { code, message } => {
                let failure = Failure { code, message };
                if failure.is_temporary() {
                    info!(reason = failure.message, "model is not loaded yet");
                } else {
                    error!(code, reason = failure.message, "model cannot be loaded");
                    self.count_failure("failed");
                }
                Input::LoadFailed(failure)
            }
        }
    }

    fn count_failure(&self, reason: &str) {
        let model = self.models.get(self.life.model().0).map_or("", |known| known.facts.id.as_str());
        measures().model_load_failures.with_label_values(&[model, reason]).inc();
    }

    fn free(&mut self) {
        let Some(model) = self.model.take() else { return };
        let holder = model.facts().holder.or(self.holder());
        if catch_unwind(AssertUnwindSafe(|| model.unload())).is_err() {
            error!(actor = Self::NAME, "the engine panicked while unloading");
        }
        let present = self.life.model().0;
        if let (Some(known), Some(engine)) = (self.models.get_mut(present), self.parts.engines.get(present)) {
            known.facts = engine.describe();
        }
        self.residual_bytes = self.remains(holder);
        match self.residual_bytes {
            0..=NO_RESIDUE_BYTES => info!("model unloaded"),
            residual_bytes => warn!(residual_bytes, "model unloaded; not all of its memory was freed"),
        }
    }

    /// What the device still shows of the model: drivers take a moment to free what a process had.
    fn remains(&self, holder: Option<Holder>) -> u64 {
        let began = Instant::now();
        loop {
            let remains = self.parts.memory.read(holder).used_by_model_bytes;
            if remains <= NO_RESIDUE_BYTES || began.elapsed() >= UNTIL_IT_IS_BACK {
                return remains;
            }
            std::thread::sleep(LOOK);
        }
    }

    fn publish_event(&self, model: ModelNo, news: News) {
        let event = match news {
            News::Loading => ModelEvent::ModelLoading,
            News::Ready => ModelEvent::ModelReady { load_secs: self.load_took.as_secs_f64() },
            News::Unloading(reason) => ModelEvent::ModelUnloading { reason },
            News::Unloaded(reason) => ModelEvent::ModelUnloaded { reason },
            News::Waiting(s) => ModelEvent::ModelWaitingForGpu {
                needed_bytes: s.needed_bytes,
                free_bytes: s.free_bytes,
                attempts: s.attempts,
                next_retry_at: self.parts.clock.wall(s.next_retry_at),
            },
            News::Failed(f) => ModelEvent::ModelFailed { code: f.code.into(), message: f.message },
        };
        let model = self.models.get(model.0).map(|known| known.facts.id.clone()).unwrap_or_default();
        self.parts.notifier.model(OfModel { model, worker: None, event });
    }

    /// Who has the present model.
    fn holder(&self) -> Option<Holder> {
        self.models.get(self.life.model().0).and_then(|known| known.facts.holder)
    }

    /// What is free is only worth reading while the model waits for it, or may have to yield it.
    fn free_bytes(&self) -> Option<u64> {
        let read = || self.parts.memory.read(self.holder());
        match self.life.phase() {
            Phase::Waiting(_) => Some(read().free_bytes).filter(|free| *free < u64::MAX),
            // Its own limit is nothing that others press on.
            Phase::Ready { leases: 0, .. } if self.parts.policy.yield_below_free_bytes.is_some() => {
                Some(read().unused_bytes)
            }
            Phase::Unloaded { .. }
            | Phase::Loading
            | Phase::Ready { .. }
            | Phase::Unloading(_)
            | Phase::Failed(_) => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Granted {
    Yes,
    No,
}

impl Handler<Load> for ModelActor {
    type Result = ();

    fn handle(&mut self, msg: Load, ctx: &mut Self::Context) {
        // An unload was asked for after this load: it wins.
        if msg.epoch != self.epoch.current() {
            return;
        }
        self.wanted_at = msg.epoch;
        // How long the present one stays says nothing of another that takes its place.
        let (before, after) = match msg.model == self.life.model() {
            true => (msg.keep_alive, None),
            false => (None, msg.keep_alive),
        };
        if let Some(stay) = before {
            self.drive(Input::KeepAlive(stay), None, ctx);
        }
        self.drive(Input::Demanded(msg.demand, msg.model), msg.seen, ctx);
        if let Some(stay) = after {
            self.drive(Input::KeepAlive(stay), None, ctx);
        }
    }
}

impl Handler<Acquire> for ModelActor {
    type Result = Result<Lease, NotReady>;

    fn handle(&mut self, _: Acquire, ctx: &mut Self::Context) -> Self::Result {
        match (self.drive(Input::Acquire, None, ctx), &self.model) {
            (Granted::Yes, Some(model)) => {
                Ok(Lease::new(model.clone(), self.life.model(), self.generation, ctx.address().recipient()))
            }
            (Granted::Yes | Granted::No, _) => Err(NotReady),
        }
    }
}

impl Handler<KeepAlive> for ModelActor {
    type Result = ();

    fn handle(&mut self, msg: KeepAlive, ctx: &mut Self::Context) {
        // What belongs to a model that is unloading does not apply to the next one.
        let is_ready = matches!(self.life.phase(), Phase::Ready { .. });
        if msg.generation == self.generation && self.model.is_some() && is_ready {
            self.drive(Input::KeepAlive(msg.stay), None, ctx);
        }
    }
}

impl Handler<Released> for ModelActor {
    type Result = ();

    fn handle(&mut self, msg: Released, ctx: &mut Self::Context) {
        if msg.generation == self.generation && self.model.is_some() {
            self.drive(Input::Released, None, ctx);
        }
    }
}

impl Handler<Unload> for ModelActor {
    type Result = ();

    fn handle(&mut self, msg: Unload, ctx: &mut Self::Context) {
        self.drive(Input::Unload { reason: msg.reason, hold: msg.hold }, None, ctx);
        // The receiver may be dropped.
        let _ = msg.handled.send(self.snapshot());
    }
}

impl Handler<EngineExited> for ModelActor {
    type Result = ();

    fn handle(&mut self, msg: EngineExited, ctx: &mut Self::Context) {
        if msg.generation == self.generation && self.model.is_some() {
            warn!("engine process exited unexpectedly");
            measures().engine_exits.with_label_values(&["crashed"]).inc();
            self.drive(Input::EngineExited, None, ctx);
        }
    }
}

impl Handler<RanOutOfMemory> for ModelActor {
    type Result = ();

    fn handle(&mut self, msg: RanOutOfMemory, ctx: &mut Self::Context) {
        if msg.generation == self.generation && self.model.is_some() {
            let RanOutOfMemory { needed_bytes, free_bytes, .. } = msg;
            measures().engine_exits.with_label_values(&["out_of_memory"]).inc();
            self.drive(Input::RanOutOfMemory { needed_bytes, free_bytes }, None, ctx);
        }
    }
}

impl Handler<Tick> for ModelActor {
    type Result = ();

    fn handle(&mut self, _: Tick, ctx: &mut Self::Context) {
        let free_bytes = self.free_bytes();
        self.drive(Input::Tick { free_bytes }, None, ctx);
    }
}
