//! Messages to the model's actor.

use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::lease::Lease;
use super::status::ModelStatus;
use crate::domain::event::UnloadReason;
use crate::domain::model::lifecycle::Demand;
use crate::domain::model::models::ModelNo;
use crate::domain::model::stay::Stay;

/// Load a model, unless an unload was asked for since `epoch`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Load {
    pub demand: Demand,
    pub model: ModelNo,
    pub keep_alive: Option<Stay>,
    pub epoch: u64,
    /// Notified once the status shows the outcome, before the load itself.
    pub seen: Option<oneshot::Sender<()>>,
}

/// Take a lease on the loaded model; never loads it.
#[derive(Message)]
#[rtype(result = "Result<Lease, NotReady>")]
pub struct Acquire;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model is not ready")]
pub struct NotReady;

/// Work on the model of that generation ended with a wish for how long it is to stay.
#[derive(Message)]
#[rtype(result = "()")]
pub struct KeepAlive {
    pub generation: u64,
    pub stay: Stay,
}

#[derive(Message)]
#[rtype(result = "()")]
pub struct Unload {
    pub reason: UnloadReason,
    pub hold: Option<Duration>,
    /// Gets the status at the moment that it was handled.
    pub handled: oneshot::Sender<ModelStatus>,
}

/// The engine of that generation ended by itself.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EngineExited {
    pub generation: u64,
}

/// A job found the engine out of memory.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RanOutOfMemory {
    pub generation: u64,
    pub needed_bytes: u64,
    pub free_bytes: u64,
}

/// Time passed.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub struct Tick;
