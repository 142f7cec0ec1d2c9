//! The notifier's state for an operator.

use serde::Serialize;

/// The name of the notifier's actor.
pub(super) const NAME: &str = "notifier";

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotifierSnapshot {
    /// Event streams that are followed live, by job or of the model.
    pub streams: usize,
    pub followers: usize,
    pub webhooks: WebhooksSnapshot,
}

/// Of receivers only how many there are: their addresses may contain secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct WebhooksSnapshot {
    /// Messages that are being delivered.
    pub in_flight: usize,
    /// Hosts with a message that was due when the outbox was last read.
    pub hosts_due: usize,
    /// Hosts whose messages are all to be tried later.
    pub hosts_later: usize,
    /// Whether the outbox could be read the last time.
    pub is_outbox_readable: bool,
}
