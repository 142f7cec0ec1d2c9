//! Webhooks on the wire: one try of one delivery, signed, behind the guard of outgoing connections.

mod secret;
mod transport;

pub use secret::{BadSecret, check_secret, new_secret};
pub use transport::{HttpWebhooks, WebhookConfig};
