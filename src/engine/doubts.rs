//! What the engine's text is doubted for: saying the same over and over, and little confidence.

use actors::domain::repetition::said_again;
use actors::domain::transcript::Flag;

use super::segments::RawSegment;

/// From where on text is doubted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubts {
    /// Nats, see [`said_again`]. 0: nothing is taken for a loop.
    pub loop_entropy: f32,
    /// Mean natural logarithm of the tokens' probabilities.
    pub logprob_thold: f32,
    /// Probability of silence, 0 to 1.
    pub no_speech_thold: f32,
}

impl Doubts {
    /// Whether a chunk's text goes round in circles.
    pub(super) fn goes_in_circles(self, segments: &[RawSegment]) -> bool {
        self.said_again(segments).contains(&true)
    }

    /// Whether text may take the place of some that goes round in circles. No text may not: where the model went
    /// astray someone may have spoken.
    pub(super) fn may_replace_a_loop(self, segments: &[RawSegment]) -> bool {
        confidence(segments).is_some_and(|mean| mean >= self.logprob_thold) && !self.goes_in_circles(segments)
    }

    /// Puts on each segment what it is doubted for: [`Flag::Repetition`] where half of it or more is said
    /// again, [`Flag::LowConfidence`] where the model was less sure than it has to be, and [`Flag::NoSpeech`] beside that where
    /// it held the window for silent.
    pub(super) fn flag(self, segments: &mut [RawSegment]) {
        let again = self.said_again(segments);
        let mut again = again.as_slice();
        for segment in segments {
            let (of_segment, rest) = again.split_at(segment.tokens.len().min(again.len()));
            again = rest;
            let said_again = of_segment.iter().filter(|said| **said).count();
            if said_again > 0 && said_again * 2 >= of_segment.len() {
                segment.flags.push(Flag::Repetition);
            }
            if segment.avg_logprob().is_some_and(|mean| mean < self.logprob_thold) {
                segment.flags.push(Flag::LowConfidence);
                if segment.no_speech_prob > self.no_speech_thold {
                    segment.flags.push(Flag::NoSpeech);
                }
            }
        }
    }

    fn said_again(self, segments: &[RawSegment]) -> Vec<bool> {
        let tokens: Vec<i32> =
            segments.iter().flat_map(|segment| &segment.tokens).map(|token| token.id).collect();
        said_again(&tokens, f64::from(self.loop_entropy))
    }
}

/// Mean natural logarithm of the tokens' probabilities; `None` without tokens.
pub(super) fn confidence<'a>(segments: impl IntoIterator<Item = &'a RawSegment>) -> Option<f32> {
    let tokens = segments.into_iter().flat_map(|segment| &segment.tokens);
    let probabilities: Vec<f32> = tokens.map(|token| token.log_probability).collect();
    (!probabilities.is_empty()).then(|| probabilities.iter().sum::<f32>() / probabilities.len() as f32)
}

/// The temperatures that a window is tried at, one after the other, as whisper.cpp reckons them.
pub(super) fn ladder(from: f32, step: f32) -> Vec<f32> {
    let next = |last: &f32| Some(last + step).filter(|next| step > 0.0 && *next < 1.0 + 1e-6);
    std::iter::successors(Some(from), next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::segments::RawToken;

    const DOUBTS: Doubts = Doubts { loop_entropy: 3.5, logprob_thold: -1.0, no_speech_thold: 0.6 };

    fn segment(ids: &[i32], log_probability: f32) -> RawSegment {
        let tokens = ids.iter().map(|&id| RawToken { id, log_probability, ..RawToken::default() }).collect();
        RawSegment { tokens, ..RawSegment::default() }
    }

    fn flags(segments: &[RawSegment]) -> Vec<Vec<Flag>> {
        segments.iter().map(|segment| segment.flags.clone()).collect()
    }

    #[test]
    fn what_is_said_again_and_again_is_flagged_from_the_second_time_on() {
        let mut segments = vec![segment(&[1, 2, 3, 4, 5], -0.1); 8];
        segments.insert(0, segment(&[11, 12, 13], -0.1));
        assert!(DOUBTS.goes_in_circles(&segments));
        DOUBTS.flag(&mut segments);
        let mut expected = vec![vec![]; 2];
        expected.extend(vec![vec![Flag::Repetition]; 7]);
        assert_eq!(flags(&segments), expected);
    }

    #[test]
    fn what_the_model_is_not_sure_of_is_flagged() {
        let mut segments = [segment(&[1, 2], -1.5), segment(&[3, 4], -0.9), segment(&[], 0.0)];
        DOUBTS.flag(&mut segments);
        assert_eq!(flags(&segments), [vec![Flag::LowConfidence], vec![], vec![]]);
    }

    #[test]
    fn what_the_model_is_not_sure_of_and_holds_for_silence_is_flagged_as_both() {
        let unsure = RawSegment { no_speech_prob: 0.7, ..segment(&[1], -1.5) };
        let sure = RawSegment { no_speech_prob: 0.7, ..segment(&[1], -0.5) };
        let mut segments = [unsure, sure];
        DOUBTS.flag(&mut segments);
        assert_eq!(flags(&segments), [vec![Flag::LowConfidence, Flag::NoSpeech], vec![]]);
    }

    #[test]
    fn a_loop_gives_way_to_text_that_is_sure_and_straight_only() {
        let straight: Vec<i32> = (0..40).collect();
        for (ids, sure, may) in [
            (&straight[..], -0.5, true),
            (&straight, -1.1, false),
            (&[7; 40], -0.1, false),
            (&[], -0.1, false),
        ] {
            assert_eq!(DOUBTS.may_replace_a_loop(&[segment(ids, sure)]), may, "{ids:?} at {sure}");
        }
    }

    #[test]
    fn the_ladder_is_that_of_whisper_cpp() {
        let rounded = |from, step| ladder(from, step).iter().map(|t| (t * 100.0).round()).collect::<Vec<_>>();
        assert_eq!(rounded(0.0, 0.2), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(rounded(0.5, 0.3), [50.0, 80.0]);
        assert_eq!(rounded(1.0, 0.2), [100.0]);
        assert_eq!(rounded(0.4, 0.0), [40.0]);
    }
}
