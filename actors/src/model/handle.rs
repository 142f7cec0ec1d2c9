//! How everyone else reaches the model.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::{oneshot, watch};

use super::actor::{ModelActor, ModelParts, ServedModels};
use super::elsewhere::{reports_of, status_of};
use super::epoch::LoadEpoch;
use super::lease::Lease;
use super::messages::{Acquire, KeepAlive, Load, NotReady, RanOutOfMemory, Unload};
use super::pacemaker::Pacemaker;
use super::snapshot::ModelSnapshot;
use super::status::{ModelStatus, State};
use crate::clock::Clock;
use crate::domain::event::UnloadReason;
use crate::domain::model::lifecycle::{Demand, Policy};
use crate::domain::model::models::{ALIASES, ModelNo};
use crate::domain::model::stay::Stay;
use crate::domain::services::{Ask, ModelReport, Peer};
use crate::measures::measures;
use crate::panics::{OnActorStop, as_json};
use crate::peers::PeersHandle;
use crate::ports::{Engine, ModelFacts};

/// How often the model's actor gets a tick: idle unloads are this exact.
const HEARTBEAT: Duration = Duration::from_millis(250);

/// How long other services have to show that they do what they were asked.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// The model's thread has stopped; the process is about to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model actor has stopped")]
pub struct ActorStopped;

#[derive(Clone)]
pub struct ModelHandle {
    status: watch::Receiver<ModelStatus>,
    place: Place,
}

/// Where the models are loaded.
#[derive(Clone)]
enum Place {
    Here(Here),
    /// On other services: this one asks them.
    Elsewhere(PeersHandle),
}

#[derive(Clone)]
struct Here {
    addr: Addr<ModelActor>,
    epoch: LoadEpoch,
    engines: Vec<Arc<dyn Engine>>,
    clock: Clock,
    /// When the actor last answered its heartbeat.
    beat: watch::Receiver<Instant>,
}

impl ModelHandle {
    /// The name of its actor.
    pub const NAME: &str = ModelActor::NAME;

    /// Starts the actor on a thread of its own and its pacemaker on the present arbiter.
    /// `on_actor_stop` is called when the thread has stopped for good.
    pub fn start(parts: ModelParts, on_actor_stop: OnActorStop) -> Self {
        let (sender, status) = watch::channel(ModelActor::first_status(
            &parts.engines,
            &parts.served,
            parts.policy,
            parts.clock.now(),
        ));
        for known in &status.borrow().models {
            measures().expect_model(&known.facts.id);
        }
        let epoch = LoadEpoch::default();
        let (actors_epoch, engines, clock) = (epoch.clone(), parts.engines.clone(), parts.clock.clone());
        let (answered, beat) = watch::channel(Instant::now());
        let addr = SyncArbiter::start(1, move || {
            ModelActor::new(parts.clone(), actors_epoch.clone(), sender.clone())
        });
        let pulse = addr.clone().recipient();
        let handle = Self { status, place: Place::Here(Here { addr, epoch, engines, clock, beat }) };
        let last = handle.clone();
        let on_stop = move || on_actor_stop(Self::NAME, &as_json(&last.observe()));
        Pacemaker::new(pulse, HEARTBEAT, answered, on_stop).start();
        handle
    }

    /// Of a service that loads none of these models itself: what others report of them is shown, and they are asked for loads.
    pub fn elsewhere(engines: &[Arc<dyn Engine>], policy: Policy, peers: PeersHandle) -> Self {
        let mut first = ModelActor::first_status(engines, &ServedModels::All, policy, Instant::now());
        // No file is needed here.
        first.models.iter_mut().for_each(|known| known.facts.unusable = None);
        let (sender, status) = watch::channel(status_of(&peers.list(), &first, Instant::now()));
        let mut reports = peers.watch();
        actix::spawn(async move {
            while reports.changed().await.is_ok() {
                let peers = reports.borrow_and_update().clone();
                sender.send_modify(|status| *status = status_of(&peers, status, Instant::now()));
            }
        });
        Self { status, place: Place::Elsewhere(peers) }
    }

    /// The state for an operator, at once, whatever the actor is doing.
    pub fn observe(&self) -> ModelSnapshot {
        let (epoch, now, beat) = match &self.place {
            Place::Here(here) => (here.epoch.current(), here.clock.now(), *here.beat.borrow()),
            Place::Elsewhere(_) => (0, Instant::now(), Instant::now()),
        };
        ModelSnapshot::of(&self.status.borrow(), epoch, now, beat)
    }

    /// The present status, at once, whatever the actor is doing.
    pub fn status(&self) -> ModelStatus {
        self.status.borrow().clone()
    }

    pub fn state(&self) -> State {
        self.status.borrow().state()
    }

    pub fn watch(&self) -> watch::Receiver<ModelStatus> {
        self.status.clone()
    }

    /// The id of the model that runs jobs of this name; empty if no model has the name.
    pub(crate) fn id_of(&self, name: Option<&str>) -> String {
        let Some(number) = self.find(name) else { return String::new() };
        self.status.borrow().models.get(number.0).map(|known| known.facts.id.clone()).unwrap_or_default()
    }

    /// The model of that name, if any. No name, and the names of OpenAI's models, stand
    /// for the default one.
    pub fn find(&self, name: Option<&str>) -> Option<ModelNo> {
        let Some(name) = name.filter(|name| !ALIASES.contains(name)) else { return Some(ModelNo::default()) };
        self.status.borrow().models.iter().position(|known| known.facts.id == name).map(ModelNo)
    }

    /// All names, the default one's first.
    pub fn names(&self) -> Vec<String> {
        self.status.borrow().models.iter().map(|known| known.facts.id.clone()).collect()
    }

    /// The facts in a model's file now, whether or not it is loaded.
    ///
    /// # Blocking
    /// Reads the file's header.
    pub fn describe(&self, model: ModelNo) -> Option<ModelFacts> {
        match &self.place {
            Place::Here(here) => here.engines.get(model.0).map(|engine| engine.describe()),
            Place::Elsewhere(_) => self.status.borrow().models.get(model.0).map(|known| known.facts.clone()),
        }
    }

    /// The status as these services report it; of one alone the model that it has in memory, or had last.
    pub fn status_on(&self, peers: &[Peer]) -> ModelStatus {
        status_of(peers, &self.status(), Instant::now())
    }

    /// Whether its models are loaded by other services alone.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.place, Place::Elsewhere(_))
    }

    /// Its models for other workers and services, and the number in there of the one that is in memory, or was last; `None` where
    /// it has none of its own.
    pub fn report(&self) -> Option<(Vec<ModelReport>, usize)> {
        match &self.place {
            Place::Here(here) => Some(reports_of(&self.status.borrow(), here.clock.now())),
            Place::Elsewhere(_) => None,
        }
    }

    /// Says that a model is wanted, and does not wait.
    pub fn demand(&self, demand: Demand, model: ModelNo) {
        self.demand_for(demand, model, None);
    }

    /// The same, and how long it is to stay.
    pub fn demand_for(&self, demand: Demand, model: ModelNo, keep_alive: Option<Stay>) {
        self.ask(demand, model, keep_alive, None);
    }

    /// Asks for a load: the status once it shows what came of the asking (`loading`, mostly).
    ///
    /// # Cancel safety
    /// Dropping the future leaves the load under way.
    pub async fn load(&self, model: ModelNo, keep_alive: Option<Stay>) -> Result<ModelStatus, ActorStopped> {
        let shown = self.request(model, keep_alive);
        let mut status = self.status.clone();
        tokio::select! {
            // An error here means that an unload overtook the load: the status says so.
            _ = shown => {}
            // The actor is busy and handles this afterwards.
            busy = status.wait_for(|s| !s.is_settled()) => { busy.map_err(|_| ActorStopped)?; }
        }
        Ok(self.status())
    }

    /// Asks for a load and waits: until `ready`, `failed`, `waiting_for_gpu` or given up.
    pub async fn load_and_wait(
        &self,
        model: ModelNo,
        keep_alive: Option<Stay>,
    ) -> Result<ModelStatus, ActorStopped> {
        let mut status = self.status.clone();
        // An error here means that an unload overtook the load: the status says so.
        let _ = self.request(model, keep_alive).await;
        if let Place::Elsewhere(_) = self.place {
            let begun = status.wait_for(|status| status.state_of(model) != State::Unloaded);
            // A worker that cannot do it does not say so.
            let _ = actix::clock::timeout(ANSWER_LIMIT, begun).await;
            let settled = status.wait_for(|status| status.of(model).is_settled()).await;
            return Ok(settled.map_err(|_| ActorStopped)?.clone());
        }
        let settled = status.wait_for(ModelStatus::is_settled).await.map_err(|_| ActorStopped)?;
        Ok(settled.clone())
    }

    /// Answered once the actor has handled the request, and the status shows it.
    fn request(&self, model: ModelNo, keep_alive: Option<Stay>) -> oneshot::Receiver<()> {
        let (seen, shown) = oneshot::channel();
        self.ask(Demand::Request, model, keep_alive, Some(seen));
        shown
    }

    fn ask(
        &self,
        demand: Demand,
        model: ModelNo,
        keep_alive: Option<Stay>,
        seen: Option<oneshot::Sender<()>>,
    ) {
        match &self.place {
            Place::Here(Here { addr, epoch, .. }) => {
                epoch.within(|epoch| addr.do_send(Load { demand, model, keep_alive, epoch, seen }));
            }
            Place::Elsewhere(peers) => {
                let (peers, name) =
                    (peers.clone(), self.names().into_iter().nth(model.0).unwrap_or_default());
                let load = |is_for_client| Ask::Load { model: Some(name.clone()), is_for_client, keep_alive };
                let ask = match demand {
                    // Workers look into the queue by themselves.
                    Demand::Queue => return,
                    Demand::NewJob if !self.status.borrow().of(model).needs_new_job() => return,
                    Demand::NewJob => Ask::NewJob { model: name.clone() },
                    Demand::TurnedAway => load(true),
                    Demand::Request => load(false),
                };
                actix::spawn(async move { peers.ask_to_load(&name, ask).await });
            }
        }
    }

    /// Asks for the memory back. Returns once the actor has handled it: with nothing running the model
    /// is `unloaded` by then, else `unloading`.
    pub async fn unload(
        &self,
        reason: UnloadReason,
        hold: Option<Duration>,
    ) -> Result<ModelStatus, ActorStopped> {
        let Here { addr, epoch, .. } = match &self.place {
            Place::Here(here) => here,
            // What others have in memory is theirs.
            Place::Elsewhere(_) => return Ok(self.status()),
        };
        let (handled, status) = oneshot::channel();
        // The mailbox keeps the order, the epoch the speed. The caller may leave: it is carried out all the same.
        epoch.interrupt(reason, || addr.do_send(Unload { reason, hold, handled }));
        status.await.map_err(|_| ActorStopped)
    }

    /// Asks for the memory back, and waits until none of it is left; the model may have been asked for
    /// again by then.
    pub async fn unload_and_wait(
        &self,
        reason: UnloadReason,
        hold: Option<Duration>,
    ) -> Result<ModelStatus, ActorStopped> {
        let handled = self.unload(reason, hold).await?;
        let before = handled.unloads;
        if handled.state() == State::Unloaded || self.is_elsewhere() {
            return Ok(handled);
        }
        let mut status = self.status.clone();
        let freed = status.wait_for(|s| s.unloads > before || s.state() == State::Unloaded);
        Ok(freed.await.map_err(|_| ActorStopped)?.clone())
    }

    /// Time passed, by a clock that was set ahead.
    #[cfg(test)]
    pub(crate) fn tick(&self) {
        if let Place::Here(here) = &self.place {
            here.addr.do_send(super::messages::Tick);
        }
    }

    /// The same, once it was noticed.
    #[cfg(test)]
    pub(crate) async fn ticked(&self) {
        if let Place::Here(here) = &self.place {
            // A stopped actor does not answer.
            let _ = here.addr.send(super::messages::Tick).await;
        }
    }

    pub async fn acquire(&self) -> Result<Lease, NotReady> {
        match &self.place {
            Place::Here(here) => here.addr.send(Acquire).await.unwrap_or(Err(NotReady)),
            Place::Elsewhere(_) => Err(NotReady),
        }
    }

    /// Says how long the model is to stay once the last lease is given back.
    pub fn keep_alive(&self, lease: &Lease, stay: Stay) {
        if let Place::Here(here) = &self.place {
            here.addr.do_send(KeepAlive { generation: lease.generation(), stay });
        }
    }

    /// Reports that work under `lease` found the engine out of memory.
    pub fn ran_out_of_memory(&self, lease: &Lease, needed_bytes: u64, free_bytes: u64) {
        let generation = lease.generation();
        if let Place::Here(here) = &self.place {
            here.addr.do_send(RanOutOfMemory { generation, needed_bytes, free_bytes });
        }
    }
}
