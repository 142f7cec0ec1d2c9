//! Finds text that goes round in circles: what Whisper models write when they have lost their way.
//!
//! Two measures have to agree. Few different tokens alone are not a loop: a speaker who reads numbers out has ten
//! words. Repeated words alone are not a loop either: a refrain comes back. A loop says the same words over and over, in the
//! same order.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Tokens that are looked at together: a loop fills them with two rounds of half as many, or more rounds of fewer.
pub const WINDOW: usize = 64;

/// So many tokens in a row, met a second time in a window, are said again. Speakers with only ten words,
/// or only "yes" and "no", hardly ever say ten of them again in the same order.
const PHRASE: usize = 10;

/// Fewer phrases said again are not a loop: three rounds of a short sentence are less.
const LEAST_AGAIN: usize = 16;

/// Nor is a smaller part of the window's phrases: one in three.
const LEAST_PART: usize = 3;

/// For each of a chunk's text tokens, in order, whether it is said again in a loop.
///
/// A loop is a window of [`WINDOW`] tokens, or a whole chunk that has fewer, with an [`entropy`] below `loop_entropy`
/// and a third of its phrases said again. In a chunk of fewer tokens, which cannot have as much entropy, that limit is lower
/// by as much as its own ceiling is. The first round is what may have been said: its tokens are not marked. With a
/// `loop_entropy` of 0 there are no loops.
pub fn repeated_tokens(tokens: &[i32], loop_entropy: f64) -> Vec<bool> {
    let mut again = vec![false; tokens.len()];
    for end in WINDOW.min(tokens.len())..=tokens.len() {
        let window = end.saturating_sub(WINDOW)..end;
        for phrase in loop_in(tokens, window, loop_entropy) {
            again.iter_mut().skip(phrase.start).take(phrase.len()).for_each(|said| *said = true);
        }
    }
    again
}

/// The phrases said again in one window; none unless it is a loop.
fn loop_in(tokens: &[i32], window: Range<usize>, loop_entropy: f64) -> Vec<Range<usize>> {
    let start = window.start;
    let window = tokens.get(window).unwrap_or_default();
    let phrases = window.windows(PHRASE);
    let count = phrases.len();
    let mut met = HashSet::with_capacity(count);
    let again: Vec<_> = (start..)
        .zip(phrases)
        .filter(|(_, phrase)| !met.insert(*phrase))
        .map(|(at, _)| at..at + PHRASE)
        .collect();
    let is_loop = again.len() >= LEAST_AGAIN
        && again.len() * LEAST_PART >= count
        && entropy(window) < loop_entropy - missing(window.len());
    if is_loop { again } else { Vec::new() }
}

/// By how much the ceiling of so many tokens is below that of a whole window, in nats.
fn missing(tokens: usize) -> f64 {
    (WINDOW as f64 / tokens.max(1) as f64).ln()
}

/// Of the tokens' frequencies, in nats: from 0, when all are the same, to the logarithm of their number, when all are
/// different.
pub fn entropy(tokens: &[i32]) -> f64 {
    let mut counts: HashMap<i32, u32> = HashMap::new();
    tokens.iter().for_each(|token| *counts.entry(*token).or_default() += 1);
    // In one order always: the sum of the same numbers in another one may differ in its last digit.
    let mut counts: Vec<u32> = counts.into_values().collect();
    counts.sort_unstable();
    let all = tokens.len() as f64;
    counts.into_iter().map(|count| f64::from(count) / all).map(|part| -part * part.ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: f64 = 3.5;

    fn is_loop(tokens: &[i32]) -> bool {
        repeated_tokens(tokens, LIMIT).contains(&true)
    }

    /// `length` different tokens, over and over, `tokens` of them in all.
    fn rounds(length: i32, tokens: usize) -> Vec<i32> {
        (0..length).cycle().take(tokens).collect()
    }

    fn different(tokens: i32) -> Vec<i32> {
        (10_000..10_000 + tokens).collect()
    }

    /// Tokens without a pattern, out of so many different ones.
    fn spoken(words: i32, tokens: usize, seed: u64) -> Vec<i32> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) as i32
        };
        (0..tokens).map(|_| next() % words).collect()
    }

    #[test]
    fn entropy_ranges_from_zero_to_the_log_of_the_token_count() {
        for (tokens, expected) in [
            (vec![], 0.0),
            (vec![7; 64], 0.0),
            (different(32), 32f64.ln()),
            (different(64), 64f64.ln()),
            (rounds(32, 64), 32f64.ln()),
            (vec![1, 1, 1, 2], 0.5623),
        ] {
            assert!((entropy(&tokens) - expected).abs() < 1e-4, "{tokens:?}");
        }
    }

    #[test]
    fn loops_are_found_whatever_the_length_of_their_round() {
        // Tokens of a round, and how many of them in all.
        for (length, tokens) in [
            (1, 40),
            (2, 40),
            (3, 64),
            (4, 64),
            (5, 33),
            (7, 64),
            (12, 60),
            (16, 64),
            (20, 64),
            (25, 100),
            (30, 64),
            (31, 200),
        ] {
            assert!(is_loop(&rounds(length, tokens)), "{tokens} tokens in rounds of {length}");
        }
    }

    #[test]
    fn what_is_said_two_or_three_times_is_no_loop() {
        for (length, tokens) in
            [(1, 12), (2, 16), (4, 16), (5, 15), (8, 24), (10, 20), (12, 24), (14, 36), (16, 32)]
        {
            assert!(!is_loop(&rounds(length, tokens)), "{tokens} tokens in rounds of {length}");
            let in_a_talk = [different(40), rounds(length, tokens), different(40)].concat();
            assert!(!is_loop(&in_a_talk), "{tokens} tokens in rounds of {length}, in a talk");
        }
    }

    #[test]
    fn people_with_few_words_to_say_are_not_taken_for_a_loop() {
        // Yes and no, a telephone's keys, digits, the alphabet, the bundled model's vocabulary, a small one.
        for (words, least) in [(2, 6), (4, 20), (10, 40), (12, 40), (26, 40), (40, 64), (200, 64)] {
            for seed in 0..200 {
                let tokens = spoken(words, 200, seed);
                assert!(!is_loop(&tokens), "{words} words, seed {seed}");
                assert!(!is_loop(&tokens[..least]), "{words} words, seed {seed}, {least} tokens");
            }
        }
    }

    #[test]
    fn few_words_alone_have_less_entropy_than_the_limit() {
        // Which is why entropy alone would find loops in every list of digits.
        assert!(entropy(&spoken(10, 64, 1)) < LIMIT);
    }

    #[test]
    fn a_list_in_which_every_item_begins_alike_is_no_loop() {
        // "number one, comma, number two, comma …": one token in four is new.
        let list: Vec<i32> = (0..25).flat_map(|item| [1, 100 + item, 2, 3]).collect();
        assert!(!is_loop(&list));
    }

    #[test]
    fn a_loop_with_a_slip_in_it_is_a_loop() {
        let mut tokens = rounds(6, 64);
        tokens[40] = 999;
        assert!(is_loop(&tokens));
    }

    #[test]
    fn a_loop_is_found_anywhere_and_only_repeats_are_marked() {
        let tokens = [different(50), rounds(5, 60), different(70)].concat();
        let again = repeated_tokens(&tokens, LIMIT);
        let marked: Vec<usize> = (0..tokens.len()).filter(|&at| again[at]).collect();
        assert_eq!(marked, (55..110).collect::<Vec<_>>());
    }

    #[test]
    fn the_limit_decides_where_half_a_window_goes_round() {
        // Four rounds of ten tokens, and as much else as fits: 3.29 nats.
        let tokens = [different(24), rounds(10, 40)].concat();
        assert!(repeated_tokens(&tokens, 3.5).contains(&true));
        assert!(!repeated_tokens(&tokens, 3.2).contains(&true));
    }

    #[test]
    fn a_limit_of_zero_finds_no_loop() {
        assert!(!repeated_tokens(&[7; 200], 0.0).contains(&true));
    }

    #[test]
    fn little_or_nothing_is_no_loop() {
        for tokens in 0..20 {
            assert!(!is_loop(&vec![7; tokens]));
        }
    }
}
