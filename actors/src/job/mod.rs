//! Jobs: the actor that brings them to the workers, and the way of one job through the engine.

mod actor;
mod control;
mod handle;
mod jobs_to_fail;
mod messages;
mod on_model_failed;
mod persist;
mod position;
mod report;
mod run;
mod search;
mod snapshot;

pub use actor::JobSettings;
pub use handle::{JobHandle, JobParts};
pub use on_model_failed::OnModelFailed;
pub use position::Step;
pub use snapshot::{JobsSnapshot, QueueSnapshot, RunningJob};

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod tests;
