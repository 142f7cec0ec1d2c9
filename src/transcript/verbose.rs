//! `verbose_json` as the OpenAI audio API has it.

use std::io::Write;
use std::str::FromStr;

use actors::domain::jobs::options::Task;
use actors::domain::transcript::{Segment, text};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::content::Transcript;
use super::json::decimal;
use super::millis::rounded;

/// What times are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    Segment,
    Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown timestamp granularity {0:?}: use segment or word")]
pub struct UnknownGranularity(pub String);

impl FromStr for Granularity {
    type Err = UnknownGranularity;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "segment" => Ok(Granularity::Segment),
            "word" => Ok(Granularity::Word),
            _ => Err(UnknownGranularity(name.to_owned())),
        }
    }
}

/// The document with `segments`, `words` or both, as asked for; nothing asked for means segments.
///
/// `language` is the English name of the text's language, and empty where there was no speech.
pub fn verbose_json(transcript: &Transcript<'_>, wanted: &[Granularity]) -> Value {
    let segments = transcript.segments;
    let mut document = Map::new();
    document.insert("task".to_owned(), json!(transcript.task));
    document.insert("language".to_owned(), language(transcript).into());
    if let Some(probability) = transcript.language_probability {
        document.insert("language_probability".to_owned(), decimal(probability).into());
    }
    document.insert("duration".to_owned(), rounded(transcript.duration_secs).into());
    document.insert("text".to_owned(), text(segments).into());
    if wanted.is_empty() || wanted.contains(&Granularity::Segment) {
        document.insert("segments".to_owned(), segments.iter().map(segment).collect());
    }
    if wanted.contains(&Granularity::Word) {
        document.insert("words".to_owned(), words(segments));
    }
    document.insert("usage".to_owned(), usage_json(transcript.duration_secs));
    Value::Object(document)
}

/// What a call used: whole seconds of audio, begun ones counted.
pub fn usage_json(duration_secs: f64) -> Value {
    json!({"type": "duration", "seconds": duration_secs.ceil() as u64})
}

/// Segments, and words where there are any.
pub(super) fn all_there_is(segments: &[Segment]) -> Vec<Granularity> {
    if segments.iter().any(|segment| segment.words.is_some()) {
        vec![Granularity::Segment, Granularity::Word]
    } else {
        vec![Granularity::Segment]
    }
}

fn language(transcript: &Transcript<'_>) -> &'static str {
    match transcript.task {
        Task::Transcribe => transcript.language.map_or("", |language| language.name()),
        // The text's own language, whatever was spoken.
        Task::Translate => "english",
    }
}

pub(super) fn segment(segment: &Segment) -> Value {
    let decoding = &segment.decoding;
    json!({
        "id": segment.id,
        // Hundredths of a second, where the window begins.
        "seek": (decoding.window_start * 100.0).round() as u64,
        "start": rounded(segment.start),
        "end": rounded(segment.end),
        "text": segment.text,
        "tokens": decoding.tokens,
        "temperature": finite(decoding.temperature),
        "avg_logprob": finite(decoding.avg_logprob),
        "compression_ratio": compression_ratio(&segment.text),
        "no_speech_prob": finite(decoding.no_speech_prob),
    })
}

/// Clients read these as numbers, and JSON has none for infinity.
fn finite(value: f32) -> f64 {
    decimal(value.clamp(f32::MIN, f32::MAX)).max(f64::from(f32::MIN))
}

fn words(segments: &[Segment]) -> Value {
    let words = segments.iter().flat_map(|segment| segment.words.iter().flatten());
    words
        .map(|word| json!({"word": word.word.trim(), "start": rounded(word.start), "end": rounded(word.end)}))
        .collect()
}

/// Bytes of the text for each byte it takes when compressed: a text that repeats itself is above 2.4.
fn compression_ratio(text: &str) -> f64 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to a vector cannot fail.
    let compressed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
    let ratio = text.len() as f64 / compressed.len().max(1) as f64;
    decimal(ratio as f32)
}
