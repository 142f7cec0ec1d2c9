//! Decodes chunks with any backend: one encoding of a window gives its language, text, no-speech probability and word
//! times; what is doubtful is decoded again, within bounds.
//!
//! ```text
//! batch of chunks ─ features ─ encode ─┬─ language (once a job)
//!                                      ├─ text, no-speech probability ─ quality ─ fallback
//!                                      └─ word times
//! ```
//!
//! A window is a buffer of samples and nothing else: the same loop decodes a growing buffer of live speech.

mod decoder;
mod echo;
mod fallback;
mod language;
mod loudness;
mod prompt;
mod quality;
mod segments;
mod sound_times;
mod window;
mod word_times;

pub(super) use decoder::Decoder;
pub(super) use window::FULL_FRAMES;
