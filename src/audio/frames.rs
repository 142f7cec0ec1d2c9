//! The frames in which a recording is analysed: one byte of speech probability and one of level for each 16 ms.

use std::ops::Range;

use actors::domain::audio::{SAMPLE_RATE, Span};

/// Samples in one frame, at 16 kHz.
pub const FRAME: usize = 256;

/// Steps of [`Frames::levels`] in one dB.
pub const LEVEL_STEPS_PER_DB: f64 = 2.0;

/// What the planner decides by. Both lists have one entry per frame; the longer one is cut to the shorter one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frames {
    /// The voice detector's probability of speech, 0 to 255.
    pub activity: Vec<u8>,
    /// RMS level without the frame's mean, from 0 (-127 dBFS or less) in steps of 0.5 dB; see [`level`].
    pub levels: Vec<u8>,
}

impl Frames {
    pub fn len(&self) -> usize {
        self.activity.len().min(self.levels.len())
    }
}

/// The entry of [`Frames::levels`] for a level in dBFS.
pub fn level(dbfs: f64) -> u8 {
    ((dbfs + 127.0) * LEVEL_STEPS_PER_DB).round().clamp(0.0, 255.0) as u8
}

/// Whole frames in `secs`, rounded down so that no limit is exceeded.
pub fn frames(secs: f64) -> usize {
    (secs.max(0.0) * f64::from(SAMPLE_RATE) / FRAME as f64) as usize
}

/// The samples of a range of frames in a recording of `samples` samples; `None` where there are none.
pub fn span(range: &Range<usize>, samples: u64) -> Option<Span> {
    let at = |frame: usize| (frame as u64 * FRAME as u64).min(samples);
    let span = Span { start: at(range.start), end: at(range.end) };
    (span.samples() > 0).then_some(span)
}
