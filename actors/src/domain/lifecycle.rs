//! The model's life: unloaded, loading, ready, unloading, waiting for the GPU, failed.
//!
//! [`Lifecycle::step`] is total: every pair of phase and input is named, and what it changes is the
//! phase and the list of effects, nothing else. The shell performs effects in order and feeds their
//! outcome back as inputs.

use std::time::{Duration, Instant};

use super::event::UnloadReason;
use super::stay::Stay;

/// What the settings say of the model's life.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How long the model stays without work, unless someone who used it said otherwise.
    pub idle_timeout: Stay,
    /// Time between two tries while the GPU is full.
    pub poll_interval: Duration,
    /// How long queued jobs leave the model alone after someone asked for its memory.
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
    /// Someone asked for the model while it was going.
    LoadAgain,
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

/// Who wants the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// A job that has been waiting: respects a hold, and does not retry what failed.
    Queue,
    /// A job that just came, also one that was turned away.
    NewJob,
    /// Someone who asked for the load itself.
    Request,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Demanded(Demand),
    /// Someone who uses the model says how long it is to stay after that: until it is unloaded or
    /// someone else says otherwise.
    KeepAlive(Stay),
    Loaded,
    /// Whoever interrupted the load gave this reason.
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
    EngineDied,
    /// Time passed. `free_bytes` is read while the model waits for memory, or may have to yield it.
    Tick {
        free_bytes: Option<u64>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Answered by `Loaded`, `LoadGivenUp`, `LoadFailed` or `RanOutOfMemory`.
    Load,
    /// Answered by `Freed`.
    Free,
    Grant,
    Refuse,
    Tell(News),
}

/// What the world is told.
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
    phase: Phase,
    since: Instant,
    expected: Expected,
    /// What was asked for instead of the policy's idle time.
    keep_alive: Option<Stay>,
}

/// Whether someone was turned away and told to come back when the model is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Nobody,
    Client,
}

impl Lifecycle {
    pub fn new(policy: Policy, now: Instant) -> Self {
        Self {
            policy,
            phase: Phase::Unloaded { held_until: None },
            since: now,
            expected: Expected::Nobody,
            keep_alive: None,
        }
    }

    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// When the present state began; leases coming and going do not change it.
    pub fn since(&self) -> Instant {
        self.since
    }

    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// A client that was told to come back finds the model there, however short the idle time is.
    fn idle_timeout(&self) -> Stay {
        let asked_for = self.keep_alive.unwrap_or(self.policy.idle_timeout);
        match self.expected {
            Expected::Nobody => asked_for,
            Expected::Client => asked_for.at_least(COME_BACK_WITHIN),
        }
    }

    /// When an idle model will go, if it is idle and goes at all.
    pub fn unloads_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Ready { leases: 0, idle_since } => match self.idle_timeout() {
                Stay::For(time) => Some(later(idle_since, time)),
                Stay::Forever => None,
            },
            Phase::Ready { .. }
            | Phase::Unloaded { .. }
            | Phase::Loading
            | Phase::Unloading(_)
            | Phase::Waiting(_)
            | Phase::Failed(_) => None,
        }
    }

    pub fn step(&mut self, input: Input, now: Instant) -> Vec<Effect> {
        match input {
            Input::Demanded(Demand::NewJob) => self.expected = Expected::Client,
            Input::Acquire => self.expected = Expected::Nobody,
            Input::KeepAlive(stay) => self.keep_alive = Some(stay),
            Input::Demanded(Demand::Queue | Demand::Request)
            | Input::Loaded
            | Input::LoadGivenUp(_)
            | Input::LoadFailed(_)
            | Input::RanOutOfMemory { .. }
            | Input::Released
            | Input::Unload { .. }
            | Input::Freed
            | Input::EngineDied
            | Input::Tick { .. } => {}
        }
        let before = std::mem::discriminant(&self.phase);
        let phase = std::mem::replace(&mut self.phase, Phase::Loading);
        let (next, effects) = match phase {
            Phase::Unloaded { held_until } => self.unloaded(held_until, input, now),
            Phase::Loading => self.loading(input, now),
            Phase::Ready { leases, idle_since } => self.ready(leases, idle_since, input, now),
            Phase::Unloading(going) => self.unloading(going, input, now),
            Phase::Waiting(shortage) => self.waiting(shortage, input, now),
            Phase::Failed(failure) => self.failed(failure, input, now),
        };
        self.phase = next;
        if std::mem::discriminant(&self.phase) != before {
            self.since = now;
            if matches!(self.phase, Phase::Unloaded { .. } | Phase::Unloading(_)) {
                self.keep_alive = None;
            }
        }
        effects
    }

    fn unloaded(&self, held_until: Option<Instant>, input: Input, now: Instant) -> (Phase, Vec<Effect>) {
        let held = held_until.filter(|until| now < *until);
        let stay = Phase::Unloaded { held_until: held };
        match input {
            Input::Demanded(Demand::Queue) if held.is_some() => (stay, vec![]),
            Input::Demanded(Demand::Queue | Demand::NewJob | Demand::Request) => begin_load(),
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
            | Input::EngineDied => (stay, vec![]),
        }
    }

    fn loading(&self, input: Input, now: Instant) -> (Phase, Vec<Effect>) {
        match input {
            Input::Loaded => self.become_ready(now),
            Input::LoadGivenUp(reason) => self.given_up(reason, now),
            Input::LoadFailed(failure) => fail(failure),
            Input::RanOutOfMemory { needed_bytes, free_bytes } => {
                self.fall_short(needed_bytes, free_bytes, 1, now)
            }
            Input::Acquire => (Phase::Loading, vec![Effect::Refuse]),
            // The load itself is interrupted by whoever asks for the unload, and answers `LoadGivenUp`.
            Input::Unload { .. }
            | Input::Demanded(_)
            | Input::KeepAlive(_)
            | Input::Released
            | Input::Freed
            | Input::EngineDied
            | Input::Tick { .. } => (Phase::Loading, vec![]),
        }
    }

    fn ready(&self, leases: u32, idle_since: Instant, input: Input, now: Instant) -> (Phase, Vec<Effect>) {
        let stay = Phase::Ready { leases, idle_since };
        match input {
            Input::Acquire => (Phase::Ready { leases: leases + 1, idle_since }, vec![Effect::Grant]),
            Input::Released if leases <= 1 => self.go_if_idle(now, now),
            Input::Released => (Phase::Ready { leases: leases - 1, idle_since }, vec![]),
            Input::Tick { free_bytes } if leases == 0 && self.must_yield(free_bytes, idle_since, now) => {
                go(0, UnloadReason::Pressure, None)
            }
            Input::Tick { .. } if leases == 0 => self.go_if_idle(idle_since, now),
            // Asking for the model by name is interest enough to start its idle time anew.
            Input::Demanded(Demand::Request) => (Phase::Ready { leases, idle_since: now }, vec![]),
            Input::Unload { reason, hold } => go(leases, reason, hold),
            Input::EngineDied => (
                Phase::Unloaded { held_until: None },
                vec![Effect::Free, Effect::Tell(News::Unloaded(UnloadReason::EngineDied))],
            ),
            Input::RanOutOfMemory { needed_bytes, free_bytes } => {
                let (phase, mut effects) = self.fall_short(needed_bytes, free_bytes, 1, now);
                effects.insert(0, Effect::Free);
                (phase, effects)
            }
            Input::Tick { .. }
            | Input::Demanded(Demand::Queue | Demand::NewJob)
            | Input::KeepAlive(_)
            | Input::Loaded
            | Input::LoadGivenUp(_)
            | Input::LoadFailed(_)
            | Input::Freed => (stay, vec![]),
        }
    }

    fn unloading(&self, mut going: Unloading, input: Input, now: Instant) -> (Phase, Vec<Effect>) {
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
            Input::EngineDied | Input::RanOutOfMemory { .. } => {
                going.leases = 0;
                effects.push(Effect::Free);
            }
            Input::Demanded(Demand::NewJob | Demand::Request) => {
                going.afterwards = Afterwards::LoadAgain;
                going.hold = None;
            }
            Input::Unload { hold, .. } => {
                going.afterwards = Afterwards::Stay;
                going.hold = hold;
            }
            Input::Acquire => effects.push(Effect::Refuse),
            Input::Demanded(Demand::Queue)
            | Input::KeepAlive(_)
            | Input::Loaded
            | Input::LoadGivenUp(_)
            | Input::LoadFailed(_)
            | Input::Tick { .. } => {}
        }
        (Phase::Unloading(going), effects)
    }

    fn waiting(&self, shortage: Shortage, input: Input, now: Instant) -> (Phase, Vec<Effect>) {
        match (input, shortage.now) {
            (Input::Loaded, _) => self.become_ready(now),
            (Input::LoadGivenUp(reason), _) => self.given_up(reason, now),
            (Input::LoadFailed(failure), _) => fail(failure),
            (Input::RanOutOfMemory { needed_bytes, free_bytes }, _) => {
                self.fall_short(needed_bytes, free_bytes, shortage.attempts.saturating_add(1), now)
            }
            (Input::Unload { reason, hold }, _) => (
                Phase::Unloaded { held_until: until(hold, now) },
                vec![Effect::Tell(News::Unloading(reason)), Effect::Tell(News::Unloaded(reason))],
            ),
            (Input::Demanded(Demand::Request), Trying::No) => self.try_again(shortage, now),
            (Input::Tick { free_bytes }, Trying::No) if shortage.is_due(free_bytes, now) => {
                self.try_again(shortage, now)
            }
            (Input::Acquire, _) => (Phase::Waiting(shortage), vec![Effect::Refuse]),
            (
                Input::Demanded(_)
                | Input::KeepAlive(_)
                | Input::Tick { .. }
                | Input::Released
                | Input::Freed
                | Input::EngineDied,
                Trying::Yes | Trying::No,
            ) => (Phase::Waiting(shortage), vec![]),
        }
    }

    fn failed(&self, failure: Failure, input: Input, now: Instant) -> (Phase, Vec<Effect>) {
        match input {
            Input::Demanded(Demand::NewJob | Demand::Request) => begin_load(),
            Input::Unload { reason, hold } => {
                (Phase::Unloaded { held_until: until(hold, now) }, vec![Effect::Tell(News::Unloaded(reason))])
            }
            Input::Acquire => (Phase::Failed(failure), vec![Effect::Refuse]),
            Input::Demanded(Demand::Queue)
            | Input::KeepAlive(_)
            | Input::Loaded
            | Input::LoadGivenUp(_)
            | Input::LoadFailed(_)
            | Input::RanOutOfMemory { .. }
            | Input::Released
            | Input::Freed
            | Input::EngineDied
            | Input::Tick { .. } => (Phase::Failed(failure), vec![]),
        }
    }

    fn become_ready(&self, now: Instant) -> (Phase, Vec<Effect>) {
        (Phase::Ready { leases: 0, idle_since: now }, vec![Effect::Tell(News::Ready)])
    }

    /// Whoever interrupts a load wants its memory, so queued jobs stay away for a while.
    fn given_up(&self, reason: UnloadReason, now: Instant) -> (Phase, Vec<Effect>) {
        (
            Phase::Unloaded { held_until: until(Some(self.policy.unload_hold), now) },
            vec![Effect::Tell(News::Unloading(reason)), Effect::Tell(News::Unloaded(reason))],
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
        (Phase::Waiting(shortage.clone()), vec![Effect::Tell(News::Waiting(shortage))])
    }

    fn try_again(&self, shortage: Shortage, now: Instant) -> (Phase, Vec<Effect>) {
        let next_retry_at = later(now, self.policy.poll_interval);
        (Phase::Waiting(Shortage { now: Trying::Yes, next_retry_at, ..shortage }), vec![Effect::Load])
    }

    fn go_if_idle(&self, idle_since: Instant, now: Instant) -> (Phase, Vec<Effect>) {
        match self.idle_timeout() {
            Stay::For(time) if now.saturating_duration_since(idle_since) >= time => {
                go(0, UnloadReason::Idle, None)
            }
            Stay::For(_) | Stay::Forever => (Phase::Ready { leases: 0, idle_since }, vec![]),
        }
    }

    /// Whether others need the memory more than a model without work. A client that was told to come
    /// back finds it.
    fn must_yield(&self, free_bytes: Option<u64>, idle_since: Instant, now: Instant) -> bool {
        let least = self.policy.yield_below_free_bytes;
        let short = free_bytes.zip(least).is_some_and(|(free, least)| free < least);
        let idle = now.saturating_duration_since(idle_since);
        short && (self.expected == Expected::Nobody || idle >= COME_BACK_WITHIN)
    }

    fn freed(&self, going: Unloading, now: Instant) -> (Phase, Vec<Effect>) {
        let told = Effect::Tell(News::Unloaded(going.reason));
        match going.afterwards {
            Afterwards::Stay => (Phase::Unloaded { held_until: until(going.hold, now) }, vec![told]),
            Afterwards::LoadAgain => {
                let (phase, mut effects) = begin_load();
                effects.insert(0, told);
                (phase, effects)
            }
        }
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

fn begin_load() -> (Phase, Vec<Effect>) {
    (Phase::Loading, vec![Effect::Tell(News::Loading), Effect::Load])
}

fn fail(failure: Failure) -> (Phase, Vec<Effect>) {
    (Phase::Failed(failure.clone()), vec![Effect::Tell(News::Failed(failure))])
}

fn go(leases: u32, reason: UnloadReason, hold: Option<Duration>) -> (Phase, Vec<Effect>) {
    let mut effects = vec![Effect::Tell(News::Unloading(reason))];
    if leases == 0 {
        effects.push(Effect::Free);
    }
    (Phase::Unloading(Unloading { leases, reason, hold, afterwards: Afterwards::Stay }), effects)
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
