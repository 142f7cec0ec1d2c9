//! When each word was spoken, by the decoder's attention to the sound.

use actors::domain::language::Language;
use actors::domain::transcript::Word;

use super::loudness::{Loudness, hundredths};
use crate::engine::backends::Alignment;

/// Languages that are written without spaces: every whole character is a word.
const SPACELESS: [&str; 6] = ["zh", "ja", "th", "lo", "my", "yue"];
/// Punctuation that belongs to the word before it.
const CLOSING: &str = "\"'.。,，!！?？:：”)]}、…;";
/// No word takes longer than this many times the median word of its window …
const LONGEST_IN_MEDIANS: f64 = 2.0;
/// … where that is known to be at most this, in seconds.
const MEDIAN_LIMIT_SECS: f64 = 0.7;

/// A word as a run of tokens.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WordTokens {
    pub text: String,
    pub tokens: std::ops::Range<usize>,
}

/// Groups tokens into words: a token with a leading space begins one, closing punctuation joins the word before it.
/// `bytes` are those of each token.
pub(super) fn group<'a>(bytes: impl IntoIterator<Item = &'a [u8]>, language: Language) -> Vec<WordTokens> {
    let spaceless = SPACELESS.contains(&language.code());
    let mut words: Vec<WordTokens> = Vec::new();
    let mut pending: Vec<u8> = Vec::new();
    let mut first = 0;
    let mut at = 0;
    for token in bytes {
        at += 1;
        pending.extend_from_slice(token);
        // Only whole characters make a word.
        let Ok(text) = std::str::from_utf8(&pending) else { continue };
        let joins = match words.last() {
            None => false,
            Some(_) if is_closing(text) => true,
            Some(_) => !spaceless && !text.starts_with(' '),
        };
        match words.last_mut().filter(|_| joins) {
            Some(word) => {
                word.text.push_str(text);
                word.tokens.end = at;
            }
            None => words.push(WordTokens { text: text.to_owned(), tokens: first..at }),
        }
        pending.clear();
        first = at;
    }
    if !pending.is_empty() {
        let text = String::from_utf8_lossy(&pending).into_owned();
        match words.last_mut() {
            Some(word) => {
                word.text.push_str(&text);
                word.tokens.end = at;
            }
            None => words.push(WordTokens { text, tokens: first..at }),
        }
    }
    words
}

fn is_closing(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.chars().all(|c| CLOSING.contains(c))
}

/// Words with their times in seconds from the start of the window: ascending, not overlapping. A word that would last
/// implausibly long, because a pause follows or precedes it, keeps the end of it that sounds more.
pub(super) fn words(words: &[WordTokens], alignment: &Alignment, loudness: &Loudness) -> Vec<Word> {
    let at = |token: usize| alignment.starts.get(token).or(alignment.starts.last()).copied().unwrap_or(0.0);
    let mut timed: Vec<Word> = words
        .iter()
        .map(|word| {
            let probabilities = alignment.probabilities.get(word.tokens.clone()).unwrap_or_default();
            Word {
                word: word.text.clone(),
                start: at(word.tokens.start),
                end: at(word.tokens.end),
                probability: probabilities.iter().sum::<f32>() / probabilities.len().max(1) as f32,
            }
        })
        .collect();
    let longest = longest(&timed);
    for word in timed.iter_mut().filter(|word| longest > 0.0 && word.end - word.start > longest) {
        let sounding = |from: f64| loudness.sounding(hundredths(from)..hundredths(from + longest)).len();
        if sounding(word.start) >= sounding(word.end - longest) {
            word.end = word.start + longest;
        } else {
            word.start = word.end - longest;
        }
    }
    timed
}

/// How long a word may be, in seconds; 0 without words.
fn longest(words: &[Word]) -> f64 {
    let mut lengths: Vec<f64> =
        words.iter().map(|word| word.end - word.start).filter(|length| *length > 0.0).collect();
    lengths.sort_by(f64::total_cmp);
    lengths.get(lengths.len() / 2).map_or(0.0, |median| median.min(MEDIAN_LIMIT_SECS) * LONGEST_IN_MEDIANS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(tokens: &[&[u8]], code: &str) -> Vec<String> {
        group(tokens.iter().copied(), code.parse().unwrap()).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_begin_at_spaces_and_keep_their_punctuation() {
        let tokens = [" tsch".as_bytes(), b"\xc3", b"\xbcss", b",", b" halt", b"."];
        assert_eq!(texts(&tokens, "de"), [" tschüss,", " halt."]);
    }

    #[test]
    fn languages_without_spaces_have_a_word_for_each_character() {
        let tokens = ["你".as_bytes(), b"\xe5\xa5", b"\xbd", "。".as_bytes()];
        assert_eq!(texts(&tokens, "zh"), ["你", "好。"]);
    }

    #[test]
    fn a_word_beside_a_pause_keeps_its_sounding_end() {
        let words_of: Vec<WordTokens> =
            (0..4).map(|at| WordTokens { text: at.to_string(), tokens: at..at + 1 }).collect();
        let alignment = Alignment { starts: vec![0.0, 0.3, 0.6, 8.9, 9.2], probabilities: vec![1.0; 4] };
        let with_pause = |from: f32, to: f32| -> Vec<f32> {
            (0..160_000)
                .map(|n| if (from..to).contains(&(n as f32 / 16_000.0)) { 0.0001 } else { 0.3 })
                .collect()
        };
        let after = words(&words_of, &alignment, &Loudness::of(&with_pause(0.9, 8.9)));
        assert_eq!((after[2].start, after[2].end), (0.6, 1.2));
        let before = words(&words_of, &alignment, &Loudness::of(&with_pause(0.55, 8.3)));
        assert!((before[2].start - 8.3).abs() < 1e-6 && before[2].end == 8.9, "{before:?}");
    }
}
