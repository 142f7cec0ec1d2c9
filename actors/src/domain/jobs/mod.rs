//! Jobs: what one is, the order of the queue, what is decoded together, what is tried again.

pub mod batches;
pub mod deaths;
pub mod job;
pub mod options;
pub mod origin;
pub mod overtakes;
pub mod progress;
pub mod queue;
pub mod retry;
pub mod selection;
pub mod turns;
