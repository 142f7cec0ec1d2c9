//! Joins the texts of two chunks that overlap, because there was no pause to cut the recording in.
//!
//! The first chunk keeps what ends well before its own end: a word that is cut in two is not decoded well. The second one
//! loses the words that the first one has, by their text or, where the texts differ, by their times.

use super::{Segment, text};

/// What ends later than this before its chunk's end is left to the next one, in seconds.
const LEFT_TO_NEXT_SECS: f64 = 1.0;
/// Words of the first chunk that are compared.
const TAIL: usize = 16;
/// Words of the second chunk that begin this long behind the end of the first one are its own, in seconds.
const BEHIND_SECS: f64 = 0.5;

/// The end of a chunk's text, as far as the next chunk is compared with it. It follows from the segments' text alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tail {
    words: Vec<String>,
    /// Where the last segment ends in the recording.
    end_secs: f64,
}

impl Tail {
    pub fn of(segments: &[Segment]) -> Self {
        let mut words = words_of(&text(segments));
        words.drain(..words.len().saturating_sub(TAIL));
        Self { words, end_secs: segments.last().map_or(0.0, |segment| segment.end) }
    }
}

/// Removes the words that the next chunk will have whole. `end_secs` is the end of the chunk in the recording. Segments
/// without word times stay as they are.
pub fn cut_tail(segments: &mut Vec<Segment>, end_secs: f64) {
    let limit = end_secs - LEFT_TO_NEXT_SECS;
    while let Some(last) = segments.last_mut() {
        let Some(words) = &last.words else { return };
        let kept = words.iter().position(|word| word.end > limit).unwrap_or(words.len());
        if kept == words.len() {
            return;
        }
        if kept > 0 {
            keep(last, 0, kept);
            return;
        }
        segments.pop();
    }
}

/// Removes the words that stand at the end of the chunk before, which ended at `end_secs` in the recording.
pub fn cut_head(segments: &mut Vec<Segment>, before: &Tail, end_secs: f64) {
    let words: Vec<(String, f64, f64)> = segments
        .iter()
        .flat_map(|segment| segment.words.iter().flatten())
        .map(|word| (word.word.clone(), word.start, word.end))
        .collect();
    let by_time = words.iter().take_while(|(_, start, end)| (start + end) / 2.0 < before.end_secs).count();
    // Each part of a word with the word that it is of.
    let parts: Vec<(String, usize)> = words
        .iter()
        .enumerate()
        .take_while(|(_, (_, start, _))| *start < end_secs + BEHIND_SECS)
        .flat_map(|(index, (word, _, _))| words_of(word).into_iter().map(move |part| (part, index)))
        .collect();
    let surplus = match longest_run(&before.words, &parts) {
        Some(run) if run.reaches_end => run.last_word + 1,
        Some(run) => by_time.max(run.last_word + 1),
        None => by_time,
    };
    drop_first(segments, surplus);
}

/// A run of words that both texts have.
struct Run {
    /// The last word of it, counted in the second text.
    last_word: usize,
    /// Whether the first text ends with it.
    reaches_end: bool,
}

/// The longest run; of equals the later one in the first text. A single short word does not count.
fn longest_run(before: &[String], parts: &[(String, usize)]) -> Option<Run> {
    let mut best: Option<(usize, usize, usize)> = None;
    for first in 0..before.len() {
        for second in 0..parts.len() {
            let length = before[first..]
                .iter()
                .zip(&parts[second..])
                .take_while(|(word, (part, _))| *word == part)
                .count();
            if length > 0 && best.is_none_or(|(longest, _, _)| length >= longest) {
                best = Some((length, first, second));
            }
        }
    }
    let (length, first, second) = best?;
    let reaches_end = first + length == before.len();
    let letters: usize = before[first..first + length].iter().map(|word| word.chars().count()).sum();
    let counts = length >= 2 || (reaches_end && letters >= 4);
    counts.then(|| Run { last_word: parts[second + length - 1].1, reaches_end })
}

/// Removes the first `count` words of segments that have word times.
fn drop_first(segments: &mut Vec<Segment>, mut count: usize) {
    let mut whole = 0;
    for segment in segments.iter_mut() {
        let Some(words) = segment.words.as_ref().filter(|_| count > 0) else { break };
        let all = words.len();
        if count < all {
            keep(segment, count, all);
            break;
        }
        count -= all;
        whole += 1;
    }
    segments.drain(..whole);
}

/// Keeps the words from `first` to before `last` of a segment, with their text, tokens and times.
fn keep(segment: &mut Segment, first: usize, last: usize) {
    let Some(words) = &mut segment.words else { return };
    let bytes = |words: &[super::Word]| words.iter().map(|word| word.word.len()).sum::<usize>();
    let (before, up_to) = (bytes(&words[..first]), bytes(&words[..last]));
    words.truncate(last);
    words.drain(..first);
    segment.text = words.iter().map(|word| word.word.as_str()).collect();
    if let (Some(head), Some(tail)) = (words.first(), words.last()) {
        if first > 0 {
            segment.start = head.start;
        }
        segment.end = segment.end.min(tail.end.max(segment.start));
    }
    let decoding = &mut segment.decoding;
    if decoding.token_bytes.len() != decoding.tokens.len() {
        decoding.tokens.clear();
        decoding.logprobs.clear();
        decoding.token_bytes.clear();
        return;
    }
    let mut at = 0;
    let inside: Vec<bool> = decoding
        .token_bytes
        .iter()
        .map(|length| {
            let start = at;
            at += usize::from(*length);
            start >= before && at <= up_to
        })
        .collect();
    let has_logprobs = decoding.logprobs.len() == decoding.tokens.len();
    let mut of_token = inside.iter();
    decoding.tokens.retain(|_| of_token.next() == Some(&true));
    if has_logprobs {
        let mut of_token = inside.iter();
        decoding.logprobs.retain(|_| of_token.next() == Some(&true));
    }
    let mut of_token = inside.iter();
    decoding.token_bytes.retain(|_| of_token.next() == Some(&true));
}

/// Words in lower case without punctuation; characters of scripts without spaces are words of their own.
fn words_of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for character in text.chars() {
        let is_ideographic = matches!(u32::from(character), 0x2E80..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF | 0x0E00..=0x0EFF);
        if character.is_alphanumeric() && !is_ideographic {
            word.extend(character.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if is_ideographic {
            words.push(character.to_string());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::transcript::{Decoding, Word};

    /// A segment whose words take half a second each, from `start` on.
    fn segment(start: f64, text: &str) -> Segment {
        let words: Vec<Word> = text
            .split_inclusive(' ')
            .zip(0..)
            .map(|(word, at)| Word {
                word: format!(" {}", word.trim()),
                start: start + f64::from(at) * 0.5,
                end: start + f64::from(at) * 0.5 + 0.5,
                probability: 1.0,
            })
            .collect();
        let bytes: Vec<u16> = words.iter().map(|word| word.word.len() as u16).collect();
        Segment {
            id: 0,
            start,
            end: words.last().map_or(start, |word| word.end),
            text: words.iter().map(|word| word.word.as_str()).collect(),
            flags: vec![],
            channel: None,
            speaker: None,
            decoding: Decoding {
                tokens: (0..).take(bytes.len()).collect(),
                logprobs: vec![-0.1; bytes.len()],
                token_bytes: bytes,
                ..Decoding::default()
            },
            words: Some(words),
        }
    }

    /// The first chunk goes to 28 s, the second one begins at 25 s.
    fn joined(first: Segment, second: Segment) -> String {
        let mut before = vec![first];
        cut_tail(&mut before, 28.0);
        let mut after = vec![second];
        cut_head(&mut after, &Tail::of(&before), 28.0);
        format!("{}{}", text(&before), after.iter().map(|s| s.text.as_str()).collect::<String>())
    }

    #[test]
    fn a_seam_neither_loses_nor_doubles_a_word() {
        let first = || segment(23.6, "he did not look out of the win");
        for second in ["out of the window at all", "Out of the window, at all", "of the window at all"] {
            let start = if second.starts_with("of") { 26.0 } else { 25.0 };
            let text = joined(first(), segment(start, second));
            let expected = format!(
                "he did not look {}",
                if second.starts_with("Out") {
                    "out of the window, at all"
                } else {
                    "out of the window at all"
                }
            );
            assert_eq!(text, expected, "{second}");
        }
    }

    #[test]
    fn texts_that_differ_are_joined_by_time() {
        // The first one keeps what ends by 27 s.
        let text = joined(
            segment(25.0, "alpha beta gamma delta epsilon"),
            segment(25.0, "aleph bet gimel dalet he vav"),
        );
        assert_eq!(text, "alpha beta gamma delta he vav");
    }

    #[test]
    fn a_word_that_comes_back_later_is_kept() {
        let text = joined(segment(24.0, "we said yes yes to that"), segment(26.0, "to that and yes to more"));
        assert_eq!(text, "we said yes yes to that and yes to more");
    }

    #[test]
    fn tokens_follow_the_words() {
        let mut cut = vec![segment(25.0, "one two three four five six")];
        cut_tail(&mut cut, 28.0);
        assert_eq!(
            (cut[0].decoding.tokens.as_slice(), cut[0].text.as_str()),
            (&[0, 1, 2, 3][..], " one two three four")
        );
        assert_eq!((cut[0].end, cut[0].decoding.logprobs.len()), (27.0, 4));
        cut_head(&mut cut, &Tail { words: vec!["one".into(), "two".into()], end_secs: 26.0 }, 26.5);
        assert_eq!((cut[0].decoding.tokens.as_slice(), cut[0].start), (&[2, 3][..], 26.0));
    }

    #[test]
    fn segments_without_words_stay_as_they_are() {
        let mut plain = vec![Segment { words: None, ..segment(20.0, "a b") }];
        let before = plain.clone();
        cut_tail(&mut plain, 20.5);
        cut_head(&mut plain, &Tail { words: vec!["a".into()], end_secs: 20.5 }, 21.0);
        assert_eq!(plain, before);
    }

    #[test]
    fn scripts_without_spaces_are_compared_character_by_character() {
        assert_eq!(words_of("你好, Ada 1!"), ["你", "好", "ada", "1"]);
    }
}
