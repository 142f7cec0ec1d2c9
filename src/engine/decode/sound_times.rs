//! When each word was spoken, by the level of the sound alone: for backends without alignment.
//!
//! Between a segment's times words follow each other wherever there is sound: each gets a part of it by the number of its
//! letters.

use actors::domain::transcript::Word;

use super::loudness::{Loudness, hundredths};
use super::word_times::WordTokens;

/// Letters that a word counts for besides its own: short ones take longer than their letters say.
const EXTRA_LETTERS: usize = 2;
/// A segment with less sound than this part of it is taken to sound throughout.
const LEAST_SOUND: f64 = 0.2;

/// The words of a segment from `start` to `end`, in seconds of the window: in order, inside it, the first from its
/// beginning and the last to its end. Their probabilities are 1: nothing is known of them.
pub(super) fn sound_times(words: &[WordTokens], (start, end): (f64, f64), loudness: &Loudness) -> Vec<Word> {
    let sound = sound(start, end, loudness);
    let whole: usize = words.iter().map(weight).sum();
    let (mut done, mut after) = (0, start);
    let place = |(index, word): (usize, &WordTokens)| {
        let first = sound.get(sound.len() * done / whole.max(1));
        done += weight(word);
        let last = (sound.len() * done / whole.max(1)).checked_sub(1).and_then(|at| sound.get(at));
        let begin = if index == 0 { start } else { first.map_or(after, |at| secs(*at)).clamp(after, end) };
        let over = if index + 1 == words.len() { end } else { last.map_or(begin, |at| secs(at + 1)) };
        after = over.clamp(begin, end);
        Word { word: word.text.clone(), start: begin, end: after, probability: 1.0 }
    };
    words.iter().enumerate().map(place).collect()
}

fn weight(word: &WordTokens) -> usize {
    word.text.chars().filter(|c| c.is_alphanumeric()).count() + EXTRA_LETTERS
}

/// The hundredths of a second in which the words of a segment were said.
fn sound(start: f64, end: f64, loudness: &Loudness) -> Vec<usize> {
    let range = hundredths(start)..hundredths(end);
    let sound = loudness.sounding(range.clone());
    if (sound.len() as f64) < range.len() as f64 * LEAST_SOUND { range.collect() } else { sound }
}

fn secs(hundredths: usize) -> f64 {
    hundredths as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds and level of each stretch.
    fn window(stretches: &[(f64, f32)]) -> Loudness {
        let samples: Vec<f32> = stretches
            .iter()
            .flat_map(|&(secs, level)| std::iter::repeat_n(level, (secs * 16_000.0).round() as usize))
            .collect();
        Loudness::of(&samples)
    }

    fn times(texts: &[&str], span: (f64, f64), loudness: &Loudness) -> Vec<(f64, f64)> {
        let words: Vec<WordTokens> =
            texts.iter().map(|text| WordTokens { text: (*text).into(), tokens: 0..1 }).collect();
        sound_times(&words, span, loudness).iter().map(|word| (word.start, word.end)).collect()
    }

    #[test]
    fn words_share_the_sound_by_their_letters() {
        let loudness = window(&[(3.0, 0.5)]);
        assert_eq!(times(&[" abcd", " ab"], (1.0, 2.0), &loudness), [(1.0, 1.6), (1.6, 2.0)]);
    }

    #[test]
    fn no_word_is_spoken_in_a_pause() {
        let loudness = window(&[(0.5, 0.5), (2.0, 0.0), (0.5, 0.5)]);
        assert_eq!(times(&[" one", " two"], (0.0, 3.0), &loudness), [(0.0, 0.5), (2.5, 3.0)]);
    }

    #[test]
    fn a_segment_without_sound_or_length_has_its_words_all_the_same() {
        let silent = window(&[(1.0, 0.5), (2.0, 0.0)]);
        assert_eq!(times(&[" a", " b"], (1.0, 3.0), &silent), [(1.0, 2.0), (2.0, 3.0)]);
        assert_eq!(times(&[" a", " b"], (1.0, 1.0), &silent), [(1.0, 1.0), (1.0, 1.0)]);
    }
}
