//! From a window's tokens to segments.

use std::ops::Range;

use crate::engine::model_file::Vocabulary;

/// Seconds between two timestamp tokens.
const TIMESTAMP_STEP: f64 = 0.02;
/// A segment that begins this long before the end of the sound, or later, is about silence, in seconds.
const END_OF_SOUND_SECS: f64 = 0.35;

/// Text between two timestamps. Times are seconds from the start of the window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub start: f64,
    pub end: f64,
    /// Its text tokens, as indices into the window's text tokens.
    pub tokens: Range<usize>,
}

/// The time of a timestamp token, in seconds; `None` of any other.
pub(super) fn time(token: u32, vocabulary: &Vocabulary) -> Option<f64> {
    token.checked_sub(vocabulary.first_timestamp()).map(|steps| f64::from(steps) * TIMESTAMP_STEP)
}

/// The text tokens of a window.
pub(super) fn text_tokens(tokens: &[u32], vocabulary: &Vocabulary) -> Vec<u32> {
    tokens.iter().copied().filter(|token| *token < vocabulary.end_of_text()).collect()
}

/// What text tokens say; what makes no whole character is replaced.
pub(super) fn text_of(tokens: &[u32], vocabulary: &Vocabulary) -> String {
    let bytes: Vec<u8> =
        tokens.iter().flat_map(|token| vocabulary.text(*token).unwrap_or_default()).copied().collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The last timestamp of a window.
pub(super) fn last_timestamp(tokens: &[u32], vocabulary: &Vocabulary) -> Option<f64> {
    tokens.iter().rev().find_map(|token| time(*token, vocabulary))
}

/// Cuts off what begins when the sound is over: short windows repeat themselves instead of ending. Whether anything was
/// cut off.
pub(super) fn trim(tokens: &mut Vec<u32>, sound_end_secs: f64, vocabulary: &Vocabulary) -> bool {
    let mut has_text = false;
    for (at, token) in tokens.iter().enumerate() {
        let Some(start) = time(*token, vocabulary) else {
            has_text = true;
            continue;
        };
        let begins = tokens.get(at + 1).is_some_and(|next| *next < vocabulary.end_of_text());
        if has_text && begins && start > sound_end_secs - END_OF_SOUND_SECS {
            tokens.truncate(at);
            return true;
        }
    }
    false
}

/// Cuts off the segment that has the text token `at`, and all after it. Whether there is anything left to keep; otherwise
/// nothing is cut.
pub(super) fn cut_before(tokens: &mut Vec<u32>, at: usize, vocabulary: &Vocabulary) -> bool {
    let Some(at) = position_of_text(tokens, at, vocabulary) else { return false };
    // A segment begins with a timestamp, which follows that of the end of the one before.
    let before = tokens.get(..at).unwrap_or_default();
    let Some(start) = before.iter().rposition(|token| time(*token, vocabulary).is_some()) else {
        return false;
    };
    let kept = before.get(..start).unwrap_or_default();
    let has_text = position_of_text(kept, 0, vocabulary).is_some();
    if has_text {
        tokens.truncate(start);
    }
    has_text
}

/// Keeps the first `count` text tokens and the timestamps before and between them.
pub(super) fn keep_text(tokens: &mut Vec<u32>, count: usize, vocabulary: &Vocabulary) {
    if let Some(at) = position_of_text(tokens, count, vocabulary) {
        tokens.truncate(at);
    }
}

/// Where the text token `at` is among all tokens; `None` where there are fewer.
fn position_of_text(tokens: &[u32], at: usize, vocabulary: &Vocabulary) -> Option<usize> {
    let texts = tokens.iter().enumerate().filter(|(_, token)| **token < vocabulary.end_of_text());
    texts.map(|(position, _)| position).nth(at)
}

/// The segments of a window, in order and inside it. Text without an end lasts until `end_secs`.
pub(super) fn pieces(tokens: &[u32], duration_secs: f64, vocabulary: &Vocabulary) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut start, mut first, mut next) = (0.0f64, 0, 0);
    let mut close = |start: f64, end: f64, tokens: Range<usize>| {
        if tokens.is_empty() {
            return;
        }
        let after = pieces.last().map_or(0.0, |piece: &Piece| piece.end);
        let start = start.clamp(after, duration_secs.max(after));
        pieces.push(Piece { start, end: end.clamp(start, duration_secs.max(start)), tokens });
    };
    for token in tokens {
        match time(*token, vocabulary) {
            Some(time) => {
                close(start, time, first..next);
                (start, first) = (time, next);
            }
            None if *token < vocabulary.end_of_text() => next += 1,
            None => {}
        }
    }
    close(start, duration_secs, first..next);
    pieces
}
