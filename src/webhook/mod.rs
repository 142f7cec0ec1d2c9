//! Webhooks on the wire: which targets are allowed, and one try of one delivery.
//!
//! A target is judged twice: as text when it is registered ([`WebhookUrl`]), and at every delivery
//! by the addresses its name leads to at that moment ([`AddressRules`], inside the connector).

mod connector;
mod guard;
pub mod tls;
mod transport;
mod url;

pub use guard::{AddressKind, AddressRules, Forbidden};
pub use transport::{BadSecret, HttpWebhooks, WebhookConfig};
pub use url::{ForbiddenHost, UrlError, WebhookUrl};
