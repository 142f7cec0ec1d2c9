//! Fakes of the ports, kept like code.
//!
//! `MemoryStore` is not SQLite in a temporary folder. That adapter is above this crate, and its driver's time-outs would
//! expire under the paused clock of these tests. The store's own random walk needs a model to compare with as well: it is
//! this one (`src/store/tests/random_walk.rs`).

mod engine;
mod outbox;
mod outbox_tables;
mod peaks;
mod recordings;
mod revisions;
mod shelf;
mod store;
mod transport;
#[cfg(test)]
pub(crate) mod world;

pub use engine::{FakeEngine, FakeProbe, POISON, Scripted};
pub use recordings::FakeRecordings;
pub use shelf::FakeShelf;
pub use store::MemoryStore;
pub use transport::{SentWebhooks, TransportFake};
