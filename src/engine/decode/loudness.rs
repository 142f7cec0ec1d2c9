//! Where a window sounds, by its level alone. Times are hundredths of a second.

use std::ops::Range;

use dsp::HOP;

/// Sound that ends a text is above this part of the way from the background to the loud parts, in dB …
const SPEECH_PART: f32 = 0.35;
/// … and above this level, in dB of full scale.
const LOWEST_SPEECH_DB: f32 = -55.0;
/// For the words' share of sound: what is this much below the loud parts is quiet, in dB …
const BELOW_LOUD_DB: f32 = 30.0;
/// … or not this much above the background, in dB.
const ABOVE_BACKGROUND_DB: f32 = 6.0;
/// Where the loud parts are less than this above the background, nothing counts as quiet, in dB.
const LEAST_CONTRAST_DB: f32 = 12.0;
/// So much quiet is a pause: 50 ms.
const PAUSE_FRAMES: usize = 5;
/// A window that never exceeds this is silent, in dB of full scale.
const SILENT_DB: f32 = -65.0;
/// The level of digital silence, in dB of full scale.
const FLOOR_DB: f32 = -90.0;

/// The level of a window, frame by frame of 10 ms.
pub(super) struct Loudness {
    frames_db: Vec<f32>,
    /// At and below it a frame is quiet, in dB.
    quiet_db: f32,
    /// Above it a frame may be speech, in dB.
    speech_db: f32,
}

impl Loudness {
    pub(super) fn of(samples: &[f32]) -> Self {
        let frames_db: Vec<f32> = samples.chunks(HOP).map(level_db).collect();
        let mut sorted = frames_db.clone();
        sorted.sort_by(f32::total_cmp);
        let at = |percent: usize| sorted.get(sorted.len() * percent / 100).copied().unwrap_or(FLOOR_DB);
        let (background, loud) = (at(10), at(95));
        let quiet_db = if loud > background + LEAST_CONTRAST_DB {
            (background + ABOVE_BACKGROUND_DB).max(loud - BELOW_LOUD_DB)
        } else {
            FLOOR_DB
        };
        let speech_db = (background + SPEECH_PART * (at(98) - background)).max(LOWEST_SPEECH_DB);
        Self { frames_db, quiet_db, speech_db }
    }

    /// Whether there is nothing to decode.
    pub(super) fn is_silent(&self) -> bool {
        self.frames_db.iter().all(|level| *level <= SILENT_DB)
    }

    /// The first frame as loud as speech; 0 if no frame is.
    pub(super) fn speech_start(&self) -> usize {
        self.frames_db.iter().position(|level| *level > self.speech_db).unwrap_or(0)
    }

    /// Where the last sound as loud as speech ends; 0 without any.
    pub(super) fn speech_end(&self) -> usize {
        self.frames_db.iter().rposition(|level| *level > self.speech_db).map_or(0, |last| last + 1)
    }

    /// The middle of the last 50 ms of quiet within `most` frames before `end`, if sound as loud as speech follows it and lasts beyond
    /// `end`: it is the beginning of a word. Otherwise `end`.
    pub(super) fn pause_before(&self, end: usize, most: usize) -> usize {
        let levels = |range: Range<usize>| self.frames_db.get(range).unwrap_or_default();
        let is_quiet = |at: usize| {
            let around = levels(at.saturating_sub(PAUSE_FRAMES / 2)..at + PAUSE_FRAMES.div_ceil(2));
            !around.is_empty() && around.iter().all(|level| *level <= self.quiet_db)
        };
        if (end..end + PAUSE_FRAMES).any(is_quiet) {
            return end;
        }
        let loud_db = self.speech_db.max(self.quiet_db);
        let is_loud = |from: usize| levels(from..end).iter().any(|level| *level > loud_db);
        (end.saturating_sub(most)..end)
            .rev()
            .find(|at| is_quiet(*at))
            .filter(|at| is_loud(*at))
            .unwrap_or(end)
    }

    /// The hundredths of a second of `range` in which there is sound.
    pub(super) fn sounding(&self, range: Range<usize>) -> Vec<usize> {
        range.filter(|&at| self.frames_db.get(at).is_some_and(|level| *level > self.quiet_db)).collect()
    }
}

/// Seconds in hundredths, rounded; what is before the window counts as its beginning.
pub(super) fn hundredths(secs: f64) -> usize {
    (secs.max(0.0) * 100.0).round() as usize
}

fn level_db(frame: &[f32]) -> f32 {
    let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len() as f32;
    10.0 * (power + 1e-9).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hundredths of a second and level of each stretch.
    fn window(stretches: &[(usize, f32)]) -> Loudness {
        let samples: Vec<f32> =
            stretches.iter().flat_map(|&(length, level)| std::iter::repeat_n(level, length * HOP)).collect();
        Loudness::of(&samples)
    }

    #[test]
    fn speech_ends_with_the_last_loud_frame() {
        assert_eq!(window(&[(100, 0.001), (100, 0.2), (100, 0.001)]).speech_end(), 200);
        assert_eq!(window(&[(100, 0.0)]).speech_end(), 0);
    }

    #[test]
    fn silence_differs_from_quiet_speech() {
        assert!(window(&[(100, 0.0), (10, 0.0004)]).is_silent());
        assert!(!window(&[(100, 0.0), (10, 0.003)]).is_silent());
        assert!(window(&[]).is_silent());
    }

    #[test]
    fn a_pause_is_found_where_it_is_near() {
        let talk = window(&[(50, 0.3), (20, 0.001), (50, 0.3)]);
        assert_eq!(talk.pause_before(90, 30), 67);
        assert_eq!(talk.pause_before(60, 30), 60);
        assert_eq!(talk.pause_before(110, 30), 110);
        assert_eq!(talk.pause_before(500, 30), 500);
        assert_eq!(window(&[(50, 0.1)]).pause_before(40, 30), 40);
        // A short word that ends there is not the beginning of the next one.
        let short = window(&[(50, 0.3), (20, 0.001), (20, 0.3), (40, 0.001), (200, 0.3)]);
        assert_eq!([88, 90, 92].map(|end| short.pause_before(end, 30)), [88, 90, 92]);
        // What follows the pause is louder than it, and no speech.
        assert_eq!(window(&[(50, 0.3), (20, 0.01), (20, 0.025), (50, 0.3)]).pause_before(85, 30), 85);
    }

    #[test]
    fn pauses_are_quiet_and_steady_sound_is_not() {
        let talk = window(&[(50, 0.3), (50, 0.001), (50, 0.3)]);
        assert_eq!(talk.sounding(0..150).len(), 100);
        assert_eq!(window(&[(50, 0.1)]).sounding(0..50).len(), 50);
    }
}
