//! How each window of a chunk was decoded.
//!
//! whisper.cpp 1.8.3 keeps for itself at which temperature it ended, and what it reports as the probability of silence
//! is left over from an earlier step in every multilingual model. Both can be seen from outside while it works.

use super::segments::RawSegment;

/// Windows in the order in which they were encoded.
#[derive(Debug, Default)]
pub(super) struct Windows(Vec<Window>);

#[derive(Debug, Default)]
struct Window {
    /// Passes of the decoder, each at a higher temperature than the one before.
    passes: u32,
    segments: usize,
    silence: Option<f32>,
}

impl Windows {
    pub(super) fn begins(&mut self) {
        self.0.push(Window::default());
    }

    pub(super) fn pass_begins(&mut self) {
        if let Some(window) = self.0.last_mut() {
            window.passes += 1;
        }
    }

    pub(super) fn segments_made(&mut self, count: usize) {
        if let Some(window) = self.0.last_mut() {
            window.segments += count;
        }
    }

    /// Whether the window that is still encoded has segments that want to know how silent it was.
    pub(super) fn asks_for_silence(&self) -> bool {
        self.0.last().is_some_and(|window| window.segments > 0 && window.silence.is_none())
    }

    pub(super) fn heard_silence(&mut self, probability: f32) {
        if let Some(window) = self.0.last_mut() {
            window.silence = Some(probability);
        }
    }

    /// Tells every segment of its window. Passes begin at `temperature` and go up by `step`.
    pub(super) fn describe(&self, segments: &mut [RawSegment], temperature: f32, step: f32) {
        let of_segments = self.0.iter().flat_map(|window| std::iter::repeat_n(window, window.segments));
        for (segment, window) in segments.iter_mut().zip(of_segments) {
            // Added up as whisper.cpp does it, so that both are equal to the last bit.
            segment.temperature = (1..window.passes).fold(temperature, |temperature, _| temperature + step);
            segment.no_speech_prob = window.silence.unwrap_or(segment.no_speech_prob);
        }
    }
}

/// The share of one token in the model's answer.
pub(super) fn probability(logits: &[f32], token: i32) -> Option<f32> {
    let logit = *logits.get(usize::try_from(token).ok()?)?;
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
    Some((f64::from(logit - most).exp() / sum) as f32).filter(|share| share.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_told_of_the_window_that_it_was_heard_in() {
        let mut windows = Windows::default();
        for (passes, segments, silence) in [(1, 2, 0.1), (3, 0, 0.9), (2, 1, 0.2)] {
            windows.begins();
            (0..passes).for_each(|_| windows.pass_begins());
            windows.segments_made(segments);
            if windows.asks_for_silence() {
                windows.heard_silence(silence);
            }
        }
        let mut segments = vec![RawSegment::default(); 3];
        windows.describe(&mut segments, 0.0, 0.2);
        let told: Vec<_> = segments.iter().map(|s| (s.temperature, s.no_speech_prob)).collect();
        assert_eq!(told, [(0.0, 0.1), (0.0, 0.1), (0.2, 0.2)]);
    }

    #[test]
    fn what_was_not_heard_stays_as_it_was_reported() {
        let mut windows = Windows::default();
        windows.begins();
        windows.pass_begins();
        windows.segments_made(1);
        let mut segments = [RawSegment { no_speech_prob: 0.5, ..RawSegment::default() }];
        windows.describe(&mut segments, 0.4, 0.2);
        assert_eq!((segments[0].temperature, segments[0].no_speech_prob), (0.4, 0.5));
    }

    #[test]
    fn a_probability_is_a_share_of_all() {
        assert_eq!(probability(&[1e4, 1e4, f32::NEG_INFINITY], 1), Some(0.5));
        assert_eq!(probability(&[0.0, 0.0, f32::NEG_INFINITY], 2), Some(0.0));
        assert_eq!((probability(&[0.0], 7), probability(&[0.0], -1)), (None, None));
        assert_eq!(probability(&[f32::NAN], 0), None);
    }
}
