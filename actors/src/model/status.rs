//! The model's status as everyone may read it, without asking the actor.

use std::time::Instant;

use crate::domain::model::lifecycle::{Failure, Phase, Shortage, Trying};
use crate::domain::model::load_time::{LoadTime, retry_after};
use crate::domain::model::models::ModelNo;
use crate::domain::model::stay::Stay;
use crate::ports::{Holder, ModelFacts};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Unloaded,
    Loading,
    Ready,
    Unloading,
    WaitingForGpu,
    Failed,
}

impl State {
    pub const ALL: [State; 6] = [
        State::Unloaded,
        State::Loading,
        State::Ready,
        State::Unloading,
        State::WaitingForGpu,
        State::Failed,
    ];

    pub fn name(self) -> &'static str {
        match self {
            State::Unloaded => "unloaded",
            State::Loading => "loading",
            State::Ready => "ready",
            State::Unloading => "unloading",
            State::WaitingForGpu => "waiting_for_gpu",
            State::Failed => "failed",
        }
    }
}

impl From<&Phase> for State {
    fn from(phase: &Phase) -> Self {
        match phase {
            Phase::Unloaded { .. } => State::Unloaded,
            Phase::Loading => State::Loading,
            Phase::Ready { .. } => State::Ready,
            Phase::Unloading(_) => State::Unloading,
            Phase::Waiting(_) => State::WaitingForGpu,
            Phase::Failed(_) => State::Failed,
        }
    }
}

/// A snapshot, published by the actor before it starts anything that blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelStatus {
    /// Whose phase it is: the model that is in memory, or was last.
    pub model: ModelNo,
    pub phase: Phase,
    pub since: Instant,
    /// All that there are to choose from, the default one first.
    pub models: Vec<Known>,
    /// The model that a client waits for until the present one has no more work.
    pub wanted_next: Option<ModelNo>,
    /// Whether the present one is kept for a client that was asked to retry, or that asked for it by name.
    pub is_promised: bool,
    /// How long it stays without work, unless a client set another time.
    pub idle_timeout: Stay,
    /// When the idle model will go.
    pub unloads_at: Option<Instant>,
    /// How often all memory of the model was given back.
    pub unloads: u64,
    /// What the last unload did not give back, as the device shows it.
    pub residual_bytes: u64,
}

/// What is known of a model, loaded or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub facts: ModelFacts,
    /// Whether this worker runs jobs of it.
    pub is_served_here: bool,
    pub load_time: LoadTime,
    /// Why it could not be loaded when that was last tried.
    pub failure: Option<Failure>,
    /// How often it could not.
    pub failures: u64,
    /// There was not enough memory for it. Until then it is hardly worth another try.
    pub short_until: Option<Instant>,
    /// Its phase on other services, where this one loads no models.
    pub elsewhere: Option<Phase>,
}

impl Known {
    /// Whether a load here is likely to succeed, by what came of the last one.
    pub fn may_load(&self, now: Instant) -> bool {
        self.is_served_here && self.failure.is_none() && self.short_until.is_none_or(|until| until <= now)
    }
}

impl ModelStatus {
    /// The same for a client of that model: a model other than the present one has nothing in memory.
    pub fn of(&self, model: ModelNo) -> Self {
        if model == self.model {
            return self.clone();
        }
        if let Some(phase) = self.models.get(model.0).and_then(|known| known.elsewhere.clone()) {
            return Self { model, phase, unloads_at: None, ..self.clone() };
        }
        let failure = self.models.get(model.0).and_then(|known| known.failure.clone());
        let phase = match failure {
            Some(failure) => Phase::Failed(failure),
            None => Phase::Unloaded { held_until: self.held_until() },
        };
        Self { model, phase, unloads_at: None, ..self.clone() }
    }

    /// How a new job names a model: the default one not at all.
    pub fn choice(&self, model: ModelNo) -> Option<String> {
        let known = self.models.get(model.0).filter(|_| model != ModelNo::default());
        known.map(|known| known.facts.id.clone())
    }

    /// All ways in which jobs of the queue may name a model: a job that was taken in while another was the default one
    /// names its model.
    pub fn names(&self, model: ModelNo) -> Vec<Option<String>> {
        let id = self.models.get(model.0).map(|known| Some(known.facts.id.clone()));
        let unnamed = (model == ModelNo::default()).then_some(None);
        unnamed.into_iter().chain(id).collect()
    }

    /// How jobs name the models of a kind.
    pub fn choices(&self, of: impl Fn(ModelNo, &Known) -> bool) -> Vec<Option<String>> {
        let numbered = self.models.iter().enumerate().map(|(number, known)| (ModelNo(number), known));
        numbered
            .filter(|(number, known)| of(*number, known))
            .flat_map(|(number, _)| self.names(number))
            .collect()
    }

    /// How often that model could not be loaded.
    pub fn failures(&self, model: ModelNo) -> u64 {
        self.models.get(model.0).map_or(0, |known| known.failures)
    }

    pub fn state_of(&self, model: ModelNo) -> State {
        if model == self.model { self.state() } else { self.of(model).state() }
    }

    /// Of the model whose phase it is.
    pub fn facts(&self) -> Option<&ModelFacts> {
        self.models.get(self.model.0).map(|known| &known.facts)
    }

    /// What holds its memory, while it is loaded.
    pub fn holder(&self) -> Option<Holder> {
        self.facts().and_then(|facts| facts.holder)
    }

    pub fn state(&self) -> State {
        State::from(&self.phase)
    }

    /// How much work is under way on the loaded model.
    pub fn leases(&self) -> u32 {
        match self.phase {
            Phase::Ready { leases, .. } => leases,
            _ => 0,
        }
    }

    /// Since when the loaded model has had nothing to do.
    pub fn idle_since(&self) -> Option<Instant> {
        let Phase::Ready { leases: 0, idle_since } = self.phase else { return None };
        Some(idle_since)
    }

    pub fn shortage(&self) -> Option<&Shortage> {
        let Phase::Waiting(shortage) = &self.phase else { return None };
        Some(shortage)
    }

    pub fn failure(&self) -> Option<&Failure> {
        let Phase::Failed(failure) = &self.phase else { return None };
        Some(failure)
    }

    /// Whether jobs of the queue do not load the model, and a new one would.
    pub fn needs_new_job(&self) -> bool {
        self.failure().is_some() || self.held_until().is_some()
    }

    /// Until when queued jobs leave the model alone.
    pub fn held_until(&self) -> Option<Instant> {
        let Phase::Unloaded { held_until } = self.phase else { return None };
        held_until
    }

    pub fn load_expected_secs(&self) -> f64 {
        let known = self.models.get(self.model.0);
        known.map_or(0.0, |known| known.load_time.expected_secs(known.facts.bytes))
    }

    /// Seconds since the load began, while it runs.
    pub fn load_elapsed_secs(&self, now: Instant) -> Option<f64> {
        (self.state() == State::Loading).then(|| now.saturating_duration_since(self.since).as_secs_f64())
    }

    /// What to put into `Retry-After` for a client that is turned away: 1 to 60.
    pub fn retry_after(&self, now: Instant) -> u64 {
        let expected = self.load_expected_secs();
        match &self.phase {
            Phase::Unloaded { .. } | Phase::Unloading(_) => retry_after(expected),
            Phase::Loading => retry_after(expected - self.load_elapsed_secs(now).unwrap_or(0.0)),
            Phase::Ready { .. } => 1,
            Phase::Waiting(s) => {
                retry_after(s.next_retry_at.saturating_duration_since(now).as_secs_f64() + expected)
            }
            Phase::Failed(_) => 60,
        }
    }

    /// No load is running: callers that wait get this status.
    pub fn is_settled(&self) -> bool {
        match &self.phase {
            Phase::Unloaded { .. } | Phase::Ready { .. } | Phase::Failed(_) => true,
            Phase::Waiting(shortage) => shortage.now == Trying::No,
            Phase::Loading | Phase::Unloading(_) => false,
        }
    }
}
