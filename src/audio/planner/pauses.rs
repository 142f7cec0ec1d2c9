//! How good a place each frame is to cut at.
//!
//! The cost of a frame is its level in dB relative to the speech around the chunk, plus up to 20 dB where the detector
//! is sure of speech. Both are means over 0.27 s: shorter dips lie within words. The detector alone does not make a pause:
//! what is as loud as speech costs 0 or more. Near silence costs less than anything else.
//!
//! Measured on 12 real recordings against word timestamps (docs/QUALITY.md), cuts from a start every 2 s, so that the same
//! pause counts several times: within a word were 0 of 257 cuts that cost less than -15 dB, 3 of 54 up to -10 dB, and 4 of
//! 15 above. With the Silero model of the tests instead, 10 of 303 below -15 dB were. The figures here were chosen on these
//! recordings and not tried on others.

use std::ops::Range;

use super::silence::{self, Silence};
use crate::audio::frames::{Frames, LEVEL_STEPS_PER_DB, frames, level};

/// Cost of the detector's certainty.
const SPEECH_DB: f32 = 20.0;
/// Frames that are averaged.
const SMOOTHING: usize = 17;
/// Lower levels count as this one: digital silence is not a better place than a quiet room.
const FLOOR_DBFS: f64 = -75.0;
/// A frame that costs at most this much is part of a pause.
const PAUSE_DB: f32 = -12.0;
/// 2 dB in 8 s. With 5 dB 12 of 338 cuts were within words, with 2 dB 7.
const EARLY_DB_PER_FRAME: f32 = 0.004;
/// 15 dB for a second: sentences end in longer pauses than words do. With this, and any pause from 12 s on instead of the
/// best one from 20 s on, the word error rate of six recordings over a minute fell from 0.117 to 0.101 (docs/QUALITY.md).
const LENGTH_DB_PER_FRAME: f32 = 0.24;
/// A longer pause is not better.
const LONGEST_COUNTED_SECS: f64 = 1.0;
/// How much quieter than speech a pause is does not count below this.
const LOWEST_COST_DB: f32 = -40.0;
/// What is called the speech level is exceeded in 1/20 of this time.
const SPEECH_LEVEL_SECS: f64 = 36.0;

/// The costs around one chunk.
pub struct Pauses<'a> {
    recording: &'a Frames,
    silences: &'a [Silence],
    speech_level: f32,
}

impl<'a> Pauses<'a> {
    /// For a chunk that starts at the frame `start`; the speech level is taken from the 36 s after it.
    pub fn new(recording: &'a Frames, silences: &'a [Silence], start: usize) -> Self {
        let end = (start + frames(SPEECH_LEVEL_SECS)).min(recording.len());
        let mut levels: Vec<f32> = (start..end).map(|frame| smooth_level(&recording.levels, frame)).collect();
        levels.sort_by(f32::total_cmp);
        let speech_level = levels.get(levels.len() * 19 / 20).copied().unwrap_or(0.0);
        Self { recording, silences, speech_level }
    }

    pub fn is_pause(&self, frame: usize) -> bool {
        self.cost(frame) <= PAUSE_DB
    }

    /// In dB; the lower the better.
    pub fn cost(&self, frame: usize) -> f32 {
        if silence::at(self.silences, frame).is_some() {
            return f32::NEG_INFINITY;
        }
        let speech = mean(&self.recording.activity, frame, 0) / 255.0;
        smooth_level(&self.recording.levels, frame) - self.speech_level + SPEECH_DB * speech
    }

    /// The frame of a range that is the best to cut at: in a long pause rather than a short one, with a mild preference
    /// for a later one; the range's start where it is empty.
    pub fn best(&self, range: Range<usize>) -> usize {
        let costs: Vec<f32> = range.clone().map(|frame| self.cost(frame)).collect();
        let places = range.clone().zip(costs.iter().zip(pause_lengths(&costs)));
        let weighed = places.map(|(frame, (cost, length))| {
            let bonus = LENGTH_DB_PER_FRAME * length.min(frames(LONGEST_COUNTED_SECS)) as f32;
            (frame, cost.max(LOWEST_COST_DB) + EARLY_DB_PER_FRAME * (range.end - frame) as f32 - bonus)
        });
        weighed.rev().min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(range.start, |(frame, _)| frame)
    }
}

/// Of each frame, by its cost, the length of the pause that it is part of, as far as that lies among these.
fn pause_lengths(costs: &[f32]) -> Vec<usize> {
    let is_pause = |cost: &f32| *cost <= PAUSE_DB;
    let runs = costs.chunk_by(|a, b| is_pause(a) == is_pause(b));
    runs.flat_map(|run| std::iter::repeat_n(if is_pause(&run[0]) { run.len() } else { 0 }, run.len()))
        .collect()
}

fn smooth_level(levels: &[u8], frame: usize) -> f32 {
    mean(levels, frame, level(FLOOR_DBFS)) / LEVEL_STEPS_PER_DB as f32
}

/// Of the values around a frame, of which those below `floor` count as that.
fn mean(values: &[u8], frame: usize, floor: u8) -> f32 {
    let around = frame.saturating_sub(SMOOTHING / 2)..(frame + SMOOTHING / 2 + 1).min(values.len());
    let around = values.get(around).unwrap_or_default();
    let mut sum = 0;
    for value in around {
        sum += u32::from((*value).max(floor));
    }
    sum as f32 / around.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of a probability and a level each.
    fn recording(stretches: &[(usize, u8, f64)]) -> Frames {
        let mut frames = Frames::default();
        for &(count, activity, dbfs) in stretches {
            frames.activity.extend(std::iter::repeat_n(activity, count));
            frames.levels.extend(std::iter::repeat_n(level(dbfs), count));
        }
        frames
    }

    #[test]
    fn a_pause_is_both_quiet_and_without_speech() {
        let recording = recording(&[
            (500, 250, -20.0),
            (50, 0, -20.0),
            (500, 250, -20.0),
            (50, 250, -30.0),
            (500, 250, -20.0),
            (50, 60, -45.0),
            (500, 250, -20.0),
        ]);
        let pauses = Pauses::new(&recording, &[], 0);
        assert!(!pauses.is_pause(525), "the detector alone does not make a pause");
        assert!(!pauses.is_pause(1_075), "quiet speech is not a pause");
        assert!(pauses.is_pause(1_625));
        assert!((1_600..1_650).contains(&pauses.best(0..2_000)));
    }

    #[test]
    fn a_closed_consonant_is_not_a_pause() {
        let recording = recording(&[(500, 250, -20.0), (5, 200, -60.0), (500, 250, -20.0)]);
        assert!(!Pauses::new(&recording, &[], 0).is_pause(502));
    }

    #[test]
    fn of_equal_pauses_the_later_one_is_taken() {
        let recording = recording(&[
            (500, 250, -20.0),
            (50, 0, -60.0),
            (500, 250, -20.0),
            (50, 0, -60.0),
            (500, 250, -20.0),
        ]);
        assert!((1_050..1_100).contains(&Pauses::new(&recording, &[], 0).best(0..1_500)));
    }
}
