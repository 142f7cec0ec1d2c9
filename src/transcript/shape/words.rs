//! The words of a segment, with their times.

use actors::domain::transcript::Segment;
use unicode_segmentation::UnicodeSegmentation;

use crate::transcript::one_line::one_line;

/// What is never cut.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    pub text: String,
    pub chars: usize,
    /// Whether a space stands before it.
    pub spaced: bool,
    pub start: f64,
    pub end: f64,
}

/// A segment's words in order of time and inside it, none longer than `longest`: with the times that the engine gave
/// at, if those are known of all of them, or their share of the segment's.
pub(super) fn words_of(segment: &Segment, longest: usize) -> Vec<Word> {
    let line = one_line(&segment.text);
    let timed = timed(segment);
    let known = !timed.is_empty() && same_letters(&line, timed.iter().map(|word| word.text.as_str()));
    let words = if known { timed } else { shared(&line, segment.start, segment.end) };
    words.into_iter().flat_map(|word| cut(word, longest)).collect()
}

/// As the engine timed them.
fn timed(segment: &Segment) -> Vec<Word> {
    let mut after = segment.start;
    let mut words = Vec::new();
    let mut spaced = true;
    for word in segment.words.iter().flatten() {
        let start = word.start.max(after).min(segment.end.max(after));
        let end = word.end.max(start).min(segment.end.max(start));
        after = end;
        spaced |= word.word.starts_with(char::is_whitespace);
        let mut parts = shared(&one_line(&word.word), start, end);
        if let Some(first) = parts.first_mut() {
            first.spaced = spaced;
            spaced = false;
        }
        spaced |= word.word.ends_with(char::is_whitespace);
        words.extend(parts);
    }
    words
}

/// The words between spaces, each with a time as long as its share of the letters.
fn shared(line: &str, start: f64, end: f64) -> Vec<Word> {
    let texts = line.split(' ').filter(|text| !text.is_empty());
    let words =
        texts.map(|text| Word { text: text.to_owned(), chars: chars(text), spaced: true, start, end });
    share(words.collect(), start, end)
}

fn share(mut words: Vec<Word>, start: f64, end: f64) -> Vec<Word> {
    let all: usize = words.iter().map(|word| word.chars).sum();
    let mut so_far = 0;
    let at = |chars: usize| start + (end - start).max(0.0) * chars as f64 / all.max(1) as f64;
    for word in &mut words {
        word.start = at(so_far);
        so_far += word.chars;
        word.end = at(so_far);
    }
    words
}

/// Between its characters when it is too long for a line: what is written without spaces, mostly.
fn cut(word: Word, longest: usize) -> Vec<Word> {
    if word.chars <= longest {
        return vec![word];
    }
    let mut parts: Vec<Word> = Vec::new();
    for character in word.text.graphemes(true) {
        match parts.last_mut().filter(|part| part.chars < 3 && character.starts_with(closes)) {
            Some(part) => {
                part.text.push_str(character);
                part.chars += 1;
            }
            None => parts.push(Word {
                text: character.to_owned(),
                chars: 1,
                spaced: word.spaced && parts.is_empty(),
                start: word.start,
                end: word.end,
            }),
        }
    }
    share(parts, word.start, word.end)
}

/// What no line begins with.
fn closes(c: char) -> bool {
    matches!(c, '.' | ',' | '!' | '?' | ':' | ';' | ')' | ']' | '}' | '»' | '”' | '’' | '…')
        || matches!(
            c,
            '。' | '、' | '，' | '！' | '？' | '：' | '；' | '」' | '』' | '）' | '】' | 'ー' | '・'
        )
}

fn same_letters<'a>(line: &str, words: impl Iterator<Item = &'a str>) -> bool {
    let letters = |text: &'a str| text.chars().filter(|c| *c != ' ');
    words.flat_map(letters).eq(line.chars().filter(|c| *c != ' '))
}

/// As readers count: a letter with its accents is one, and so is an emoji.
pub(super) fn chars(text: &str) -> usize {
    text.graphemes(true).count()
}
