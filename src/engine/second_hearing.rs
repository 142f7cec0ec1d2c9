//! What a second hearing of a stretch may do to a transcript: add words, and correct what the model was unsure of.

use unicode_segmentation::UnicodeSegmentation;

use super::doubts::confidence;
use super::segments::RawSegment;

/// Mean natural logarithm of the tokens' probabilities from which on the model is sure. A cough or a knock makes it
/// guess, and so does speech in noise.
const SURE: f32 = -0.3;

/// By so much the model is clearly surer of one text than of another …
const CLEARLY: f32 = 0.2;
/// … and by so much it is nearly as sure.
const NEARLY: f32 = 0.1;

/// Whether the model is sure of what it heard.
pub(super) fn is_sure(found: &[RawSegment]) -> bool {
    confidence(found).is_some_and(|mean| mean >= SURE)
}

/// Whether it is but the end of what was said before, or the beginning of what was said after: their times were off.
pub(super) fn is_echo(found: &[RawSegment], before: Option<&RawSegment>, after: Option<&RawSegment>) -> bool {
    let found = words(found);
    before.is_some_and(|before| words([before]).ends_with(&found))
        || after.is_some_and(|after| words([after]).starts_with(&found))
}

/// The first and the last segment, beside which the recording was cut, where the model is less sure of them than of the
/// rest.
pub(super) fn unsure_at_the_edges(segments: &[RawSegment]) -> Vec<usize> {
    let Some(of_all) = confidence(segments) else { return vec![] };
    let is_unsure =
        |index: &usize| confidence([&segments[*index]]).is_some_and(|mean| mean < of_all - CLEARLY);
    let mut edges = vec![0, segments.len().saturating_sub(1)];
    edges.dedup();
    edges.into_iter().filter(is_unsure).collect()
}

/// Whether it may take the place of `first`: it has all words of it, in their order, and more, and the model is as sure of
/// them, or nearly; or the model is clearly surer, and has passed nothing over.
pub(super) fn outdoes(found: &[RawSegment], first: &RawSegment) -> bool {
    let Some(sure) = confidence(found) else { return false };
    let before = confidence([first]).unwrap_or(f32::NEG_INFINITY);
    (sure >= before + CLEARLY && is_as_long(found, first))
        || (sure >= before - NEARLY && has_more(found, first))
}

/// Whether it takes about as long as `first`, at three quarters.
fn is_as_long(found: &[RawSegment], first: &RawSegment) -> bool {
    let length: i64 = found.iter().map(|segment| segment.end - segment.start).sum();
    length * 4 >= (first.end - first.start) * 3
}

fn has_more(found: &[RawSegment], first: &RawSegment) -> bool {
    let (more, fewer) = (words(found), words([first]));
    let mut rest = more.iter();
    let has_all = fewer.iter().all(|word| rest.any(|other| other == word));
    has_all && more.len() > fewer.len()
}

fn words<'a>(segments: impl IntoIterator<Item = &'a RawSegment>) -> Vec<String> {
    let text = |segment: &RawSegment| String::from_utf8_lossy(&segment.text).to_lowercase();
    segments.into_iter().flat_map(|segment| words_of(&text(segment))).collect()
}

/// In scripts without spaces every character is one.
fn words_of(text: &str) -> Vec<String> {
    text.unicode_words().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::segments::RawToken;

    fn saying(text: &str, log_probability: f32) -> RawSegment {
        let tokens = vec![RawToken { log_probability, ..RawToken::default() }];
        RawSegment { text: text.into(), tokens, end: 100, ..RawSegment::default() }
    }

    #[test]
    fn words_of_the_neighbours_are_an_echo() {
        let found = [saying(" Goodbye.", -0.1)];
        let (before, after) = (saying(" Hello, goodbye.", 0.0), saying(" Goodbye now.", 0.0));
        assert!(is_echo(&found, Some(&before), None));
        assert!(is_echo(&found, None, Some(&after)));
        assert!(!is_echo(&found, Some(&after), Some(&before)));
        assert!(is_echo(&[], Some(&before), None), "nothing adds nothing");
    }

    #[test]
    fn more_is_said_where_no_word_is_lost_for_it() {
        let first = saying(" Eight stop zero.", -0.1);
        let better = |text: &str, sure: f32| outdoes(&[saying(text, sure)], &first);
        assert!(better(" Eight start hello stop zero.", -0.15));
        assert!(!better(" Eight start hello zero.", -0.1), "a word is gone");
        assert!(!better(" eight, stop: ZERO", -0.1), "it is the same");
        assert!(!better(" Eight start hello stop zero.", -0.3), "it is a guess");
        assert!(outdoes(&[saying("你好世界", -0.1)], &saying("你世界", -0.1)));
        assert!(!outdoes(&[], &first));
    }

    #[test]
    fn what_the_model_is_clearly_surer_of_is_right() {
        let first = saying(" Left goodbye nine.", -0.25);
        assert!(outdoes(&[saying(" Five nine.", -0.01)], &first));
        assert!(!outdoes(&[saying(" Five nine.", -0.1)], &first));
        let half_of_it = RawSegment { end: 50, ..saying(" Nine.", -0.01) };
        assert!(!outdoes(&[half_of_it], &first));
    }

    #[test]
    fn only_what_lies_beside_a_cut_is_heard_again_for_doubts() {
        let (sure, unsure) = (saying(" Five nine.", -0.01), saying(" Left.", -0.5));
        let doubted = |segments: &[&RawSegment]| {
            unsure_at_the_edges(&segments.iter().map(|&segment| segment.clone()).collect::<Vec<_>>())
        };
        assert_eq!(doubted(&[&sure, &sure, &unsure]), [2]);
        assert_eq!(doubted(&[&unsure, &sure, &sure]), [0]);
        assert!(doubted(&[&sure, &unsure, &sure]).is_empty());
        assert!(doubted(&[&unsure]).is_empty(), "beside no other there is no telling");
        assert!(doubted(&[]).is_empty());
    }

    #[test]
    fn a_guess_is_no_speech() {
        assert!(is_sure(&[saying("yes", -0.2)]));
        assert!(!is_sure(&[saying("yes", -0.4)]));
        assert!(!is_sure(&[]));
    }
}
