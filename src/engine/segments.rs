//! From whisper.cpp's segments and tokens to transcript segments.

use actors::domain::language::Language;
use actors::domain::transcript::{Decoding, Flag, Segment, Word};

use super::doubts::mean;

/// A segment as whisper.cpp gives it. Times are hundredths of a second in the chunk.
#[derive(Debug, Clone, Default)]
pub(super) struct RawSegment {
    pub start: i64,
    pub end: i64,
    /// Not always whole characters.
    pub text: Vec<u8>,
    pub no_speech_prob: f32,
    /// At which its window was decoded in the end.
    pub temperature: f32,
    /// Where its window begins.
    pub window_start: i64,
    /// Text tokens only.
    pub tokens: Vec<RawToken>,
    pub flags: Vec<Flag>,
}

impl RawSegment {
    /// Mean natural logarithm of the tokens' probabilities; `None` without tokens.
    pub(super) fn avg_logprob(&self) -> Option<f32> {
        mean(&self.tokens.iter().map(|token| token.log_probability).collect::<Vec<_>>())
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct RawToken {
    pub id: i32,
    /// A token can be part of a character.
    pub bytes: Vec<u8>,
    pub probability: f32,
    pub log_probability: f32,
    pub start: i64,
    pub end: i64,
}

/// How to read raw segments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The chunk's own length, silence that was added left out.
    pub duration_secs: f64,
    pub language: Option<Language>,
    pub words: bool,
}

/// Segments with text, in order of time and inside the chunk. What whisper.cpp writes when it has
/// lost its way (exclamation marks alone, times before the start) is left out.
pub(super) fn assemble(raw: Vec<RawSegment>, reading: Reading) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::with_capacity(raw.len());
    for segment in raw {
        let text = String::from_utf8_lossy(&segment.text).into_owned();
        if segment.start < 0 || segment.end < segment.start || is_noise(&text) {
            continue;
        }
        let after = segments.last().map_or(0.0, |previous| previous.end);
        let start = secs(segment.start).clamp(after, reading.duration_secs.max(after));
        let end = secs(segment.end).clamp(start, reading.duration_secs.max(start));
        segments.push(Segment {
            id: segments.len() as u32,
            start,
            end,
            words: reading.words.then(|| words(&segment.tokens, reading.language, start, end)),
            text,
            decoding: decoding(&segment),
            flags: segment.flags,
        });
    }
    segments
}

fn secs(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}

/// Exclamation marks are the tokens that come of logits that are not numbers.
fn is_noise(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || (text.len() >= 4 && text.bytes().all(|byte| byte == b'!'))
}

fn decoding(segment: &RawSegment) -> Decoding {
    let tokens = &segment.tokens;
    let whole = std::str::from_utf8(&segment.text).is_ok();
    Decoding {
        tokens: tokens.iter().map(|token| token.id).collect(),
        logprobs: tokens.iter().map(|token| token.log_probability).collect(),
        token_bytes: tokens.iter().filter(|_| whole).map(|token| token.bytes.len() as u16).collect(),
        avg_logprob: segment.avg_logprob().unwrap_or_default(),
        no_speech_prob: segment.no_speech_prob,
        temperature: segment.temperature,
        window_start: secs(segment.window_start.max(0)),
    }
}

/// Tokens of one word.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    start: i64,
    end: i64,
    probabilities: Vec<f32>,
}

/// A token with a leading space begins a word. Languages written without spaces have a word for
/// every run of tokens that makes whole characters.
fn words(tokens: &[RawToken], language: Option<Language>, start: f64, end: f64) -> Vec<Word> {
    let spaceless = language.is_some_and(|language| SPACELESS.contains(&language.code()));
    let mut pending: Vec<Pending> = Vec::new();
    for token in tokens {
        let whole = pending.last().is_none_or(|word| std::str::from_utf8(&word.bytes).is_ok());
        let begins = token.bytes.first() == Some(&b' ') || (spaceless && whole);
        if begins || pending.is_empty() {
            pending.push(Pending { start: token.start, ..Pending::default() });
        }
        if let Some(word) = pending.last_mut() {
            word.bytes.extend_from_slice(&token.bytes);
            word.end = token.end;
            word.probabilities.push(token.probability);
        }
    }
    let mut after = start;
    pending
        .into_iter()
        .filter(|word| word.bytes.iter().any(|byte| !byte.is_ascii_whitespace()))
        .map(|word| {
            let begin = secs(word.start).clamp(after, end.max(after));
            after = secs(word.end).clamp(begin, end.max(begin));
            let probability = word.probabilities.iter().sum::<f32>() / word.probabilities.len() as f32;
            Word {
                word: String::from_utf8_lossy(&word.bytes).into_owned(),
                start: begin,
                end: after,
                probability,
            }
        })
        .collect()
}

const SPACELESS: [&str; 6] = ["zh", "ja", "th", "lo", "my", "yue"];

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8], start: i64, end: i64) -> RawToken {
        RawToken { bytes: bytes.to_vec(), start, end, probability: 0.5, log_probability: -1.0, id: 1 }
    }

    fn raw(start: i64, end: i64, text: &str) -> RawSegment {
        RawSegment { start, end, text: text.into(), ..RawSegment::default() }
    }

    fn reading() -> Reading {
        Reading { duration_secs: 10.0, language: None, words: false }
    }

    fn times(raw: Vec<RawSegment>) -> Vec<(f64, f64)> {
        assemble(raw, reading()).iter().map(|segment| (segment.start, segment.end)).collect()
    }

    #[test]
    fn times_stay_inside_the_chunk_and_in_order() {
        assert_eq!(times(vec![raw(0, 150, " a"), raw(100, 3000, " b")]), [(0.0, 1.5), (1.5, 10.0)]);
        assert_eq!(times(vec![raw(1200, 1300, " late")]), [(10.0, 10.0)]);
    }

    #[test]
    fn output_of_a_lost_engine_is_dropped() {
        let lost =
            vec![raw(0, 100, "!!!!!!!!!"), raw(-100_700, 100, " x"), raw(0, 100, "  "), raw(50, 20, " y")];
        assert!(assemble(lost, reading()).is_empty());
        assert_eq!(assemble(vec![raw(0, 100, " No!!")], reading()).len(), 1);
    }

    #[test]
    fn ids_count_what_is_kept() {
        let kept = assemble(vec![raw(0, 1, ""), raw(0, 100, " a"), raw(100, 200, " b")], reading());
        assert_eq!(kept.iter().map(|segment| segment.id).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn words_begin_at_spaces_and_join_split_characters() {
        let tokens = [
            token(b" tsch", 0, 10),
            token(b"\xc3", 10, 12),
            token(b"\xbcss", 12, 20),
            token(b" halt", 30, 40),
            token(b".", 40, 41),
        ];
        let words = words(&tokens, None, 0.0, 1.0);
        let texts: Vec<_> = words.iter().map(|word| word.word.as_str()).collect();
        assert_eq!(texts, [" tschüss", " halt."]);
        assert_eq!((words[0].start, words[0].end, words[1].start), (0.0, 0.2, 0.3));
    }

    #[test]
    fn languages_without_spaces_have_a_word_for_every_whole_character() {
        let tokens = [token("你".as_bytes(), 0, 10), token(b"\xe5\xa5", 10, 15), token(b"\xbd", 15, 20)];
        let words = words(&tokens, "zh".parse().ok(), 0.0, 1.0);
        assert_eq!(words.iter().map(|word| word.word.as_str()).collect::<Vec<_>>(), ["你", "好"]);
    }

    #[test]
    fn word_times_stay_inside_their_segment() {
        let tokens = [token(b" a", -5, 300), token(b" b", 100, 900)];
        let words = words(&tokens, None, 1.0, 2.0);
        assert_eq!((words[0].start, words[0].end), (1.0, 2.0));
        assert_eq!((words[1].start, words[1].end), (2.0, 2.0));
    }

    #[test]
    fn confidence_is_the_mean_over_the_tokens() {
        let segment =
            RawSegment { tokens: vec![token(b" a", 0, 1), token(b" b", 1, 2)], ..raw(0, 100, " a b") };
        assert_eq!(assemble(vec![segment], reading())[0].decoding.avg_logprob, -1.0);
    }
}
