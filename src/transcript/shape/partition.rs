//! Where to cut: into as few parts as hold the words, as even as can be, at the best places.

use super::words::Word;

/// Cuts `words` into the fewest runs that `fit`. Among those the one with the most even lengths, a cut after a sentence
/// or a clause being worth some unevenness of a run with room for `most` characters.
///
/// A single word has to fit, and with a run that fits every part of it.
pub(super) fn partition(words: &[Word], most: usize, fits: impl Fn(&[Word]) -> bool) -> Vec<&[Word]> {
    // By the number of words from the start: how best to cut them, and where the last run begins.
    let mut best = vec![(0_usize, 0.0_f64, 0_usize)];
    for end in 1..=words.len() {
        let mut chosen = (usize::MAX, f64::INFINITY, end - 1);
        for begin in (0..end).rev() {
            let run = &words[begin..end];
            if begin + 1 < end && !fits(run) {
                break;
            }
            let (runs, cost, _) = best[begin];
            let cost = cost + (length(run) as f64).powi(2) + cut_cost(words, end, most);
            if (runs + 1, cost) < (chosen.0, chosen.1) {
                chosen = (runs + 1, cost, begin);
            }
        }
        best.push(chosen);
    }
    let mut runs = Vec::new();
    let mut end = words.len();
    while end > 0 {
        let begin = best[end].2;
        runs.push(&words[begin..end]);
        end = begin;
    }
    runs.reverse();
    runs
}

/// The lines of a run, as few as hold it.
pub(super) fn lines_of(words: &[Word], line_chars: usize) -> Vec<&[Word]> {
    partition(words, line_chars, |run| length(run) <= line_chars)
}

/// How many lines a run takes: filling each as far as it goes needs no more than the best cuts do.
pub(super) fn lines_needed(words: &[Word], line_chars: usize) -> usize {
    let (mut lines, mut filled) = (0, usize::MAX);
    for word in words {
        let more = filled.saturating_add(usize::from(word.spaced)).saturating_add(word.chars);
        (lines, filled) = if more <= line_chars { (lines, more) } else { (lines + 1, word.chars) };
    }
    lines
}

/// Characters, spaces between the words included.
fn length(words: &[Word]) -> usize {
    let spaces = words.iter().skip(1).filter(|word| word.spaced).count();
    words.iter().map(|word| word.chars).sum::<usize>() + spaces
}

/// What it costs to cut before word number `at`, in squares of characters.
fn cut_cost(words: &[Word], at: usize, most: usize) -> f64 {
    let (Some(last), Some(next)) = (words.get(at - 1), words.get(at)) else { return 0.0 };
    let paused = next.start - last.end > 0.3;
    let share = match last.text.trim_end_matches(['"', '”', '’', '»', ')', '」']).chars().last() {
        _ if !next.spaced && !last.text.ends_with(['。', '！', '？', '、', '，']) => 0.15,
        Some('.' | '?' | '!' | '…' | '。' | '？' | '！') => 0.0,
        Some(',' | ';' | ':' | '、' | '，') => 0.03,
        _ if paused => 0.03,
        Some(_) | None => 0.1,
    };
    share * (most as f64).powi(2)
}
