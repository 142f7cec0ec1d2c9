//! What the notifier is told.

use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::broadcast;

use crate::domain::event::{ModelEvent, Recorded, Stream};
use crate::domain::job::{JobId, Status};

/// Events that are on disk.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Publish(pub Vec<Recorded>);

/// Something happened to the model, and is not on disk yet.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ModelNews(pub ModelEvent);

/// A job whose owner left a URL has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct JobEnded {
    pub id: JobId,
    pub status: Status,
    pub webhook_url: String,
}

/// Events of a stream from now on.
#[derive(Message)]
#[rtype(result = "broadcast::Receiver<Arc<Recorded>>")]
pub(super) struct Subscribe(pub Stream);

/// Answered once everything told before is on disk.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct CatchUp;

/// Ends all live streams and waits for webhooks that were not tried yet.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Flush;
