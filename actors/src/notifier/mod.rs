//! The notifier: live event streams and webhooks.

mod actor;
mod courier;
mod follow;
mod handle;
mod messages;

pub use handle::NotifierHandle;

#[cfg(test)]
mod tests;
