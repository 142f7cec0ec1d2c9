//! What is in work while a batch is decoded.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use actors::ports::{EngineFault, VoiceActivity};
use dsp::HOP;

use crate::engine::SAMPLE_RATE;
use crate::engine::backends::{Hypothesis, Search, Start};
use crate::engine::decode::loudness::Loudness;
use crate::engine::decode::quality::Doubt;
use crate::engine::decode::window::FULL_FRAMES;

/// An average log probability below which a length-matched window is decoded once more in full.
pub(super) const MATCHED_LOGPROB: f32 = -0.7;

/// A window in work.
pub(super) struct Window<'a> {
    pub(super) samples: &'a [f32],
    pub(super) loudness: Loudness,
    pub(super) voices: VoiceActivity,
    pub(super) needs_words: bool,
    /// For words or for token probabilities.
    pub(super) needs_alignment: bool,
}

impl Window<'_> {
    pub(super) fn duration_secs(&self) -> f64 {
        self.samples.len() as f64 / SAMPLE_RATE as f64
    }

    /// Where the last sound as loud as speech ends.
    pub(super) fn speech_end_secs(&self) -> f64 {
        self.loudness.speech_end() as f64 / 100.0
    }

    /// Frames of 10 ms that have samples.
    pub(super) fn frames(&self) -> usize {
        self.samples.len().div_ceil(HOP)
    }
}

/// The text of a window so far.
pub(super) struct Text<E> {
    pub(super) tokens: Vec<u32>,
    pub(super) hypothesis: Hypothesis,
    pub(super) doubt: Option<Doubt>,
    /// The encoding of the whole window.
    pub(super) source: Source<E>,
    /// Those that its no-speech probability is of.
    pub(super) features: Features,
    /// Whether something was cut off its end: a loop, or text behind the end of the sound.
    pub(super) is_shortened: bool,
    /// All of the tokens, where a loop was cut off.
    pub(super) with_loop: Option<Vec<u32>>,
    pub(super) temperature: f32,
    pub(super) decodes: usize,
}

/// One window of an encoding.
pub(super) struct Source<E> {
    pub(super) encoding: Rc<E>,
    pub(super) index: usize,
    /// How many the encoding has.
    pub(super) windows: usize,
}

impl<E> Source<E> {
    pub(super) fn only(encoding: &Rc<E>) -> Self {
        Self { encoding: Rc::clone(encoding), index: 0, windows: 1 }
    }
}

/// How long the features are that a text was decoded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Features {
    /// As long as the samples.
    Matched,
    /// As long as the encoder takes.
    Full,
}

impl Features {
    pub(super) fn of_frames(frames: usize) -> Self {
        if frames == FULL_FRAMES { Self::Full } else { Self::Matched }
    }
}

/// What all windows of a batch share.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) start: Start<'a>,
    pub(super) search: Search,
    pub(super) prompt_text: &'a str,
    pub(super) abort: &'a AtomicBool,
}

/// Fails once `abort` is set.
pub(super) fn unless(abort: &AtomicBool) -> Result<(), EngineFault> {
    if abort.load(Ordering::SeqCst) { Err(EngineFault::Cancelled) } else { Ok(()) }
}

impl<E> Text<E> {
    /// Decodes after the first one.
    pub(super) fn redecodes(&self) -> u32 {
        u32::try_from(self.decodes.saturating_sub(1)).unwrap_or(u32::MAX)
    }
}
