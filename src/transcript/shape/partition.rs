//! Where to cut: into as few parts as hold the words, as even as can be, at the best places.

use super::words::Word;

/// Cuts `words` into the fewest runs that take at most `lines` lines of `line_chars` characters. Among those the one with
/// the most even lengths, a cut after a sentence or a clause being worth some unevenness of a run with that much room.
///
/// A single word is never cut, and takes one line.
pub(super) fn partition(words: &[Word], lines: usize, line_chars: usize) -> Vec<&[Word]> {
    let measure = Measure::of(words);
    let ends = ends(&measure, lines, line_chars);
    // By the number of words from the start: how best to cut them, and where the last run begins.
    let mut best = vec![(0_usize, 0.0_f64, 0_usize)];
    let mut first = 0;
    for end in 1..=words.len() {
        while ends[first] < end {
            first += 1;
        }
        // The more words, the more runs: those that begin later make no fewer.
        let fewest = best[first].0;
        let behind = first + best[first..].partition_point(|(runs, ..)| *runs <= fewest);
        let cut_cost = cut_cost(words, end, lines * line_chars);
        let mut chosen = (f64::INFINITY, first);
        for begin in (first..behind).rev() {
            let cost = best[begin].1 + (measure.length(begin, end) as f64).powi(2) + cut_cost;
            if cost < chosen.0 {
                chosen = (cost, begin);
            }
        }
        best.push((fewest + 1, chosen.0, chosen.1));
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
    partition(words, 1, line_chars)
}

/// By the word that a run begins with: the end of the longest that takes at most `lines` lines. Filling each line as far
/// as it goes needs no more of them than the best cuts do.
fn ends(measure: &Measure, lines: usize, line_chars: usize) -> Vec<usize> {
    let count = measure.spaced.len();
    let mut of_line = Vec::with_capacity(count + 1);
    let mut end = 0;
    for begin in 0..count {
        end = end.max(begin + 1);
        while end < count && measure.length(begin, end + 1) <= line_chars {
            end += 1;
        }
        of_line.push(end);
    }
    of_line.push(count);
    (0..count).map(|begin| (0..lines).fold(begin, |at, _| of_line[at])).collect()
}

/// How long runs are, without a look at each of their words.
struct Measure {
    /// By the number of words from the start: their characters and the spaces before them.
    so_far: Vec<usize>,
    /// By the word: the spaces before it.
    spaced: Vec<usize>,
}

impl Measure {
    fn of(words: &[Word]) -> Self {
        let spaced: Vec<_> = words.iter().map(|word| usize::from(word.spaced)).collect();
        let mut so_far = vec![0];
        let mut sum = 0;
        for word in words {
            sum += word.chars + usize::from(word.spaced);
            so_far.push(sum);
        }
        Self { so_far, spaced }
    }

    /// Characters of a run of at least one word, spaces between the words included.
    fn length(&self, begin: usize, end: usize) -> usize {
        self.so_far[end] - self.so_far[begin] - self.spaced[begin]
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word(text: &str, spaced: bool) -> Word {
        Word { text: text.into(), chars: text.chars().count(), spaced, start: 0.0, end: 0.0 }
    }

    /// By the definition: each run is looked at as a whole.
    fn by_definition(words: &[Word], lines: usize, line_chars: usize) -> Vec<&[Word]> {
        let mut best = vec![(0_usize, 0.0_f64, 0_usize)];
        for end in 1..=words.len() {
            let mut chosen = (usize::MAX, f64::INFINITY, end - 1);
            for begin in (0..end).rev() {
                let run = &words[begin..end];
                if begin + 1 < end && lines_needed(run, line_chars) > lines {
                    break;
                }
                let (runs, cost, _) = best[begin];
                let cost = cost + (length(run) as f64).powi(2) + cut_cost(words, end, lines * line_chars);
                if (runs + 1, cost) < (chosen.0, chosen.1) {
                    chosen = (runs + 1, cost, begin);
                }
            }
            best.push(chosen);
        }
        let mut runs = Vec::new();
        let mut end = words.len();
        while end > 0 {
            runs.push(&words[best[end].2..end]);
            end = best[end].2;
        }
        runs.reverse();
        runs
    }

    fn lines_needed(words: &[Word], line_chars: usize) -> usize {
        let (mut lines, mut filled) = (0, usize::MAX);
        for word in words {
            let more = filled.saturating_add(usize::from(word.spaced)).saturating_add(word.chars);
            (lines, filled) = if more <= line_chars { (lines, more) } else { (lines + 1, word.chars) };
        }
        lines
    }

    fn length(words: &[Word]) -> usize {
        let spaces = words.iter().skip(1).filter(|word| word.spaced).count();
        words.iter().map(|word| word.chars).sum::<usize>() + spaces
    }

    proptest! {
        #[test]
        fn cuts_are_those_of_the_definition(
            texts in prop::collection::vec(("[ab]{1,7}[.,。]?", prop::bool::weighted(0.8)), 0..60),
            lines in 1..4_usize,
            line_chars in 8..24_usize,
        ) {
            let words: Vec<_> = texts.iter().map(|(text, spaced)| word(text, *spaced)).collect();
            prop_assert_eq!(partition(&words, lines, line_chars), by_definition(&words, lines, line_chars));
        }
    }

    #[test]
    fn ten_thousand_words_are_cut_into_the_fewest_cues() {
        let words = vec![word("a", true); 10_000];
        let runs = partition(&words, 10, 500);
        assert_eq!(runs.concat(), words);
        assert_eq!(runs.len(), 4);
    }
}
