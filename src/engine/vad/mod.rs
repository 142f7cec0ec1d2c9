//! Voice activity detection by a Silero model, in a process of its own.

pub(super) mod detector;
pub(super) mod worker;
