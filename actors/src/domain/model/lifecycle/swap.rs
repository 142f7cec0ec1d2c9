//! When the present model goes for another one.
//!
//! Jobs in the queue get another model as soon as the present one is idle: the queue's owner says
//! when. A client that was turned away gets it when the work on the present one is over. Who asks for a model by
//! name gets it at once: work on the present one stops at its chunk's end. A model that a client or a caller was
//! promised is theirs for some seconds.
//!
//! The table in `job/search.rs` says which job is next; this says when its model may come.

use std::time::Instant;

use super::{Afterwards, Demand, Effect, Expected, Lifecycle, Phase, Trying, UnloadReason, Unloading};
use crate::domain::model::models::ModelNo;

impl Lifecycle {
    /// What the demand for a model does that is not the present one.
    pub(super) fn another(
        &mut self,
        phase: Phase,
        demand: Demand,
        model: ModelNo,
        now: Instant,
    ) -> (Phase, Vec<Effect>) {
        if demand == Demand::Queue && self.failures.contains_key(&model) {
            return (phase, vec![]);
        }
        match (phase, demand) {
            (Phase::Unloaded { held_until: Some(until) }, Demand::Queue) if now < until => {
                (Phase::Unloaded { held_until: Some(until) }, vec![])
            }
            (Phase::Unloaded { .. } | Phase::Failed(_), _) => self.load_another(demand, model),
            (Phase::Waiting(shortage), Demand::Queue | Demand::TurnedAway | Demand::Request)
                if shortage.now == Trying::No =>
            {
                let mut effects = self.unloaded_at_once(UnloadReason::Swap);
                let (phase, more) = self.load_another(demand, model);
                effects.extend(more);
                (phase, effects)
            }
            (Phase::Ready { leases: 0, .. }, Demand::Queue | Demand::TurnedAway)
                if !self.is_expected(now) =>
            {
                self.swap(0, demand, model)
            }
            (Phase::Ready { leases, .. }, Demand::Request) => self.swap(leases, demand, model),
            (Phase::Unloading(mut going), Demand::NewJob | Demand::TurnedAway | Demand::Request) => {
                self.ask_for_after(&mut going, demand, model);
                (Phase::Unloading(going), vec![])
            }
            // The queue asks again: once it is idle, and when it is that job's turn.
            (phase @ Phase::Ready { leases: 1.., .. }, Demand::Queue)
            | (phase @ (Phase::Ready { .. } | Phase::Waiting(_)), Demand::NewJob)
            | (phase @ (Phase::Unloading(_) | Phase::Loading), Demand::Queue | Demand::NewJob)
            | (phase @ Phase::Waiting(_), Demand::Queue) => (phase, vec![]),
            (
                phase @ (Phase::Ready { .. } | Phase::Loading | Phase::Waiting(_)),
                Demand::Queue | Demand::TurnedAway | Demand::Request,
            ) => {
                self.next = Some((model, demand));
                (phase, vec![])
            }
        }
    }

    /// The present model has no work: it goes when another one is waited for, or when its time is up.
    pub(super) fn rest(&mut self, idle_since: Instant, now: Instant) -> (Phase, Vec<Effect>) {
        match self.next {
            Some((model, demand)) if !self.is_expected(now) => self.swap(0, demand, model),
            Some(_) | None => self.go_if_idle(idle_since, now),
        }
    }

    /// What is to be loaded after an unload that is under way. The first who asked has it, but for a caller.
    pub(super) fn ask_for_after(&mut self, going: &mut Unloading, demand: Demand, model: ModelNo) {
        match (going.afterwards, demand) {
            (Afterwards::Load(first), Demand::TurnedAway) if first != model => {
                self.next = Some((model, demand));
            }
            (Afterwards::Load(first), Demand::Queue | Demand::NewJob) if first != model => {}
            (Afterwards::Load(_) | Afterwards::Stay, _) => {
                self.promise(demand, model);
                going.afterwards = Afterwards::Load(model);
                going.hold = None;
            }
        }
    }

    fn swap(&mut self, leases: u32, demand: Demand, model: ModelNo) -> (Phase, Vec<Effect>) {
        self.promise(demand, model);
        let (phase, effects) = self.go(leases, UnloadReason::Swap, None);
        let phase = match phase {
            Phase::Unloading(going) => {
                Phase::Unloading(Unloading { afterwards: Afterwards::Load(model), ..going })
            }
            other => other,
        };
        (phase, effects)
    }

    fn load_another(&mut self, demand: Demand, model: ModelNo) -> (Phase, Vec<Effect>) {
        // It was said of the one before.
        self.keep_alive = None;
        self.promise(demand, model);
        self.begin_load(model)
    }

    /// The next model is kept for the caller that asked for it.
    fn promise(&mut self, demand: Demand, model: ModelNo) {
        self.expected = match demand {
            Demand::Queue => Expected::Nothing,
            Demand::NewJob => Expected::Job,
            Demand::TurnedAway => Expected::Client,
            Demand::Request => Expected::Caller,
        };
        if self.next.is_some_and(|(next, _)| next == model) {
            self.next = None;
        }
    }

    fn is_expected(&self, now: Instant) -> bool {
        let is_promised = match self.expected {
            Expected::Nothing | Expected::Job => false,
            Expected::Client | Expected::Caller => true,
        };
        is_promised && self.promised_until.is_some_and(|until| now < until)
    }

    /// Whether the loaded model is kept for a client that has not used it yet.
    pub fn is_promised(&self, now: Instant) -> bool {
        let is_ready = matches!(self.phase, Phase::Ready { .. });
        is_ready && self.is_expected(now)
    }
}
