//! Webhooks on the wire: which targets are allowed, and one try of one delivery.
//!
//! A target is judged twice: as text when it is registered ([`WebhookUrl`]), and at every delivery
//! by the addresses its name leads to at that moment ([`AddressRules`], inside the connector).

mod connector;
mod guard;
mod secret;
pub mod tls;
mod transport;
mod url;

pub use guard::{AddressKind, AddressRules, BadAllowEntry, Forbidden};
pub use secret::{BadSecret, check_secret, new_secret};
pub use transport::{HttpWebhooks, WebhookConfig};
pub use url::{ForbiddenHost, UrlError, WebhookUrl};
