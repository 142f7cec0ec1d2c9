//! The service's own JSON: a job's `result`, and the segment that events carry.

use actors::domain::transcript::{Flag, Segment, Word};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::content::Transcript;
use super::millis::rounded;

/// A job's `result`.
#[derive(Serialize, ToSchema)]
#[schema(as = Transcript)]
pub struct ResultView {
    /// ISO 639-1; `null` where there was no speech.
    #[schema(required)]
    language: Option<&'static str>,
    /// Of the language, 0 to 1, where it was detected.
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    language_probability: Option<f64>,
    duration_secs: f64,
    text: String,
    segments: Vec<SegmentView>,
    /// Which revision it is: 0 is what the engine wrote. Only where a transcript is asked for.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
}

/// Times are seconds in the original recording.
#[derive(Serialize, ToSchema)]
#[schema(as = Segment)]
struct SegmentView {
    /// Counts from 0.
    id: u32,
    start: f64,
    end: f64,
    text: String,
    /// `null` unless word times were asked for.
    #[schema(required)]
    words: Option<Vec<WordView>>,
    flags: Vec<SegmentFlag>,
    /// Only where channels are transcribed each by itself; counts from 0.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<u8>,
    /// Only where a person named them.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Word)]
pub(super) struct WordView {
    word: String,
    start: f64,
    end: f64,
    #[schema(minimum = 0, maximum = 1)]
    probability: f64,
}

/// What is doubtful about a segment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SegmentFlag {
    Repetition,
    LowConfidence,
    NoSpeech,
}

impl From<&Flag> for SegmentFlag {
    fn from(flag: &Flag) -> Self {
        match flag {
            Flag::Repetition => Self::Repetition,
            Flag::LowConfidence => Self::LowConfidence,
            Flag::NoSpeech => Self::NoSpeech,
        }
    }
}

/// A job's `result`.
pub fn result_json(transcript: &Transcript<'_>) -> Value {
    json!(result_view(transcript))
}

/// The same, typed.
pub fn result_view(transcript: &Transcript<'_>) -> ResultView {
    ResultView {
        language: transcript.language.map(|language| language.code()),
        language_probability: transcript.language_probability.map(decimal),
        duration_secs: rounded(transcript.duration_secs),
        text: transcript.text(),
        segments: transcript.segments.iter().map(segment_view).collect(),
        revision: transcript.revision,
    }
}

/// A segment as jobs and events show it: times in seconds, rounded to milliseconds; its channel only where channels
/// are transcribed each by itself.
pub fn segment_json(segment: &Segment) -> Value {
    json!(segment_view(segment))
}

fn segment_view(segment: &Segment) -> SegmentView {
    SegmentView {
        id: segment.id,
        start: rounded(segment.start),
        end: rounded(segment.end),
        text: segment.text.clone(),
        words: segment.words.as_ref().map(|words| words.iter().map(word_view).collect()),
        flags: segment.flags.iter().map(SegmentFlag::from).collect(),
        channel: segment.channel,
        speaker: segment.speaker.clone(),
    }
}

pub(super) fn word_view(word: &Word) -> WordView {
    WordView {
        word: word.word.clone(),
        start: rounded(word.start),
        end: rounded(word.end),
        probability: decimal(word.probability),
    }
}

/// Six decimals: all that the engine's number means, without the digits that widening it makes up.
pub fn decimal(value: f32) -> f64 {
    (f64::from(value) * 1e6).round() / 1e6
}
