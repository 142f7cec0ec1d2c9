//! Fakes of the ports, kept like code.

mod engine;
mod outbox;
mod outbox_tables;
mod recordings;
mod store;
mod transport;
#[cfg(test)]
pub(crate) mod world;

pub use engine::{FakeEngine, FakeProbe, POISON, Scripted};
pub use recordings::FakeRecordings;
pub use store::MemoryStore;
pub use transport::{SentWebhooks, TransportFake};
