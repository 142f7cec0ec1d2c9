//! Where a chunk sounds and where it is quiet, by its loudness alone. Times are hundredths of a second.

use std::ops::Range;

use super::request::SAMPLE_RATE;

/// Samples of one frame: 10 ms, the engine's unit of time.
const FRAME: usize = SAMPLE_RATE / 100;

/// Quiet is what is this much fainter than the loud parts (30 dB) …
const BELOW_LOUD: f32 = 0.03;
/// … or not louder than this many times the background.
const ABOVE_BACKGROUND: f32 = 2.0;
/// As loud as speech is what is at most 10 dB fainter than the loud parts.
const SPEECH_LEVEL: f32 = 0.3;
/// Where the loud parts are less than this many times the background nothing counts as quiet: there is no telling.
const LEAST_CONTRAST: f32 = 4.0;

/// The loudness of a chunk, frame by frame.
pub(super) struct Loudness {
    frames: Vec<f32>,
    /// At and below it a frame is quiet.
    quiet: f32,
    /// Above it a frame is as loud as speech; infinite where nothing stands out.
    speech: f32,
}

impl Loudness {
    pub(super) fn of(samples: &[f32]) -> Self {
        let frames: Vec<f32> = samples.chunks(FRAME).map(rms).collect();
        let mut sorted = frames.clone();
        sorted.sort_by(f32::total_cmp);
        let at = |percent: usize| sorted.get(sorted.len() * percent / 100).copied().unwrap_or(0.0);
        let (background, loud) = (at(10), at(95));
        let contrast = loud > background * LEAST_CONTRAST;
        // Digital silence is quiet in any case.
        let quiet = if contrast { (background * ABOVE_BACKGROUND).max(loud * BELOW_LOUD) } else { 0.0 };
        let speech = if contrast { loud * SPEECH_LEVEL } else { f32::INFINITY };
        Self { frames, quiet, speech: speech.max(quiet) }
    }

    /// Where the last sound ends, in hundredths of a second; 0 where there is none.
    pub(super) fn end_of_sound(&self) -> usize {
        self.frames.iter().rposition(|frame| *frame > self.quiet).map_or(0, |last| last + 1)
    }

    /// For how many hundredths of a second of `range` it is as loud as speech.
    pub(super) fn as_loud_as_speech(&self, range: Range<usize>) -> usize {
        self.frames.get(range).map_or(0, |frames| frames.iter().filter(|frame| **frame > self.speech).count())
    }

    /// The hundredths of a second of `range` in which there is sound.
    pub(super) fn sounding(&self, range: Range<usize>) -> Vec<usize> {
        range.filter(|&at| self.frames.get(at).is_some_and(|frame| *frame > self.quiet)).collect()
    }
}

fn rms(frame: &[f32]) -> f32 {
    (frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len() as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stretches of hundredths with a level each.
    fn chunk(stretches: &[(usize, f32)]) -> Vec<f32> {
        let square = |n: usize, level: f32| if n.is_multiple_of(2) { level } else { -level };
        stretches
            .iter()
            .flat_map(|&(length, level)| (0..length * FRAME).map(move |n| square(n, level)))
            .collect()
    }

    #[test]
    fn sound_ends_where_only_the_background_is_left() {
        let loudness = Loudness::of(&chunk(&[(30, 0.001), (50, 0.3), (10, 0.02), (40, 0.001)]));
        assert_eq!(loudness.end_of_sound(), 90);
        assert_eq!(loudness.sounding(25..35), [30, 31, 32, 33, 34]);
        assert_eq!(loudness.as_loud_as_speech(0..130), 50);
    }

    #[test]
    fn nothing_is_quiet_where_all_is_equally_loud() {
        let loudness = Loudness::of(&chunk(&[(50, 0.1), (50, 0.15)]));
        assert_eq!((loudness.end_of_sound(), loudness.as_loud_as_speech(0..100)), (100, 0));
    }

    #[test]
    fn silence_has_no_sound() {
        assert_eq!(Loudness::of(&chunk(&[(50, 0.0)])).end_of_sound(), 0);
        assert_eq!(Loudness::of(&[]).end_of_sound(), 0);
    }
}
