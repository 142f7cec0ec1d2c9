//! Jobs: the actor that brings them to the workers, and the way of one job through the engine.

mod actor;
mod control;
mod handle;
mod jobs_to_fail;
mod messages;
mod persist;
mod run;
mod search;

pub use actor::{JobSettings, OnModelFailed};
pub use handle::{JobHandle, JobParts};

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
