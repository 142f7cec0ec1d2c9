//! Webhook subscribers, the outbox of messages to them, and the transport.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use thiserror::Error;
use uuid::Uuid;

use super::jobs::StoreError;
use crate::domain::jobs::origin::TraceParent;
use crate::domain::time::Timestamp;
use crate::domain::webhook::retry::Failures;
use crate::domain::webhook::{Data, Message, MessageId, Secret, SigningKey};

/// All subscribers to the model's webhooks.
#[async_trait]
pub trait SubscriberStore: Send + Sync + 'static {
    /// Adds a subscriber for an owner, with a secret of its own if one is given. One with the same URL stays the one
    /// it is, belongs to this owner as well, and is switched on if it was off; a `secret` is then a
    /// [change](Self::change_secret).
    async fn subscribe(
        &self,
        owner: &str,
        url: &str,
        secret: Option<Secret>,
    ) -> Result<Subscriber, StoreError>;
    /// In the order they were added.
    async fn subscribers(&self) -> Result<Vec<Subscriber>, StoreError>;
    async fn subscriber(&self, id: Uuid) -> Result<Option<Subscriber>, StoreError>;
    /// Removes a subscriber with its messages, pending ones too. `false` when no subscriber has that id.
    async fn unsubscribe(&self, id: Uuid) -> Result<bool, StoreError>;
    /// Takes a subscriber from one of its owners; without any left it is removed as by
    /// [`unsubscribe`](Self::unsubscribe). `false` when it is not theirs.
    async fn disown(&self, id: Uuid, owner: &str) -> Result<bool, StoreError>;
    /// Gives a subscriber a secret of its own. For [`OLD_SECRET_VALID`] its messages are signed with the
    /// one before as well. `None` when there is no subscriber of that id.
    async fn change_secret(&self, id: Uuid, secret: Secret) -> Result<Option<Subscriber>, StoreError>;
}

/// How long messages are signed with a subscriber's old secret beside the new one.
pub const OLD_SECRET_VALID: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    pub id: Uuid,
    pub url: String,
    /// The owners who added it, by name. The empty name stands for a subscriber of an earlier version.
    pub owners: Vec<String>,
    pub created_at: Timestamp,
    pub state: SubscriberState,
    /// When the first of the failures was that were followed by no success.
    pub failing_since: Option<Timestamp>,
    pub signed_with: SigningKey,
    /// Until when messages are signed with the secret before this one, too.
    pub old_secret_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriberState {
    Active,
    /// Receives no messages, except those that are sent by hand. A success switches it on again.
    Off,
}

/// Messages to receivers of webhooks, from the transaction that wrote their event until long
/// after they were delivered.
///
/// [`JobStore::end`](super::JobStore::end) and [`JobStore::cancel`](super::JobStore::cancel) write one for a job's own URL, and
/// [`EventLog::append_model_event`](super::EventLog::append_model_event) one for every active subscriber, together with the event.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Whether this service is the one that sends, among those that share the store, for at least [`SENDER_SECS`] from now.
    async fn is_sender(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Hosts with pending messages, each with how long until the first of them is due: zero for now.
    async fn hosts(&self) -> Result<Vec<(String, Duration)>, StoreError>;

    /// Messages to a host that are due, the longest due first, at most `limit`.
    async fn due(&self, host: &str, limit: u32) -> Result<Vec<Outgoing>, StoreError>;

    /// Keeps what came of a try, and what follows from it. A message that was removed meanwhile stays removed.
    async fn record(&self, id: MessageId, attempt: Attempt, verdict: Verdict) -> Result<(), StoreError>;

    /// Messages to a subscriber, newest first.
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Sent>, StoreError>;

    /// Makes a message due again, whatever became of it. `None` when the subscriber has none of that id.
    async fn redeliver(&self, subscriber: Uuid, id: MessageId) -> Result<Option<Sent>, StoreError>;

    /// Makes all messages due again that were made in a span of time and are not pending, and says how
    /// many.
    async fn redeliver_all(&self, subscriber: Uuid, span: Between) -> Result<u64, StoreError>;

    /// Writes a test message. `None` when there is no subscriber of that id.
    async fn send_test(&self, subscriber: Uuid) -> Result<Option<Sent>, StoreError>;

    /// What is still to be delivered.
    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// Forgets messages older than [`KEPT`] that are not pending.
    async fn forget_old(&self) -> Result<u64, StoreError>;
}

/// Messages that are to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    pub messages: u64,
    /// Since the oldest of them was made; zero without any.
    pub oldest: Duration,
}

/// How long another service waits at least after the one that sends was last there, before it sends.
pub const SENDER_SECS: u64 = 20;

/// How long messages are kept that were delivered or given up.
pub const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Tries of one message that are kept; older ones are forgotten.
pub const TRIES_KEPT: u32 = 20;

/// From `since` on and before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    pub since: Timestamp,
    pub until: Timestamp,
}

/// A message that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub id: MessageId,
    pub url: String,
    pub body: String,
    /// The present one, and for a while after a change the one before.
    pub keys: Vec<SigningKey>,
    pub failures: Failures,
    /// That of the job's request.
    pub traceparent: Option<TraceParent>,
    /// Since its first try was due.
    pub trying: Duration,
    /// How long its subscriber has had failures and nothing else. `None` without failures, and for a
    /// message that has no subscriber.
    pub failing: Option<Duration>,
}

/// One try of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What the receiver answered, if it did.
    pub status: Option<u16>,
    pub took: Duration,
    /// Why it does not count as delivered.
    pub error: Option<String>,
}

/// What follows from a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its subscriber is on again if it was off.
    Delivered,
    Again {
        failures: Failures,
        pause: Duration,
    },
    GivenUp,
    /// Its subscriber is switched off, and everything pending for it is given up.
    SwitchOff,
    /// The receiver answered 410 (Gone): its subscriber is removed, with all of its messages.
    Gone,
}

/// Messages of a subscriber, older than `before`, at most `limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryQuery {
    pub subscriber: Uuid,
    pub before: Option<MessageId>,
    pub limit: u32,
}

/// A message as its subscriber may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub id: MessageId,
    pub kind: String,
    pub created_at: Timestamp,
    pub state: SentState,
    /// In order, the last [`TRIES_KEPT`], each with when it began.
    pub attempts: Vec<(Timestamp, Attempt)>,
    /// `None` unless it is pending.
    pub next_try_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentState {
    Pending,
    Delivered,
    /// Given up.
    Failed,
}

impl Message {
    /// The body as it is sent, and signed: JSON, the time as RFC 3339.
    pub fn body(&self) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: &'a str,
            timestamp: String,
            data: &'a Data,
        }

        let at = jiff::Timestamp::from_millisecond(self.at.0).unwrap_or_default();
        let body = Body { r#type: self.kind, timestamp: at.to_string(), data: &self.data };
        // Nothing in it can fail to be written: no map with odd keys, no writer but memory.
        serde_json::to_string(&body).unwrap_or_default()
    }
}

/// Carries one webhook to its receiver. Lives on the notifier's own thread.
#[async_trait(?Send)]
pub trait WebhookTransport: 'static {
    /// One try, within a time limit, following no redirect. Gives the status of an answer that counts
    /// as taken, a 2xx.
    async fn deliver(&self, delivery: &Delivery) -> Result<u16, DeliveryFailure>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The same on every try of the same message.
    pub id: String,
    pub url: String,
    pub body: String,
    /// It is signed with each.
    pub keys: Vec<SigningKey>,
    /// Sent as the header of that name.
    pub traceparent: Option<TraceParent>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeliveryFailure {
    /// The receiver answered with something other than a 2xx, and perhaps with when to come back.
    #[error("answered with status {status}")]
    Status { status: u16, retry_after: Option<Duration> },
    /// The address must not be connected to.
    #[error("the target is forbidden: {0}")]
    Forbidden(String),
    #[error("could not be reached: {0}")]
    Unreachable(String),
}
