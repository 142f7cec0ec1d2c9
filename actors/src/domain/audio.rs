//! Recordings as the engine gets them: 16 kHz, mono, cut into chunks.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::jobs::progress::{Pace, Progress};
use super::jobs::selection::Selection;
pub use super::samples::{SAMPLE_RATE, secs};

/// A stretch of a recording, in samples at [`SAMPLE_RATE`] from its beginning, `end` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub start: u64,
    pub end: u64,
}

impl Span {
    pub fn start_secs(self) -> f64 {
        secs(self.start)
    }

    pub fn end_secs(self) -> f64 {
        secs(self.end)
    }

    pub fn samples(self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// What decodes a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decoder {
    /// The service's own.
    #[default]
    BuiltIn,
    /// The program ffmpeg, for what those do not support.
    Ffmpeg,
}

/// How a recording is cut: the same recording and settings give the same plan.
///
/// Chunks are in the order of their ends and last at most 30 s each; those of one channel are in the order of their
/// starts, too. Together they hold every sound, whether or not the voice detector takes it for speech; only stretches of
/// near silence are in no chunk. A recording that is silent throughout has none.
///
/// A chunk ends in a pause. Without a pause, the next chunk of the same channel starts 2 to 4 s before the end of the
/// one before, so that each word is whole in one of them. What both say of that time is to be joined, word by word. At
/// most two chunks of a channel overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Where the recording ends, or the range of it that is transcribed: samples from the recording's beginning.
    pub samples: u64,
    /// Which part of the recording it is of.
    #[serde(default, skip_serializing_if = "Selection::is_whole")]
    pub selection: Selection,
    pub chunks: Vec<Span>,
    /// Where channels are transcribed each by itself, whose each chunk is, from 0; empty where they are mixed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<u8>,
    /// Where the voice detector found speech, in order. Empty in plans of single channels, and where it found none.
    #[serde(default)]
    pub speech: Vec<Span>,
    /// Where to detect the language: up to 6 spans of at most 10 s that do not overlap, the one with the most speech
    /// first. They are spread over the recording and at most 15 dB below the loudest of them. Empty in silence, and in
    /// plans of the first chunk alone. Where channels are transcribed each by itself they are those of the first channel
    /// with speech.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub language_windows: Vec<Span>,
    /// What was odd about the recording, one sentence each ("ends in the middle of a frame").
    pub warnings: Vec<String>,
    /// What the chunks' samples come from: two decoders do not give the same bits.
    #[serde(default)]
    pub decoder: Decoder,
    /// What it was made with, and what its chunks are transcribed with.
    #[serde(default)]
    pub made_with: String,
}

impl Plan {
    pub fn duration_secs(&self) -> f64 {
        secs(self.samples)
    }

    /// Where the range that is transcribed begins.
    pub fn start_secs(&self) -> f64 {
        secs(self.selection.start)
    }

    /// How much of the recording is transcribed.
    pub fn selected_secs(&self) -> f64 {
        secs(self.samples.saturating_sub(self.selection.start))
    }

    /// How far it is with `done` chunks finished, the last of which ends at `processed_secs`.
    pub fn progress(&self, done: u32, processed_secs: Option<f64>, pace: Option<Pace>) -> Progress {
        let total = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
        let processed_secs = match processed_secs {
            _ if done >= total => self.duration_secs(),
            Some(processed_secs) => processed_secs,
            None => self.start_secs(),
        };
        let progress =
            Progress::new(done, total, processed_secs - self.start_secs(), self.selected_secs(), pace);
        Progress { processed_secs, ..progress }
    }

    /// Whose a chunk is, where channels are transcribed each by itself.
    pub fn channel(&self, chunk: usize) -> Option<u8> {
        self.channels.get(chunk).copied()
    }

    /// Whether a chunk overlaps the one before it: both have the words of the overlap.
    pub fn overlaps_previous(&self, chunk: usize) -> bool {
        let pair = chunk.checked_sub(1).and_then(|before| self.chunks.get(before..=chunk));
        matches!(pair, Some([before, this]) if self.channels.is_empty() && this.start < before.end)
    }

    /// Whether the voice detector found speech in a chunk; of single channels it is taken for granted.
    pub fn has_voices(&self, chunk: usize) -> bool {
        let Some(span) = self.chunks.get(chunk) else { return true };
        let next = self.speech.partition_point(|speech| speech.end <= span.start);
        !self.channels.is_empty() || self.speech.get(next).is_some_and(|speech| speech.start < span.end)
    }

    /// The language windows, cut out of the samples of some chunks, in their order; `None` where these do not hold all of
    /// them.
    pub fn language_windows_in(
        &self,
        chunks: Range<usize>,
        samples: &[Arc<[f32]>],
    ) -> Option<Vec<Arc<[f32]>>> {
        let spans = self.chunks.get(chunks).filter(|_| self.channels.is_empty())?;
        let cut = |window: &Span| {
            spans.iter().zip(samples).find_map(|(span, samples)| {
                let start = usize::try_from(window.start.checked_sub(span.start)?).ok()?;
                let end = start.checked_add(usize::try_from(window.samples()).ok()?)?;
                samples.get(start..end).map(Arc::from)
            })
        };
        self.language_windows.iter().map(cut).collect()
    }

    /// How many times the recording is decoded: once for each channel with speech, and once where they are mixed.
    pub fn passes(&self) -> u32 {
        let mut channels = self.channels.clone();
        channels.sort_unstable();
        channels.dedup();
        u32::try_from(channels.len()).unwrap_or(u32::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_windows_are_cut_out_of_chunks_that_hold_them_all() {
        let plan = Plan {
            samples: 100,
            chunks: vec![Span { start: 10, end: 50 }, Span { start: 60, end: 100 }],
            language_windows: vec![Span { start: 70, end: 72 }, Span { start: 11, end: 13 }],
            ..Plan::default()
        };
        let samples: Vec<Arc<[f32]>> =
            plan.chunks.iter().map(|span| (span.start..span.end).map(|at| at as f32).collect()).collect();
        let windows = plan.language_windows_in(0..2, &samples);
        assert_eq!(windows, Some(vec![Arc::from([70.0, 71.0]), Arc::from([11.0, 12.0])]));
        assert_eq!(plan.language_windows_in(0..1, &samples[..1]), None);
        let split = Plan { channels: vec![0, 1], ..plan };
        assert_eq!(split.language_windows_in(0..2, &samples), None, "they are of all channels mixed");
    }
}
