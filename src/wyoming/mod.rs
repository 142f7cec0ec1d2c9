//! The Wyoming protocol, by which Home Assistant speaks to speech services: events over TCP, each a line of JSON with
//! perhaps more JSON and bare bytes behind it. Its requests are jobs like all others.
//!
//! The protocol has no keys: every client that reaches the port is served. It listens only where the settings say so.

#[doc(hidden)]
pub mod fuzzing;
mod info;
mod request;
mod server;
mod session;
mod wire;

pub use server::{WyomingConfig, serve};
