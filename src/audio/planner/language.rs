//! The windows that the language is detected in.
//!
//! Measured on 25 real recordings: the first window alone is wrong for 4, windows of up to 10 s all over the recording
//! for 2, and without those more than 15 dB below the loudest for 1.

use std::ops::Range;

use super::silence;
use crate::audio::frames::{Frames, LEVEL_STEPS_PER_DB, frames};

const MOST_WINDOWS: usize = 6;
const MOST_SECS: f64 = 10.0;
/// Windows that are further below the loudest one are left out.
const BELOW_LOUDEST_DB: f64 = 15.0;
/// Windows with less than this part of the best one's speech are left out.
const LEAST_PART: f64 = 0.25;
/// A probability up to this one (0.35) is not a sign of speech: pauses have 0.25 with the built-in detector.
const NO_SPEECH: u8 = 89;
/// Frames without a sign of speech are worth so much per step of level: where the detector finds nothing, the loudest
/// windows are taken.
const PER_LEVEL_STEP: f64 = 0.01;
/// Windows start at multiples of this.
const STEP_SECS: f64 = 0.5;

/// Up to six windows that do not overlap, the best one first; none in silence.
pub fn windows(recording: &Frames) -> Vec<Range<usize>> {
    let sound = sound(recording);
    let step = frames(STEP_SECS);
    let blocks: Vec<Block> = sound
        .clone()
        .step_by(step)
        .map(|start| Block::of(recording, start..(start + step).min(sound.end)))
        .collect();
    let length = frames(MOST_SECS) / step;
    let parts = (blocks.len() / length).clamp(1, MOST_WINDOWS);
    let bound = |part: usize| blocks.len() * part / parts;
    let mut found: Vec<(Range<usize>, Block)> =
        (0..parts).filter_map(|part| best_window(&blocks, bound(part)..bound(part + 1), length)).collect();
    let most = found.iter().map(|(_, window)| window.speech).fold(0.0, f64::max);
    found.retain(|(_, window)| window.speech >= most * LEAST_PART);
    let loudest = found.iter().map(|(_, window)| window.power()).fold(0.0, f64::max);
    found.retain(|(_, window)| window.power() >= loudest * 10_f64.powf(-BELOW_LOUDEST_DB / 10.0));
    found.sort_by(|(_, a), (_, b)| b.speech.total_cmp(&a.speech));
    let at = |block: usize| (sound.start + block * step).min(sound.end);
    found.into_iter().map(|(blocks, _)| at(blocks.start)..at(blocks.end)).collect()
}

/// From the first sound to the last, with the edges that chunks have.
fn sound(recording: &Frames) -> Range<usize> {
    let end = recording.len();
    let silences = silence::find(recording.levels.get(..end).unwrap_or_default());
    let first = silences.first().filter(|first| first.all.start == 0).map_or(0, |first| first.skipped.end);
    let last = silences.last().filter(|last| last.all.end == end).map_or(end, |last| last.skipped.start);
    first..last.max(first)
}

/// The window of so many blocks within a part of the recording that has the most speech, the first of equals.
fn best_window(blocks: &[Block], part: Range<usize>, length: usize) -> Option<(Range<usize>, Block)> {
    let last = part.end.saturating_sub(length).max(part.start);
    let windows = (part.start..=last).filter_map(|start| {
        let range = start..(start + length).min(part.end);
        let window = blocks.get(range.clone()).filter(|blocks| !blocks.is_empty())?;
        Some((range, window.iter().fold(Block::default(), Block::and)))
    });
    windows.reduce(|best, next| if next.1.speech > best.1.speech { next } else { best })
}

/// Sums over frames.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// What the frames are worth.
    speech: f64,
    energy: f64,
    frames: usize,
}

impl Block {
    fn of(recording: &Frames, range: Range<usize>) -> Self {
        let activity = recording.activity.get(range.clone()).unwrap_or_default();
        let levels = recording.levels.get(range).unwrap_or_default();
        let mut block = Self::default();
        for (&activity, level) in activity.iter().zip(levels.iter().map(|level| f64::from(*level))) {
            block.speech += f64::from(activity.saturating_sub(NO_SPEECH)) + level * PER_LEVEL_STEP;
            block.energy += 10_f64.powf(level / LEVEL_STEPS_PER_DB / 10.0);
            block.frames += 1;
        }
        block
    }

    fn and(self, other: &Self) -> Self {
        Self {
            speech: self.speech + other.speech,
            energy: self.energy + other.energy,
            frames: self.frames + other.frames,
        }
    }

    fn power(&self) -> f64 {
        self.energy / self.frames.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::recording;
    use super::*;

    const NONE: [Range<usize>; 0] = [];

    fn secs(windows: &[Range<usize>]) -> Vec<(f64, f64)> {
        let round = |frame: usize| (frame as f64 * 0.16).round() / 10.0;
        windows.iter().map(|window| (round(window.start), round(window.end))).collect()
    }

    #[test]
    fn windows_are_spread_over_the_recording() {
        let found = windows(&recording(&[(300.0, 250, -20.0)]));
        assert_eq!(found.len(), 6);
        assert!(found.iter().all(|window| window.len() <= frames(10.0) && window.len() > frames(9.8)));
        let mut starts: Vec<_> =
            found.iter().map(|window| (window.start + window.end) * 3 / frames(300.0)).collect();
        starts.sort_unstable();
        assert_eq!(starts, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn the_window_with_the_most_speech_comes_first() {
        let found = windows(&recording(&[
            (15.0, 0, -40.0),
            (5.0, 250, -20.0),
            (10.0, 0, -40.0),
            (10.0, 250, -22.0),
            (10.0, 0, -40.0),
        ]));
        let found = secs(&found);
        assert!((found[0].0 - 30.0).abs() < 0.6, "{found:?}");
        assert!(found[1].0 <= 15.0 && found[1].1 >= 19.5, "{found:?}");
    }

    #[test]
    fn windows_far_below_the_loudest_are_left_out() {
        let found = windows(&recording(&[(15.0, 250, -20.0), (15.0, 255, -36.0), (15.0, 250, -34.0)]));
        let within = |from: f64, to: f64| {
            secs(&found).iter().filter(|window| window.0 >= from && window.1 <= to).count()
        };
        assert_eq!((within(15.0, 30.0), within(30.0, 45.0)), (0, 1), "{:?}", secs(&found));
    }

    #[test]
    fn short_recordings_are_one_window_and_silence_is_none() {
        assert_eq!(secs(&windows(&recording(&[(3.0, 250, -20.0)]))), [(0.0, 3.0)]);
        assert_eq!(secs(&windows(&recording(&[(3.0, 0, -20.0)]))), [(0.0, 3.0)]);
        assert_eq!(windows(&recording(&[(3.0, 250, -100.0)])), NONE);
        assert_eq!(windows(&recording(&[])), NONE);
    }
}
