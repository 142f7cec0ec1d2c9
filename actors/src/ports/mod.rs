//! What the actors need of the world, named by role. Adapters live in the root package, fakes in
//! `actors/src/testing`.

mod engine;
mod jobs;
mod models;
mod peaks;
mod peers;
mod recordings;
mod revisions;
mod samples;
mod spans;
mod webhooks;

pub use engine::*;
pub use jobs::*;
pub use models::*;
pub use peaks::*;
pub use peers::*;
pub use recordings::*;
pub use revisions::*;
pub use spans::*;
pub use webhooks::*;

/// All that lasts, behind one handle.
pub trait Store: JobStore + PeakStore + RevisionStore + EventLog + SubscriberStore + Outbox + Peers {}

impl<T: JobStore + PeakStore + RevisionStore + EventLog + SubscriberStore + Outbox + Peers> Store for T {}
