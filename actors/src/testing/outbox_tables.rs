//! The rows of the outbox in memory.

use uuid::Uuid;

use crate::domain::jobs::origin::TraceParent;
use crate::domain::time::Timestamp;
use crate::domain::webhook::SigningKey;
use crate::domain::webhook::retry::Failures;
use crate::ports::{Sent, Subscriber};

/// A subscriber with the key it had before, until then.
#[derive(Debug, Clone)]
pub(super) struct Receiver {
    pub(super) seen: Subscriber,
    pub(super) old_key: Option<SigningKey>,
}

/// A message with the outbox's own state of it.
#[derive(Debug, Clone)]
pub(super) struct StoredMessage {
    pub(super) seen: Sent,
    pub(super) subscriber: Option<Uuid>,
    pub(super) url: String,
    pub(super) body: String,
    pub(super) failures: Failures,
    pub(super) traceparent: Option<TraceParent>,
    pub(super) since: Timestamp,
}
