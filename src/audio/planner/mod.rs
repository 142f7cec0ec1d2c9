//! Decides where a recording is cut: a pure function of its [`Frames`].
//!
//! No sound is left out on the voice detector's word: only [near silence](silence) is in no chunk. The engine loses or
//! repeats a word that is cut in two, so chunks are long and end in [pauses](pauses); where there is no pause two
//! chunks overlap.

mod cutter;
mod language;
mod pauses;
mod silence;
mod speech;

#[cfg(test)]
mod tests;

use actors::domain::audio::Span;

use super::frames::{Frames, frames, span};
use cutter::Cutter;

/// How a recording is cut.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSettings {
    /// Longest chunk in seconds, from 14 to 30. The default leaves 2 s of the engine's window of 30 s: with
    /// a full window its own end rules apply.
    pub most: f64,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self { most: 28.0 }
    }
}

impl PlanSettings {
    fn most_frames(&self) -> usize {
        frames(self.most.clamp(14.0, 30.0))
    }
}

/// The first chunk follows from so much of the recording, counted from the chunk's start: see [`first_chunk`].
const FIRST_CHUNK_SECS: f64 = 42.0;

/// The chunks of a recording of `samples` samples.
///
/// Chunks are in order, start and end alike, and at most [`PlanSettings::most`] long. They hold everything but stretches
/// of near silence. Two neighbours overlap where the recording has no pause to cut in; three chunks never do.
pub fn plan_chunks(recording: &Frames, samples: u64, settings: &PlanSettings) -> Vec<Span> {
    let chunks = Cutter::new(recording, settings.most_frames()).chunks();
    chunks.iter().filter_map(|chunk| span(chunk, samples)).collect()
}

/// The first chunk of a recording of which only the beginning is known, once nothing that follows can change it.
pub fn first_chunk(beginning: &Frames, settings: &PlanSettings) -> Option<Span> {
    let chunk = Cutter::new(beginning, settings.most_frames()).first_chunk()?;
    let is_final = beginning.len() >= chunk.start + frames(FIRST_CHUNK_SECS);
    is_final.then(|| span(&chunk, u64::MAX)).flatten()
}

/// Where the detector found speech, without clicks and noise.
pub fn find_speech(recording: &Frames, samples: u64) -> Vec<Span> {
    speech::find(&recording.activity).iter().filter_map(|stretch| span(stretch, samples)).collect()
}

/// See [`Plan::language_windows`](actors::domain::audio::Plan::language_windows).
pub fn language_windows(recording: &Frames, samples: u64) -> Vec<Span> {
    language::windows(recording).iter().filter_map(|window| span(window, samples)).collect()
}
