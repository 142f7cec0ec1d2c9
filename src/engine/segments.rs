//! From whisper.cpp's segments and tokens to transcript segments.

use actors::domain::language::Language;
use actors::domain::transcript::{Decoding, Flag, Segment};

use super::doubts::confidence;
use super::loudness::Loudness;
use super::words::words;

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
        confidence([self])
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct RawToken {
    pub id: i32,
    /// A token can be part of a character.
    pub bytes: Vec<u8>,
    pub probability: f32,
    pub log_probability: f32,
}

/// How to read raw segments.
pub(super) struct Reading<'a> {
    /// The chunk's own length, silence that was added left out.
    pub duration_secs: f64,
    pub language: Option<Language>,
    /// Of the chunk, where word times are wanted.
    pub words: Option<&'a Loudness>,
}

/// Segments with text, in order of time and inside the chunk. What whisper.cpp writes when it has
/// lost its way (exclamation marks alone, times before the start) is left out, and so is what it hears
/// in the silence behind the chunk that it fills its window with.
pub(super) fn assemble(raw: Vec<RawSegment>, reading: &Reading<'_>) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::with_capacity(raw.len());
    for segment in raw {
        let text = String::from_utf8_lossy(&segment.text).into_owned();
        let lost = segment.start < 0 || segment.end < segment.start;
        if lost || secs(segment.start) >= reading.duration_secs || is_noise(&text) {
            continue;
        }
        let after = segments.last().map_or(0.0, |previous| previous.end);
        let start = secs(segment.start).clamp(after, reading.duration_secs.max(after));
        let end = secs(segment.end).clamp(start, reading.duration_secs.max(start));
        segments.push(Segment {
            id: segments.len() as u32,
            start,
            end,
            words: reading
                .words
                .map(|loudness| words(&segment.tokens, reading.language, (start, end), loudness)),
            text,
            decoding: decoding(&segment),
            flags: segment.flags,
            channel: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8]) -> RawToken {
        RawToken { bytes: bytes.to_vec(), probability: 0.5, log_probability: -1.0, id: 1 }
    }

    fn raw(start: i64, end: i64, text: &str) -> RawSegment {
        RawSegment { start, end, text: text.into(), ..RawSegment::default() }
    }

    fn reading() -> Reading<'static> {
        Reading { duration_secs: 10.0, language: None, words: None }
    }

    fn times(raw: Vec<RawSegment>) -> Vec<(f64, f64)> {
        assemble(raw, &reading()).iter().map(|segment| (segment.start, segment.end)).collect()
    }

    #[test]
    fn times_stay_inside_the_chunk_and_in_order() {
        assert_eq!(times(vec![raw(0, 150, " a"), raw(100, 3000, " b")]), [(0.0, 1.5), (1.5, 10.0)]);
    }

    #[test]
    fn what_is_heard_behind_the_chunk_is_dropped() {
        assert_eq!(times(vec![raw(100, 900, " a"), raw(1000, 1300, " late")]), [(1.0, 9.0)]);
    }

    #[test]
    fn output_of_a_lost_engine_is_dropped() {
        let lost =
            vec![raw(0, 100, "!!!!!!!!!"), raw(-100_700, 100, " x"), raw(0, 100, "  "), raw(50, 20, " y")];
        assert!(assemble(lost, &reading()).is_empty());
        assert_eq!(assemble(vec![raw(0, 100, " No!!")], &reading()).len(), 1);
    }

    #[test]
    fn ids_count_what_is_kept() {
        let kept = assemble(vec![raw(0, 1, ""), raw(0, 100, " a"), raw(100, 200, " b")], &reading());
        assert_eq!(kept.iter().map(|segment| segment.id).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn confidence_is_the_mean_over_the_tokens() {
        let segment = RawSegment { tokens: vec![token(b" a"), token(b" b")], ..raw(0, 100, " a b") };
        assert_eq!(assemble(vec![segment], &reading())[0].decoding.avg_logprob, -1.0);
    }
}
