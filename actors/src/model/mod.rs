//! The model: one actor on one thread, its heartbeat, and the handle in front of them.

mod actor;
mod elsewhere;
mod epoch;
mod handle;
mod lease;
mod messages;
mod pacemaker;
mod retries;
mod snapshot;
mod status;

pub use actor::{ModelParts, ServedModels};
pub use handle::{ActorStopped, ModelHandle};
pub use lease::Lease;
pub use messages::NotReady;
pub use retries::Retries;
pub use snapshot::{ModelSnapshot, WaitingLoad};
pub use status::{Known, ModelStatus, State};

#[cfg(test)]
mod tests;
