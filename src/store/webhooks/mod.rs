//! Webhooks: subscribers, the messages to them, and what came of each attempt.

mod deliveries;
pub(super) mod outbox;
mod sent_rows;
pub(super) mod subscribers;
