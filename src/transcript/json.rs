//! The service's own JSON: a job's `result`, and the segment that events carry.

use actors::domain::transcript::{Segment, Word, text};
use serde_json::{Value, json};

use super::content::Transcript;
use super::millis::rounded;

/// A job's `result`.
pub fn result_json(transcript: &Transcript<'_>) -> Value {
    let mut result = json!({
        "language": transcript.language,
        "duration_secs": rounded(transcript.duration_secs),
        "text": text(transcript.segments),
        "segments": transcript.segments.iter().map(segment_json).collect::<Vec<_>>(),
    });
    if let Some(probability) = transcript.language_probability {
        result["language_probability"] = decimal(probability).into();
    }
    result
}

/// A segment as jobs and events show it: times in seconds, rounded to milliseconds; its channel only where channels
/// are transcribed each by itself.
pub fn segment_json(segment: &Segment) -> Value {
    let words = segment.words.as_ref().map(|words| words.iter().map(word_json).collect::<Vec<_>>());
    let mut shown = json!({
        "id": segment.id,
        "start": rounded(segment.start),
        "end": rounded(segment.end),
        "text": segment.text,
        "words": words,
        "flags": segment.flags,
    });
    if let Some(channel) = segment.channel {
        shown["channel"] = channel.into();
    }
    shown
}

pub(super) fn word_json(word: &Word) -> Value {
    json!({
        "word": word.word,
        "start": rounded(word.start),
        "end": rounded(word.end),
        "probability": decimal(word.probability),
    })
}

/// Six decimals: all that the engine's number means, without the digits that widening it makes up.
pub fn decimal(value: f32) -> f64 {
    (f64::from(value) * 1e6).round() / 1e6
}
