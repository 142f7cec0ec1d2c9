//! Out of this machine: which addresses may be reached, and recordings that are fetched from other servers.
//!
//! A target is judged twice: as text ([`TargetUrl`]), and at every connection by the addresses its name leads to at
//! that moment ([`AddressRules`], inside the connector).

mod client;
mod connector;
mod download;
mod exchange;
mod guard;
pub mod tls;
mod url;

pub use client::{client, forbidden};
pub use download::HttpSources;
pub use guard::{AddressKind, AddressRules, BadAllowEntry, Forbidden};
pub use url::{ForbiddenHost, TargetUrl, UrlError};
