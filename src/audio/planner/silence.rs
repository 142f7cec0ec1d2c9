//! Near silence, the only thing that is in no chunk. It is found by level alone.
//!
//! A frame is nearly silent when its level is at most -75 dBFS, or at most -60 dBFS and 45 dB below the loudest quarter
//! of a second so far. Room noise of real recordings is louder: what this finds are gates, padding, and studio silence.
//! The bound depends on the past only, so that the beginning of a recording can be planned before its end is known.

use std::ops::Range;

use crate::audio::frames::{LEVEL_STEPS_PER_DB, frames, level};

/// At this level and below a frame is nearly silent in any recording: an RMS of 6 steps of 16 bits.
const ALWAYS_DBFS: f64 = -75.0;
/// Above this level a frame is never nearly silent.
const NEVER_DBFS: f64 = -60.0;
/// Below the loudest part so far. Within a sentence speech varies by about 30 dB.
const BELOW_LOUDEST_DB: f64 = 45.0;
/// Frames of the loudest part: 0.26 s, so that a click is not it.
const LOUDEST_FRAMES: usize = 16;
/// Shorter stretches stay in their chunk.
const LEAST_SECS: f64 = 1.5;
/// Kept at both edges of a stretch.
const EDGE_SECS: f64 = 0.4;

/// A stretch of near silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    pub all: Range<usize>,
    /// The part that no chunk needs to hold: without an edge beside sound.
    pub skipped: Range<usize>,
}

/// All stretches of near silence, in order. A recording that is silent throughout is one, however short.
pub fn find(levels: &[u8]) -> Vec<Silence> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut bound = Bound::default();
    for (frame, &level) in levels.iter().enumerate() {
        if !bound.is_silent(levels, frame, level) {
            found.extend(silence(start..frame, levels.len()));
            start = frame + 1;
        }
    }
    found.extend(silence(start..levels.len(), levels.len()));
    found
}

/// The stretch that a frame is part of.
pub fn at(silences: &[Silence], frame: usize) -> Option<&Silence> {
    silences.get(ending_after(silences, frame)).filter(|silence| silence.all.contains(&frame))
}

/// Index of the first stretch that ends after a frame.
pub fn ending_after(silences: &[Silence], frame: usize) -> usize {
    silences.partition_point(|silence| silence.all.end <= frame)
}

fn silence(all: Range<usize>, end: usize) -> Option<Silence> {
    let is_whole = all.start == 0 && all.end == end;
    if all.is_empty() || (all.len() < frames(LEAST_SECS) && !is_whole) {
        return None;
    }
    let edge = frames(EDGE_SECS);
    let start = if all.start == 0 { 0 } else { all.start + edge };
    let skipped = start..if all.end == end { end } else { all.end - edge };
    Some(Silence { all, skipped })
}

/// The level up to which a frame is nearly silent, as far as the recording is known.
#[derive(Default)]
struct Bound {
    /// Sum of the last [`LOUDEST_FRAMES`] levels, and the largest such sum so far.
    sum: usize,
    loudest: usize,
}

impl Bound {
    fn is_silent(&mut self, levels: &[u8], frame: usize, now: u8) -> bool {
        let oldest =
            frame.checked_sub(LOUDEST_FRAMES).and_then(|oldest| levels.get(oldest)).copied().unwrap_or(0);
        self.sum = self.sum + usize::from(now) - usize::from(oldest);
        self.loudest = self.loudest.max(self.sum);
        let below = (BELOW_LOUDEST_DB * LEVEL_STEPS_PER_DB) as usize;
        let relative = (self.loudest / LOUDEST_FRAMES).saturating_sub(below);
        usize::from(now) <= relative.clamp(level(ALWAYS_DBFS).into(), level(NEVER_DBFS).into())
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // Lists of one range are meant.
mod tests {
    use super::*;

    const NONE: [Range<usize>; 0] = [];

    fn levels(stretches: &[(usize, f64)]) -> Vec<u8> {
        stretches.iter().flat_map(|&(count, dbfs)| std::iter::repeat_n(level(dbfs), count)).collect()
    }

    fn skipped(stretches: &[(usize, f64)]) -> Vec<Range<usize>> {
        find(&levels(stretches)).into_iter().map(|silence| silence.skipped).collect()
    }

    #[test]
    fn edges_beside_sound_are_kept() {
        assert_eq!(
            skipped(&[(200, -90.0), (200, -20.0), (200, -90.0), (200, -20.0), (200, -90.0)]),
            [0..175, 425..575, 825..1_000]
        );
    }

    #[test]
    fn short_silence_and_room_noise_are_kept() {
        assert_eq!(skipped(&[(100, -20.0), (92, -90.0), (100, -20.0)]), NONE);
        assert_eq!(skipped(&[(100, -20.0), (900, -59.0), (100, -20.0)]), NONE);
    }

    #[test]
    fn the_bound_follows_the_loudest_part() {
        assert_eq!(skipped(&[(100, -20.0), (200, -66.0)]), [125..300]);
        assert_eq!(skipped(&[(100, -25.0), (200, -66.0)]), NONE);
        assert_eq!(skipped(&[(100, -50.0), (200, -74.0)]), NONE, "a quiet recording");
        assert_eq!(skipped(&[(100, -72.0), (4, 0.0), (100, -72.0)]), NONE, "a click");
    }

    #[test]
    fn a_silent_recording_is_skipped_as_a_whole() {
        assert_eq!(skipped(&[(5, -100.0)]), [0..5]);
        assert_eq!(skipped(&[]), NONE);
    }
}
