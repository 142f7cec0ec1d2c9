//! The model's state for an operator.

use std::time::Instant;

use serde::Serialize;

use super::status::ModelStatus;
use crate::domain::model::lifecycle::Phase;
use crate::observe::secs_since;

/// The published status, with more for an operator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelSnapshot {
    pub state: &'static str,
    pub state_secs: f64,
    pub model: Option<String>,
    /// Leases on the model that are not given back yet: an unload waits for them.
    pub leases: u32,
    /// Grows with every unload that is asked for; a load of an earlier epoch is given up.
    pub epoch: u64,
    /// A load that waits for memory.
    pub waiting_load: Option<WaitingLoad>,
    /// The model that a client waits for until the present one has no more work.
    pub wanted_next: Option<String>,
    /// Whether the present one is kept for a client that was asked to retry, or asked for it by name.
    pub is_promised: bool,
    pub failure: Option<&'static str>,
    pub unloads: u64,
    /// Since the actor last answered its heartbeat. It is asked every 250 ms, and does not answer while a load or an unload
    /// blocks its thread.
    pub heartbeat_secs_ago: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitingLoad {
    pub attempts: u32,
    pub needed_bytes: u64,
    pub free_bytes: u64,
    pub next_try_in_secs: f64,
}

impl ModelSnapshot {
    /// `now` is by the clock of the status; `beat` is when the last heartbeat was answered.
    pub(super) fn of(status: &ModelStatus, epoch: u64, now: Instant, beat: Instant) -> Self {
        let id = |number: usize| status.models.get(number).map(|known| known.facts.id.clone());
        let leases = match &status.phase {
            Phase::Ready { leases, .. } => *leases,
            Phase::Unloading(going) => going.leases,
            Phase::Unloaded { .. } | Phase::Loading | Phase::Waiting(_) | Phase::Failed(_) => 0,
        };
        Self {
            state: status.state().name(),
            state_secs: secs_since(status.since, now),
            model: id(status.model.0),
            leases,
            epoch,
            waiting_load: status.shortage().map(|shortage| WaitingLoad {
                attempts: shortage.attempts,
                needed_bytes: shortage.needed_bytes,
                free_bytes: shortage.free_bytes,
                next_try_in_secs: secs_since(now, shortage.next_retry_at),
            }),
            wanted_next: status.wanted_next.and_then(|wanted| id(wanted.0)),
            is_promised: status.is_promised,
            failure: status.failure().map(|failure| failure.code),
            unloads: status.unloads,
            heartbeat_secs_ago: secs_since(beat, Instant::now()),
        }
    }
}
