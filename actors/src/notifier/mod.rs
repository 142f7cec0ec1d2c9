//! The notifier: live event streams and webhooks.

mod actor;
mod courier;
mod follow;
mod handle;
mod messages;
mod webhook;

pub use handle::NotifierHandle;
pub use webhook::WebhookMessage;

#[cfg(test)]
mod tests;
