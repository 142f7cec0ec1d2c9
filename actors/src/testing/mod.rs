//! Fakes of the ports, kept like code.
//!
//! `MemoryStore` is not SQLite in a temporary folder. That adapter is above this crate, and its driver's time-outs would
//! expire under the paused clock of these tests. The store's own random walk needs a model to compare with as well: it is
//! this one (`src/store/tests/random_walk.rs`).

#[cfg(test)]
mod engine;
mod outbox;
mod outbox_tables;
#[cfg(test)]
mod recordings;
#[cfg(test)]
mod shelf;
mod store;
#[cfg(test)]
mod transport;
mod unsupported;
#[cfg(test)]
pub(crate) mod world;

#[cfg(test)]
pub(crate) use self::{
    engine::{FakeEngine, FakeProbe, POISON, Scripted},
    recordings::FakeRecordings,
    shelf::FakeShelf,
    transport::{SentWebhooks, TransportFake},
};
pub use store::MemoryStore;
