//! `verbose_json` as the OpenAI audio API has it.

use std::io::Write;
use std::str::FromStr;

use actors::domain::jobs::options::Task;
use actors::domain::transcript::Segment;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

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

/// What the OpenAI audio API calls `verbose_json`.
#[derive(Serialize, ToSchema)]
#[schema(as = VerboseTranscription)]
pub struct VerboseView {
    #[schema(schema_with = tasks)]
    task: Task,
    /// The English name of the text's language; empty where there was no speech.
    language: &'static str,
    /// Of the language, 0 to 1, where it was detected.
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    language_probability: Option<f64>,
    duration: f64,
    text: String,
    /// As `timestamp_granularities` asks for it.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<VerboseSegment>>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Vec<VerboseWord>>,
    usage: Usage,
    /// Which revision it is: 0 is what the engine wrote. Only where a transcript is asked for.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct VerboseSegment {
    id: u32,
    /// Hundredths of a second, where the window begins.
    seek: u64,
    start: f64,
    end: f64,
    text: String,
    tokens: Vec<i32>,
    temperature: f64,
    avg_logprob: f64,
    compression_ratio: f64,
    no_speech_prob: f64,
    /// Only where a person named them.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct VerboseWord {
    word: String,
    start: f64,
    end: f64,
}

/// The usage of a call.
#[derive(Serialize, ToSchema)]
pub struct Usage {
    #[serde(rename = "type")]
    kind: UsageKind,
    /// Whole seconds of audio, begun ones counted.
    seconds: u64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum UsageKind {
    Duration,
}

fn tasks() -> Object {
    let names = [Task::Transcribe, Task::Translate].map(|task| json!(task));
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

/// The document with `segments`, `words` or both, as asked for; nothing asked for means segments.
///
/// `language` is the English name of the text's language, and empty where there was no speech.
pub fn verbose_json(transcript: &Transcript<'_>, wanted: &[Granularity]) -> Value {
    let segments = transcript.segments;
    let has_segments = wanted.is_empty() || wanted.contains(&Granularity::Segment);
    json!(VerboseView {
        task: transcript.task,
        language: language(transcript),
        language_probability: transcript.language_probability.map(decimal),
        duration: rounded(transcript.duration_secs),
        text: transcript.text(),
        segments: has_segments.then(|| segments.iter().map(segment).collect()),
        words: wanted.contains(&Granularity::Word).then(|| words(segments)),
        usage: usage(transcript.duration_secs),
        revision: transcript.revision,
    })
}

/// The usage of a call: whole seconds of audio, begun ones counted.
pub fn usage(duration_secs: f64) -> Usage {
    Usage { kind: UsageKind::Duration, seconds: duration_secs.ceil() as u64 }
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

pub(super) fn segment(segment: &Segment) -> VerboseSegment {
    let decoding = &segment.decoding;
    VerboseSegment {
        id: segment.id,
        seek: (decoding.window_start * 100.0).round() as u64,
        start: rounded(segment.start),
        end: rounded(segment.end),
        text: segment.text.clone(),
        tokens: decoding.tokens.clone(),
        temperature: finite(decoding.temperature),
        avg_logprob: finite(decoding.avg_logprob),
        compression_ratio: compression_ratio(&segment.text),
        no_speech_prob: finite(decoding.no_speech_prob),
        speaker: segment.speaker.clone(),
    }
}

/// Clients read these as numbers, and JSON has none for infinity.
fn finite(value: f32) -> f64 {
    decimal(value.clamp(f32::MIN, f32::MAX)).max(f64::from(f32::MIN))
}

fn words(segments: &[Segment]) -> Vec<VerboseWord> {
    let words = segments.iter().flat_map(|segment| segment.words.iter().flatten());
    words
        .map(|word| VerboseWord {
            word: word.word.trim().to_owned(),
            start: rounded(word.start),
            end: rounded(word.end),
        })
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
