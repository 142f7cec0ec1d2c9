//! Messages to the notifier.

use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::broadcast;

use super::snapshot::NotifierSnapshot;
use crate::domain::event::{OfModel, Recorded, Stream};
use crate::ports::Changes;

/// Events that are on disk.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Publish(pub Vec<Recorded>);

/// Something happened to the model, and is not on disk yet.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ModelNews(pub OfModel);

/// What other services on the same store may have written.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct FromOthers(pub Changes);

/// There may be something new in the outbox.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct LookIntoOutbox;

/// Events of a stream from now on.
#[derive(Message)]
#[rtype(result = "broadcast::Receiver<Arc<Recorded>>")]
pub(super) struct Subscribe(pub Stream);

/// Answered once all earlier events are on disk.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct CatchUp;

/// The state for an operator.
#[derive(Message)]
#[rtype(result = "NotifierSnapshot")]
pub(super) struct ObserveState;

/// Ends all live streams, waits a little for webhooks that are due, and carries none after that.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Flush;
