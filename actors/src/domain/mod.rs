//! What Verbatim decides, with no I/O, no clock and no thread: every function here is total, and
//! time is a parameter.

pub mod audio;
pub mod batches;
pub mod context;
pub mod deaths;
pub mod event;
pub mod job;
pub mod language;
pub mod lifecycle;
pub mod load_time;
pub mod models;
pub mod options;
pub mod passes;
pub mod placement;
pub mod progress;
pub mod queue;
pub mod repetition;
pub mod retry;
pub mod samples;
pub mod seam;
pub mod selection;
pub mod stay;
pub mod time;
pub mod transcript;
pub mod turns;
pub mod webhook;
