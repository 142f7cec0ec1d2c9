//! When each word of a segment was said.
//!
//! The segment's own times are good to some hundredths of a second, and between them words follow each other
//! wherever there is sound: each gets a part of it by the number of its letters. Measured against
//! whisper.cpp's own token times and its alignment by cross-attention in docs/FIDELITY.md.

use actors::domain::language::Language;
use actors::domain::transcript::Word;

use super::loudness::Loudness;
use super::segments::RawToken;

/// Letters that a word counts for besides its own: short ones take longer than their letters say.
const EXTRA_LETTERS: usize = 2;

/// A segment with less sound than this part of it is taken to sound throughout.
const LEAST_SOUND: f64 = 0.2;

/// Tokens of one word.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    probabilities: Vec<f32>,
}

impl Pending {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn weight(&self) -> usize {
        self.text().chars().filter(|c| c.is_alphanumeric()).count() + EXTRA_LETTERS
    }
}

/// The words of a segment from `start` to `end`, in seconds of the chunk: in order, inside it, the first from its
/// beginning and the last to its end.
///
/// A token with a leading space begins a word. Languages written without spaces have a word for
/// every run of tokens that makes whole characters.
pub(super) fn words(
    tokens: &[RawToken],
    language: Option<Language>,
    (start, end): (f64, f64),
    loudness: &Loudness,
) -> Vec<Word> {
    let pending = group(tokens, language);
    let sound = sound(start, end, loudness);
    let whole: usize = pending.iter().map(Pending::weight).sum();
    let (mut done, mut after) = (0, start);
    let count = pending.len();
    let place = |(index, word): (usize, Pending)| {
        let first = sound.get(sound.len() * done / whole.max(1));
        done += word.weight();
        let last = (sound.len() * done / whole.max(1)).checked_sub(1).and_then(|at| sound.get(at));
        let begin = if index == 0 { start } else { first.map_or(after, |at| secs(*at)).clamp(after, end) };
        let over = if index + 1 == count { end } else { last.map_or(begin, |at| secs(at + 1)) };
        after = over.clamp(begin, end);
        let probability = word.probabilities.iter().sum::<f32>() / word.probabilities.len() as f32;
        Word { word: word.text(), start: begin, end: after, probability }
    };
    pending.into_iter().enumerate().map(place).collect()
}

fn group(tokens: &[RawToken], language: Option<Language>) -> Vec<Pending> {
    let spaceless = language.is_some_and(|language| SPACELESS.contains(&language.code()));
    let mut pending: Vec<Pending> = Vec::new();
    for token in tokens {
        let whole = pending.last().is_none_or(|word| std::str::from_utf8(&word.bytes).is_ok());
        let begins = token.bytes.first() == Some(&b' ') || (spaceless && whole);
        if begins || pending.is_empty() {
            pending.push(Pending::default());
        }
        if let Some(word) = pending.last_mut() {
            word.bytes.extend_from_slice(&token.bytes);
            word.probabilities.push(token.probability);
        }
    }
    pending.retain(|word| word.bytes.iter().any(|byte| !byte.is_ascii_whitespace()));
    pending
}

/// The hundredths of a second in which the words of a segment were said.
fn sound(start: f64, end: f64, loudness: &Loudness) -> Vec<usize> {
    let range = hundredths(start)..hundredths(end);
    let sound = loudness.sounding(range.clone());
    if (sound.len() as f64) < range.len() as f64 * LEAST_SOUND { range.collect() } else { sound }
}

fn hundredths(secs: f64) -> usize {
    (secs * 100.0).round().max(0.0) as usize
}

fn secs(hundredths: usize) -> f64 {
    hundredths as f64 / 100.0
}

const SPACELESS: [&str; 6] = ["zh", "ja", "th", "lo", "my", "yue"];

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8]) -> RawToken {
        RawToken { bytes: bytes.to_vec(), probability: 0.5, log_probability: -1.0, id: 1 }
    }

    /// Seconds and level of each stretch.
    fn chunk(stretches: &[(f64, f32)]) -> Loudness {
        let samples: Vec<f32> = stretches
            .iter()
            .flat_map(|&(secs, level)| std::iter::repeat_n(level, (secs * 16_000.0).round() as usize))
            .collect();
        Loudness::of(&samples)
    }

    fn times(words: &[Word]) -> Vec<(f64, f64)> {
        words.iter().map(|word| (word.start, word.end)).collect()
    }

    #[test]
    fn words_begin_at_spaces_and_join_split_characters() {
        let tokens = [" tsch".as_bytes(), b"\xc3", b"\xbcss", b" halt", b"."].map(token);
        let words = words(&tokens, None, (0.0, 1.0), &chunk(&[(1.0, 0.5)]));
        let texts: Vec<_> = words.iter().map(|word| word.word.as_str()).collect();
        assert_eq!(texts, [" tschüss", " halt."]);
    }

    #[test]
    fn languages_without_spaces_have_a_word_for_every_whole_character() {
        let tokens = ["你".as_bytes(), b"\xe5\xa5", b"\xbd"].map(token);
        let words = words(&tokens, "zh".parse().ok(), (0.0, 1.0), &chunk(&[(1.0, 0.5)]));
        assert_eq!(words.iter().map(|word| word.word.as_str()).collect::<Vec<_>>(), ["你", "好"]);
    }

    #[test]
    fn words_share_the_sound_by_their_letters() {
        let tokens = [&b" abcd"[..], b" ab"].map(token);
        let words = words(&tokens, None, (1.0, 2.0), &chunk(&[(3.0, 0.5)]));
        assert_eq!(times(&words), [(1.0, 1.6), (1.6, 2.0)]);
    }

    #[test]
    fn no_word_is_said_in_a_pause() {
        let tokens = [&b" one"[..], b" two"].map(token);
        let words = words(&tokens, None, (0.0, 3.0), &chunk(&[(0.5, 0.5), (2.0, 0.0), (0.5, 0.5)]));
        assert_eq!(times(&words), [(0.0, 0.5), (2.5, 3.0)]);
    }

    #[test]
    fn a_segment_without_sound_or_length_has_its_words_all_the_same() {
        let tokens = [&b" a"[..], b" b"].map(token);
        let silent = chunk(&[(1.0, 0.5), (2.0, 0.0)]);
        assert_eq!(times(&words(&tokens, None, (1.0, 3.0), &silent)), [(1.0, 2.0), (2.0, 3.0)]);
        assert_eq!(times(&words(&tokens, None, (1.0, 1.0), &silent)), [(1.0, 1.0), (1.0, 1.0)]);
    }
}
