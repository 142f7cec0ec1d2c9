//! Verbatim: a self-hosted speech-to-text service that shares its GPU.
//!
//! The actors and everything that decides live in the crate `actors`; here are the adapters they
//! reach the world through, the HTTP routes in front of them, and the room where all is put together.

pub mod app;
pub mod audio;
pub mod auth;
pub mod cli;
pub mod client;
pub mod compose;
pub mod compute_type;
pub mod engine;
pub mod error;
pub mod failpoint;
#[doc(hidden)]
pub mod fuzzing;
pub mod hex;
pub mod http;
pub mod memory;
pub mod models;
pub mod outgoing;
pub mod raw_pcm;
pub mod settings;
pub mod store;
pub mod telemetry;
#[cfg(feature = "otel")]
pub mod traces;
pub mod transcript;
pub mod webhook;
pub mod wire_time;
pub mod wyoming;
