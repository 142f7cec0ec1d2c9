//! What a second hearing of a stretch may add to a transcript: words, and nothing that was said once twice.

use unicode_segmentation::UnicodeSegmentation;

use super::doubts::mean;
use super::segments::RawSegment;

/// Mean natural logarithm of the tokens' probabilities from which on the model is sure. A cough or a knock makes it
/// guess, and so does speech in noise.
const SURE: f32 = -0.3;

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

/// Whether it has all words of `first`, in their order, and more, and the model is as sure of them, or nearly.
pub(super) fn says_more(found: &[RawSegment], first: &RawSegment) -> bool {
    /// Nats a token.
    const NEARLY: f32 = 0.1;
    let (more, fewer) = (words(found), words([first]));
    let mut rest = more.iter();
    let has_all = fewer.iter().all(|word| rest.any(|other| other == word));
    let before = confidence([first]).unwrap_or(f32::NEG_INFINITY);
    has_all && more.len() > fewer.len() && confidence(found).is_some_and(|now| now >= before - NEARLY)
}

fn words<'a>(segments: impl IntoIterator<Item = &'a RawSegment>) -> Vec<String> {
    let text = |segment: &RawSegment| String::from_utf8_lossy(&segment.text).to_lowercase();
    segments.into_iter().flat_map(|segment| words_of(&text(segment))).collect()
}

/// In scripts without spaces every character is one.
fn words_of(text: &str) -> Vec<String> {
    text.unicode_words().map(str::to_owned).collect()
}

fn confidence<'a>(segments: impl IntoIterator<Item = &'a RawSegment>) -> Option<f32> {
    let tokens = segments.into_iter().flat_map(|segment| &segment.tokens);
    mean(&tokens.map(|token| token.log_probability).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::segments::RawToken;

    fn saying(text: &str, log_probability: f32) -> RawSegment {
        let tokens = vec![RawToken { log_probability, ..RawToken::default() }];
        RawSegment { text: text.into(), tokens, ..RawSegment::default() }
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
        let more = |text: &str, sure: f32| says_more(&[saying(text, sure)], &first);
        assert!(more(" Eight start hello stop zero.", -0.2));
        assert!(!more(" Eight start hello zero.", -0.2), "a word is gone");
        assert!(!more(" eight, stop: ZERO", -0.1), "it is the same");
        assert!(!more(" Eight start hello stop zero.", -0.3), "it is a guess");
        assert!(says_more(&[saying("你好世界", -0.1)], &saying("你世界", -0.1)));
        assert!(!says_more(&[], &first));
    }

    #[test]
    fn a_guess_is_no_speech() {
        assert!(is_sure(&[saying("yes", -0.2)]));
        assert!(!is_sure(&[saying("yes", -0.4)]));
        assert!(!is_sure(&[]));
    }
}
