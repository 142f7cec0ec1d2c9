//! The notifier: live event streams and webhooks.

mod actor;
mod delivery_loop;
mod follow;
mod from_others;
mod handle;
mod live;
mod messages;
mod snapshot;
mod tally;

pub use handle::{NotifierHandle, NotifierSettings};
pub use snapshot::{NotifierSnapshot, WebhooksSnapshot};
pub use tally::Tally;

#[cfg(test)]
mod tests;
