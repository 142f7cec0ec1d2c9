//! Holds what docs/ARCHITECTURE.md promises of the source, and what the documents promise of the
//! program, by reading both.
// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod circles;
mod documents;
mod generated;
mod modules;
mod names;
mod rooms;
mod source;
