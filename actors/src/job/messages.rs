//! Messages to the jobs' actor.

use std::time::Duration;

use actix::prelude::*;
use tracing::Span;

use super::run::RunOutcome;
use super::snapshot::JobsSnapshot;
use crate::domain::jobs::job::{Job, JobId, NewJob};
use crate::ports::{Cancelled, Fence, StoreError, SubmitError};

/// Take a job in. The span is the request's, so that the log names it.
#[derive(Message)]
#[rtype(result = "Result<Job, SubmitError>")]
pub(super) struct Submit {
    pub job: NewJob,
    pub span: Span,
}

/// End a job, or remove an ended one.
#[derive(Message)]
#[rtype(result = "Result<Cancelled, StoreError>")]
pub(super) struct Cancel {
    pub id: JobId,
    pub span: Span,
}

/// The store has taken a job from its run, if that is here.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct CancelRun(pub JobId);

/// Something changed that may let a job start: the model, the queue.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct LookForWork;

/// Claims no more jobs, or claims again.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Drain(pub bool);

/// The state for an operator.
#[derive(Message)]
#[rtype(result = "JobsSnapshot")]
pub(super) struct ObserveState;

/// A run is over. The lease is handed on: between two jobs the model is not idle.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct RunEnded {
    pub fence: Fence,
    pub outcome: RunOutcome,
}

/// Claim nothing more, and give back what runs: at its chunk's end, or at once after `limit`.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Stop {
    pub limit: Duration,
}
