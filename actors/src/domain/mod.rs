//! What Verbatim decides, with no I/O, no clock and no thread: every function here is total, and
//! time is a parameter.

pub mod audio;
pub mod event;
pub mod jobs;
pub mod language;
pub mod model;
pub mod peaks;
pub mod samples;
pub mod services;
pub mod time;
pub mod transcript;
pub mod webhook;
