//! Between rows and the domain's types.

use actors::domain::audio::SAMPLE_RATE;
use actors::domain::event::Stream;
use actors::domain::jobs::job::{Audio, BlobKey, Job, JobId, Status};
use actors::domain::jobs::options::{Options, Priority};
use actors::domain::jobs::origin::{Api, Origin, TraceParent};
use actors::domain::language::Language;
use actors::domain::time::Timestamp;
use actors::domain::transcript::Segment;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::Fault;

/// A job's row, its plan left out.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct JobRow {
    id: String,
    owner: String,
    state: String,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    filename: Option<String>,
    bytes: i64,
    blob_sha256: String,
    blob_key: String,
    duration_samples: Option<i64>,
    params: String,
    metadata: Option<String>,
    webhook_url: Option<String>,
    progress: Option<String>,
    attempts: i64,
    error: Option<String>,
    language: Option<String>,
    language_probability: Option<f32>,
    reused_from: Option<String>,
    warnings: Option<String>,
    api: String,
    traceparent: Option<String>,
    revision: i64,
    retry_of: Option<String>,
}

impl TryFrom<JobRow> for Job {
    type Error = Fault;

    fn try_from(row: JobRow) -> Result<Self, Fault> {
        let options: Options = from_json("a job's options", &row.params)?;
        Ok(Job {
            id: job_id(&row.id)?,
            owner: row.owner,
            origin: Origin { api: api(&row.api)?, traceparent: row.traceparent.and_then(trace_parent) },
            status: status(&row.state)?,
            created_at: Timestamp(row.created_at),
            started_at: row.started_at.map(Timestamp),
            finished_at: row.finished_at.map(Timestamp),
            audio: Audio {
                filename: row.filename,
                bytes: natural(row.bytes),
                sha256: row.blob_sha256,
                duration_secs: row.duration_samples.map(secs),
                blob: BlobKey(row.blob_key),
            },
            options,
            metadata: row.metadata,
            webhook_url: row.webhook_url,
            progress: row.progress.map(|json| from_json("a job's progress", &json)).transpose()?,
            attempts: small(row.attempts),
            error: row.error.map(|json| from_json("a job's error", &json)).transpose()?,
            language: row.language.map(|code| language(&code)).transpose()?,
            language_probability: row.language_probability,
            reused_from: row.reused_from.map(|id| job_id(&id)).transpose()?,
            retry_of: row.retry_of.map(|id| job_id(&id)).transpose()?,
            revision: small(row.revision),
            warnings: row
                .warnings
                .map(|json| from_json("a job's warnings", &json))
                .transpose()?
                .unwrap_or_default(),
        })
    }
}

/// Lower runs first; the step leaves room for more.
pub(super) fn rank(priority: Priority) -> i64 {
    match priority {
        Priority::Interactive => 0,
        Priority::Batch => 10,
    }
}

pub(super) fn priority(rank: i64) -> Priority {
    if rank == self::rank(Priority::Interactive) { Priority::Interactive } else { Priority::Batch }
}

pub(super) fn job_id(text: &str) -> Result<JobId, Fault> {
    text.parse().map_err(|e| unreadable("a job's id", e))
}

pub(super) fn status(name: &str) -> Result<Status, Fault> {
    Status::from_name(name).ok_or_else(|| unreadable("a job's state", name))
}

fn api(name: &str) -> Result<Api, Fault> {
    Api::from_name(name).ok_or_else(|| unreadable("a job's API", name))
}

/// Only what was read from a request is stored; what cannot be read belongs to no trace.
pub(super) fn trace_parent(text: String) -> Option<TraceParent> {
    text.parse().ok()
}

fn language(code: &str) -> Result<Language, Fault> {
    code.parse().map_err(|e| unreadable("a job's language", e))
}

pub(super) fn from_json<T: DeserializeOwned>(what: &'static str, json: &str) -> Result<T, Fault> {
    serde_json::from_str(json).map_err(|e| unreadable(what, e))
}

pub(super) fn to_json<T: Serialize>(what: &'static str, value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|source| Fault::Unwritable { what, source })
}

pub(super) fn unreadable(what: &'static str, detail: impl ToString) -> Fault {
    Fault::Unreadable { what, detail: detail.to_string() }
}

/// JSON has no infinity and no NaN, and would give them back as `null`: they become 0. An engine's odd
/// estimate is not a reason to lose its text.
pub(super) fn finite(mut segment: Segment) -> Segment {
    let Segment { start, end, words, decoding, .. } = &mut segment;
    for time in [start, end, &mut decoding.window_start] {
        *time = or_zero(*time);
    }
    let numbers = [&mut decoding.avg_logprob, &mut decoding.no_speech_prob, &mut decoding.temperature];
    for number in numbers.into_iter().chain(&mut decoding.logprobs) {
        *number = or_zero(f64::from(*number)) as f32;
    }
    for word in words.iter_mut().flatten() {
        word.start = or_zero(word.start);
        word.end = or_zero(word.end);
        word.probability = or_zero(f64::from(word.probability)) as f32;
    }
    segment
}

fn or_zero(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}

pub(super) fn samples(secs: f64) -> i64 {
    // A float cast saturates, and takes NaN to 0.
    (secs * f64::from(SAMPLE_RATE)).round() as i64
}

pub(super) fn secs(samples: i64) -> f64 {
    actors::domain::audio::secs(natural(samples))
}

/// The database's numbers are signed; those that count are never below 0.
pub(super) fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A counter that never comes near its end.
pub(super) fn small(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A stream's name in the database.
pub(super) fn name(stream: Stream) -> String {
    match stream {
        Stream::Job(id) => format!("job:{id}"),
        Stream::Model => "model".to_owned(),
    }
}

/// The stream of that [`name`].
pub(super) fn stream(name: &str) -> Option<Stream> {
    match name.strip_prefix("job:") {
        Some(id) => id.parse::<JobId>().ok().map(Stream::Job),
        None => (name == "model").then_some(Stream::Model),
    }
}
