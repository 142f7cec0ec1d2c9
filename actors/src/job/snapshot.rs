//! The state of the jobs for an operator.

use serde::Serialize;

use super::position::Step;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::options::Priority;
use crate::domain::jobs::overtakes::Overtakes;

/// The name of the jobs' actor.
pub(super) const NAME: &str = "jobs";

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobsSnapshot {
    pub is_stopping: bool,
    /// By id, so the oldest is first.
    pub running: Vec<RunningJob>,
    /// Whether the store is being searched for the next job.
    pub is_searching: bool,
    /// Whose turn is next, where both priorities wait.
    pub next_turn: Priority,
    /// Whether an interactive job waits for a batch job to give way.
    pub is_interactive_waiting: bool,
    /// What has overtaken the first job of each line.
    pub overtakes: Overtakes,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunningJob {
    pub id: JobId,
    pub priority: Priority,
    pub attempt: u32,
    pub step: Step,
    /// The first of the batch, from 1.
    pub chunk: Option<u32>,
    pub step_secs: f64,
    /// Whether the store is writing, beside that step.
    pub is_saving: bool,
    pub is_cancelled: bool,
}

/// The queue as the store has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QueueSnapshot {
    pub queued: u64,
    pub running: u64,
    pub has_interactive: bool,
    pub has_batch: bool,
}
