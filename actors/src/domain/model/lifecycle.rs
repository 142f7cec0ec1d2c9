//! The model's life: unloaded, loading, ready, unloading, waiting for the GPU, failed.
//!
//! [`Lifecycle::step`] is total: every pair of phase and input is named, and what it changes is the
//! phase and the list of effects, nothing else. The shell performs effects in order and feeds their
//! outcome back as inputs.
//!
//! There is one phase however many models there are to choose from: at most one is in memory. `swap` says
//! when it goes for another one.

mod swap;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::models::ModelNo;
use super::stay::Stay;
use crate::domain::event::UnloadReason;

/// What the settings say of the model's life.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How long the model stays without work, unless a client set another time.
    pub idle_timeout: Stay,
    /// Time between two tries while the GPU is full.
    pub poll_interval: Duration,
    /// How long queued jobs do not load the model after its memory was asked for.
    pub unload_hold: Duration,
    /// An idle model goes when less memory than this is free; `None`: it stays.
    pub yield_below_free_bytes: Option<u64>,
}

/// A free-memory reading never starts a try sooner than this after the last one.
const RETRY_AT_ONCE_AFTER: Duration = Duration::from_secs(1);

/// How long a loaded model waits for a client that was turned away before.
const COME_BACK_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    Unloaded {
        /// Until then jobs in the queue do not load the model.
        held_until: Option<Instant>,
    },
    Loading,
    Ready {
        leases: u32,
        /// When the last work ended; means something while there are no leases.
        idle_since: Instant,
    },
    /// No new lease is granted; with the last one given back the memory is freed.
    Unloading(Unloading),
    Waiting(Shortage),
    Failed(Failure),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unloading {
    pub leases: u32,
    pub reason: UnloadReason,
    pub hold: Option<Duration>,
    pub afterwards: Afterwards,
}

/// What follows an unload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    Stay,
    /// A model, this one or another, was asked for while it was unloading, or it is unloaded for that one.
    Load(ModelNo),
}

/// Not enough memory: tried again and again, without limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    pub needed_bytes: u64,
    pub free_bytes: u64,
    /// Failed tries so far, from 1.
    pub attempts: u32,
    pub last_try: Instant,
    pub next_retry_at: Instant,
    pub now: Trying,
}

/// Whether a try is being made this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trying {
    Yes,
    No,
}

/// Why the model cannot be loaded as things are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: &'static str,
    pub message: String,
}

impl Failure {
    /// The code of a model whose file is being downloaded.
    pub const MODEL_PULLING: &str = "model_pulling";

    /// The code where no service is there that can load the model.
    pub const NO_WORKER: &str = "no_worker";

    /// What a load can fail with, a download for it too.
    const CODES: [&str; 10] = [
        "engine_crashed",
        "model_not_found",
        "model_corrupt",
        Self::MODEL_PULLING,
        "pull_failed",
        "fetch_failed",
        "disk_full",
        "checksum_mismatch",
        "unknown_model",
        Self::NO_WORKER,
    ];

    /// As another process reported it. A code that is not known here stands for a crash.
    pub fn reported(code: &str, message: String) -> Self {
        let code = Self::CODES.into_iter().find(|known| *known == code).unwrap_or(Self::CODES[0]);
        Self { code, message }
    }

    /// Whether it ends by itself: the model is loaded once its file, or a worker, is there.
    pub fn is_temporary(&self) -> bool {
        self.code == Self::MODEL_PULLING || self.code == Self::NO_WORKER
    }
}

/// What asks for the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// A job that has been waiting: respects a hold, and does not retry what failed.
    Queue,
    /// A job that was just taken in.
    NewJob,
    /// A client whose job was answered 503, to be sent again.
    TurnedAway,
    /// A request for the load itself.
    Request,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Demanded(Demand, ModelNo),
    /// A client of the model sets how long it is to stay after that: until it is unloaded or
    /// another client sets another time.
    KeepAlive(Stay),
    Loaded,
    /// The reason for which the load was interrupted.
    LoadGivenUp(UnloadReason),
    LoadFailed(Failure),
    /// At a load, or inside a job.
    RanOutOfMemory {
        needed_bytes: u64,
        free_bytes: u64,
    },
    Acquire,
    Released,
    Unload {
        reason: UnloadReason,
        hold: Option<Duration>,
    },
    Freed,
    /// The engine's process ended by itself.
    EngineExited,
    /// Time passed. `free_bytes` is read while the model waits for memory, or may have to yield it.
    Tick {
        free_bytes: Option<u64>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Of the [present](Lifecycle::model) model. Answered by `Loaded`, `LoadGivenUp`, `LoadFailed` or
    /// `RanOutOfMemory`.
    Load,
    /// Answered by `Freed`.
    Free,
    Grant,
    Refuse,
    Publish(ModelNo, News),
}

/// What observers see of the lifecycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    Loading,
    Ready,
    Unloading(UnloadReason),
    Unloaded(UnloadReason),
    Waiting(Shortage),
    Failed(Failure),
}

#[derive(Debug)]
pub struct Lifecycle {
    policy: Policy,
    /// Whose phase it is.
    model: ModelNo,
    phase: Phase,
    since: Instant,
    expected: Expected,
    /// Until then it is kept for the expected client, if there is one.
    promised_until: Option<Instant>,
    /// What was asked for instead of the policy's idle time.
    keep_alive: Option<Stay>,
    /// What was asked for while the present one could not be unloaded, and by what.
    next: Option<(ModelNo, Demand)>,
    /// Of those that cannot be loaded, as was found out: queued jobs leave them alone.
    failures: BTreeMap<ModelNo, Failure>,
}

/// What the present model is kept for, for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Nothing,
    /// A job was taken in, and will find the model there however short the idle time is.
    Job,
    /// A request was answered 503, to be sent again when the model is loaded.
    Client,
    /// A request asked for this one by name, and will probably use it.
    Caller,
}

impl Lifecycle {
    pub fn new(policy: Policy, now: Instant) -> Self {
        Self {
            policy,
            model: ModelNo::default(),
            phase: Phase::Unloaded { held_until: None },
            since: now,
            expected: Expected::Nothing,
            promised_until: None,
            keep_alive: None,
            next: None,
            failures: BTreeMap::new(),
        }
    }

    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whose phase it is: the model that is in memory, or was last.
    pub fn model(&self) -> ModelNo {
        self.model
    }

    /// The model that a client waits for until the present one has no more work.
    pub fn wanted_next(&self) -> Option<ModelNo> {
        self.next.map(|(model, _)| model)
    }

    /// Why a model cannot be loaded, as far as that was found out.
    pub fn failure(&self, model: ModelNo) -> Option<&Failure> {
        self.failures.get(&model)
    }

    /// When the present state began; leases coming and going do not change it.
    pub fn since(&self) -> Instant {
        self.since
    }

    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// A client that sends its request again finds the model loaded, however short the idle time is.
    fn idle_timeout(&self) -> Stay {
        let asked_for = self.keep_alive.unwrap_or(self.policy.idle_timeout);
        match self.expected {
            Expected::Nothing | Expected::Caller => asked_for,
            Expected::Job | Expected::Client => asked_for.at_least(COME_BACK_WITHIN),
        }
    }

    /// When an idle model will go, if it is idle and goes at all.
    pub fn unloads_at(&self) -> Option<Instant> {
        let Phase::Ready { leases: 0, idle_since } = self.phase else { return None };
        match self.idle_timeout() {
            Stay::For(time) => Some(later(idle_since, time)),
            Stay::Forever => None,
        }
    }

    pub fn step(&mut self, input: Input, now: Instant) -> Vec<Effect> {
        match input {
            Input::Demanded(Demand::NewJob | Demand::TurnedAway | Demand::Request, model)
                if model != self.model =>
            {
                self.failures.remove(&model);
            }
            // Where a model is there, a job that was taken in is about to have it, or its turn is later.
            Input::Demanded(Demand::NewJob, _) if matches!(self.phase, Phase::Ready { .. }) => {}
            Input::Demanded(Demand::NewJob, _) if self.expected == Expected::Nothing => {
                self.expected = Expected::Job;
            }
            Input::Demanded(Demand::TurnedAway, _) => self.expected = Expected::Client,
            Input::Acquire => self.expected = Expected::Nothing,
            Input::KeepAlive(stay) => self.keep_alive = Some(stay),
            // An unload applies to every model.
            Input::Unload { .. } => (self.next, self.failures) = (None, BTreeMap::new()),
            Input::Demanded(Demand::Queue | Demand::NewJob | Demand::Request, _)
            | Input::Loaded
            | Input::LoadGivenUp(_)
            | Input::LoadFailed(_)
            | Input::RanOutOfMemory { .. }
            | Input::Released
            | Input::Freed
            | Input::EngineExited
            | Input::Tick { .. } => {}
        }
        let before = std::mem::discriminant(&self.phase);
        let phase = std::mem::replace(&mut self.phase, Phase::Loading);
        let (next, effects) = match (phase, input) {
            (phase, Input::Demanded(demand, model)) if model != self.model => {
                self.another(phase, demand, model, now)
            }
            (Phase::Unloaded { held_until }, input) => self.unloaded(held_until, input, now),
            (Phase::Loading, input) => self.loading(input, now),
            (Phase::Ready { leases, idle_since }, input) => self.ready(leases, idle_since, input, now),
            (Phase::Unloading(going), input) => self.unloading(going, input, now),
            (Phase::Waiting(shortage), input) => self.waiting(shortage, input, now),
            (Phase::Failed(failure), input) => self.failed(failure, input, now),
        };
        self.phase = next;
        if std::mem::discriminant(&self.phase) != before {
            self.since = now;
            if matches!(self.phase, Phase::Unloaded { .. } | Phase::Unloading(_)) {
                self.keep_alive = None;
            }
            if matches!(self.phase, Phase::Unloaded { .. } | Phase::Waiting(_) | Phase::Failed(_)) {
                self.next = None;
            }
        }
        effects
    }

    fn unloaded(&mut self, held_until: Option<Instant>, input: Input, now: Instant) -> (Phase, Vec<Effect>) {
        let held = held_until.filter(|until| now < *until);
        let stay = Phase::Unloaded { held_until: held };
        match input {
            Input::Demanded(Demand::Queue, _) if held.is_some() => (stay, vec![]),
            Input::Demanded(Demand::Queue | Demand::NewJob | Demand::TurnedAway | Demand::Request, model) => {
                self.begin_load(model)
            }
            Input::Unload { hold, .. } => (Phase::Unloaded { held_until: until(hold, now) }, vec![]),
            Input::Acquire => (stay, vec![Effect::Refuse]),
            Input::Tick { .. }
            | Input::KeepAlive(_)
            | Input::Loaded
            | Input::LoadGivenUp(_)
            | Input::LoadFailed(_)
            | Input::RanOutOfMemory { .. }
            | Input::Released
            | Input::Freed
            | Input::EngineExited => (stay, vec![]),
        }
    }

    fn loading(&mut self, input: Input, now: Instant) -> (Phase, Vec<Effect>) {
        match input {
            Input::Loaded => self.become_ready(now),
            Input::LoadGivenUp(reason) => self.given_up(reason, now),
            Input::LoadFailed(failure) => self.fail(failure),
            Input::RanOutOfMemory { needed_bytes, free_bytes } => {
                self.fall_short(needed_bytes, free_bytes, 1, now)
            }
            Input::Acquire => (Phase::Loading, vec![Effect::Refuse]),
            // The load itself is interrupted by the caller that asks for the unload, and answers `LoadGivenUp`.
            Input::Unload { .. }
            | Input::Demanded(..)
            | Input::KeepAlive(_)
            | Input::Released
            | Input::Freed
            | Input::EngineExited
            | Input::Tick { .. } => (Phase::Loading, vec![]),
        }
    }

    fn ready(
        &mut self,
        leases: u32,
        idle_since: Instant,
        input: Input,
        now: Instant,
    ) -> (Phase, Vec<Effect>) {
        let stay = Phase::Ready { leases, idle_since };
        match input {
            Input::Acquire => (Phase::Ready { leases: leases + 1, idle_since }, vec![Effect::Grant]),
            Input::Released if leases <= 1 => self.rest(now, now),
            Input::Released => (Phase::Ready { leases: leases - 1, idle_since }, vec![]),
            Input::Tick { free_bytes } if leases == 0 && self.must_yield(free_bytes, idle_since, now) => {
                self.go(0, UnloadReason::Pressure, None)
            }
            Input::Tick { .. } if leases == 0 => self.rest(idle_since, now),
            // A request for the model by name restarts its idle time.
            Input::Demanded(Demand::Request, _) => (Phase::Ready { leases, idle_since: now }, vec![]),
            Input::Unload { reason, hold } => self.go(leases, reason, hold),
            Input::EngineExited => (
                Phase::Unloaded { held_until: None },
                vec![Effect::Free, Effect::Publish(self.model, News::Unloaded(UnloadReason::EngineExited))],
            ),
            Input::RanOutOfMemory { needed_bytes, free_bytes } => {
                let (phase, mut effects) = self.fall_short(needed_bytes, free_bytes, 1, now);
                effects.insert(0, Effect::Free);
                (phase, effects)
            }
            Input::Tick { .. }
            | Input::Demanded(Demand::Queue | Demand::NewJob | Demand::TurnedAway, _)
            | Input::KeepAlive(_)
            | Input::Loaded
            | Input::LoadGivenUp(_)
            | Input::LoadFailed(_)
            | Input::Freed => (stay, vec![]),
        }
    }

    fn unloading(&mut self, mut going: Unloading, input: Input, now: Instant) -> (Phase, Vec<Effect>) {
        let mut effects = vec![];
        match input {
            Input::Freed => return self.freed(going, now),
            Input::Released => {
                going.leases = going.leases.saturating_sub(1);
                if going.leases == 0 {
                    effects.push(Effect::Free);
                }
            }
            // Nothing more will be given back: the engine took the work with it.
            Input::EngineExited | Input::RanOutOfMemory { .. } => {
                going.leases = 0;
                effects.push(Effect::Free);
            }
            Input::Demanded(demand @ (Demand::NewJob | Demand::TurnedAway | Demand::Request), model) => {
                self.ask_for_after(&mut going, demand, model);
            }
            Input::Unload { hold, .. } => {
                going.afterwards = Afterwards::Stay;
                going.hold = hold;
            }
            Input::Acquire => effects.push(Effect::Refuse),
            Input::Demanded(Demand::Queue, _)
            | Input::KeepAlive(_)
            | Input::Loaded
            | Input::LoadGivenUp(_)
            | Input::LoadFailed(_)
            | Input::Tick { .. } => {}
        }
        (Phase::Unloading(going), effects)
    }

    fn waiting(&mut self, shortage: Shortage, input: Input, now: Instant) -> (Phase, Vec<Effect>) {
        match (input, shortage.now) {
            (Input::Loaded, _) => self.become_ready(now),
            (Input::LoadGivenUp(reason), _) => self.given_up(reason, now),
            (Input::LoadFailed(failure), _) => self.fail(failure),
            (Input::RanOutOfMemory { needed_bytes, free_bytes }, _) => {
                self.fall_short(needed_bytes, free_bytes, shortage.attempts.saturating_add(1), now)
            }
            (Input::Unload { reason, hold }, _) => {
                (Phase::Unloaded { held_until: until(hold, now) }, self.unloaded_at_once(reason))
            }
            (Input::Demanded(Demand::Request, _), Trying::No) => self.try_again(shortage, now),
            (Input::Tick { free_bytes }, Trying::No) if shortage.is_due(free_bytes, now) => {
                self.try_again(shortage, now)
            }
            (Input::Acquire, _) => (Phase::Waiting(shortage), vec![Effect::Refuse]),
            (
                Input::Demanded(..)
                | Input::KeepAlive(_)
                | Input::Tick { .. }
                | Input::Released
                | Input::Freed
                | Input::EngineExited,
                Trying::Yes | Trying::No,
            ) => (Phase::Waiting(shortage), vec![]),
        }
    }

    fn failed(&mut self, failure: Failure, input: Input, now: Instant) -> (Phase, Vec<Effect>) {
        match input {
            Input::Demanded(Demand::NewJob | Demand::TurnedAway | Demand::Request, model) => {
                self.begin_load(model)
            }
            Input::Unload { reason, hold } => {
                let unloaded = Effect::Publish(self.model, News::Unloaded(reason));
                (Phase::Unloaded { held_until: until(hold, now) }, vec![unloaded])
            }
            Input::Acquire => (Phase::Failed(failure), vec![Effect::Refuse]),
            Input::Demanded(Demand::Queue, _)
            | Input::KeepAlive(_)
            | Input::Loaded
            | Input::LoadGivenUp(_)
            | Input::LoadFailed(_)
            | Input::RanOutOfMemory { .. }
            | Input::Released
            | Input::Freed
            | Input::EngineExited
            | Input::Tick { .. } => (Phase::Failed(failure), vec![]),
        }
    }

    fn become_ready(&mut self, now: Instant) -> (Phase, Vec<Effect>) {
        self.promised_until = Some(later(now, COME_BACK_WITHIN));
        (Phase::Ready { leases: 0, idle_since: now }, vec![Effect::Publish(self.model, News::Ready)])
    }

    /// A load is interrupted to free its memory, so queued jobs stay away for a while.
    fn given_up(&self, reason: UnloadReason, now: Instant) -> (Phase, Vec<Effect>) {
        (
            Phase::Unloaded { held_until: until(Some(self.policy.unload_hold), now) },
            self.unloaded_at_once(reason),
        )
    }

    fn fall_short(
        &self,
        needed_bytes: u64,
        free_bytes: u64,
        attempts: u32,
        now: Instant,
    ) -> (Phase, Vec<Effect>) {
        let shortage = Shortage {
            needed_bytes,
            free_bytes,
            attempts,
            last_try: now,
            next_retry_at: later(now, self.policy.poll_interval),
            now: Trying::No,
        };
        (Phase::Waiting(shortage.clone()), vec![Effect::Publish(self.model, News::Waiting(shortage))])
    }

    fn try_again(&self, shortage: Shortage, now: Instant) -> (Phase, Vec<Effect>) {
        let next_retry_at = later(now, self.policy.poll_interval);
        (Phase::Waiting(Shortage { now: Trying::Yes, next_retry_at, ..shortage }), vec![Effect::Load])
    }

    fn go_if_idle(&self, idle_since: Instant, now: Instant) -> (Phase, Vec<Effect>) {
        match self.idle_timeout() {
            Stay::For(time) if now.saturating_duration_since(idle_since) >= time => {
                self.go(0, UnloadReason::Idle, None)
            }
            Stay::For(_) | Stay::Forever => (Phase::Ready { leases: 0, idle_since }, vec![]),
        }
    }

    /// Whether others need the memory more than a model without work. It stays for a client that was asked to
    /// retry.
    fn must_yield(&self, free_bytes: Option<u64>, idle_since: Instant, now: Instant) -> bool {
        let least = self.policy.yield_below_free_bytes;
        let short = free_bytes.zip(least).is_some_and(|(free, least)| free < least);
        let idle = now.saturating_duration_since(idle_since);
        let is_expected = matches!(self.expected, Expected::Job | Expected::Client);
        short && (!is_expected || idle >= COME_BACK_WITHIN)
    }

    fn freed(&mut self, going: Unloading, now: Instant) -> (Phase, Vec<Effect>) {
        let unloaded = Effect::Publish(self.model, News::Unloaded(going.reason));
        match going.afterwards {
            Afterwards::Stay => (Phase::Unloaded { held_until: until(going.hold, now) }, vec![unloaded]),
            Afterwards::Load(model) => {
                let (phase, mut effects) = self.begin_load(model);
                effects.insert(0, unloaded);
                (phase, effects)
            }
        }
    }

    fn begin_load(&mut self, model: ModelNo) -> (Phase, Vec<Effect>) {
        self.model = model;
        self.failures.remove(&model);
        (Phase::Loading, vec![Effect::Publish(model, News::Loading), Effect::Load])
    }

    fn fail(&mut self, failure: Failure) -> (Phase, Vec<Effect>) {
        self.failures.insert(self.model, failure.clone());
        (Phase::Failed(failure.clone()), vec![Effect::Publish(self.model, News::Failed(failure))])
    }

    fn go(&self, leases: u32, reason: UnloadReason, hold: Option<Duration>) -> (Phase, Vec<Effect>) {
        let mut effects = vec![Effect::Publish(self.model, News::Unloading(reason))];
        if leases == 0 {
            effects.push(Effect::Free);
        }
        (Phase::Unloading(Unloading { leases, reason, hold, afterwards: Afterwards::Stay }), effects)
    }

    /// The event of a model that had nothing in memory to be freed.
    fn unloaded_at_once(&self, reason: UnloadReason) -> Vec<Effect> {
        [News::Unloading(reason), News::Unloaded(reason)].map(|news| Effect::Publish(self.model, news)).into()
    }
}

impl Shortage {
    fn is_due(&self, free_bytes: Option<u64>, now: Instant) -> bool {
        let enough = free_bytes.is_some_and(|free| free >= self.needed_bytes);
        let rested = now.saturating_duration_since(self.last_try) >= RETRY_AT_ONCE_AFTER;
        // A try that failed although this much was free says more than the reading does.
        let more_than_then = free_bytes.is_some_and(|free| free > self.free_bytes);
        now >= self.next_retry_at || (enough && rested && more_than_then)
    }
}

/// The end of a hold that begins now.
fn until(hold: Option<Duration>, now: Instant) -> Option<Instant> {
    hold.map(|hold| later(now, hold))
}

/// A moment that the clock can count, whatever was asked for: ten years on at most.
fn later(now: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(10 * 365 * 86_400);
    now + by.min(FAR)
}

#[cfg(test)]
mod tests;
