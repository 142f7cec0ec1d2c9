//! Jobs, the order of the queue, batches of chunks, and the engine's exits under a job.

pub mod batches;
pub mod engine_exits;
pub mod job;
pub mod options;
pub mod origin;
pub mod overtakes;
pub mod progress;
pub mod queue;
pub mod selection;
pub mod turns;
pub mod words;
