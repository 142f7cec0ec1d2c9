//! The job on the wire.

use actors::domain::audio::secs as secs_of;
use actors::domain::jobs::job::{Job, Status};
use actors::domain::jobs::options::Extent;
use actors::domain::jobs::progress::Progress;
use actors::domain::jobs::queue::Place;
use actors::domain::jobs::selection::TrackChoice;
use actors::domain::transcript::Segment;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::form::SEVERAL;
use super::service::Service;
use crate::error::AppError;
use crate::transcript::{Transcript, decimal, result_json};
use crate::wire_time::{rfc3339, secs};

/// Written field by field, in the order in which people read it.
#[derive(Serialize)]
pub(super) struct JobView {
    id: String,
    status: &'static str,
    created_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    audio: Value,
    options: Value,
    /// As the client sent it, to the letter.
    metadata: Option<Box<RawValue>>,
    progress: Option<Value>,
    queue: Option<Value>,
    attempts: u32,
    /// Only where there is one: everyone else's jobs keep the shape that clients know.
    #[serde(skip_serializing_if = "Option::is_none")]
    reused_from: Option<String>,
    /// What was odd about the recording: only where there is something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    error: Option<Value>,
    result: Option<Value>,
}

impl JobView {
    /// Without the result, which only a single job shows.
    pub(super) fn new(service: &Service, job: &Job) -> Self {
        Self {
            id: job.id.to_string(),
            status: job.status.name(),
            created_at: rfc3339(job.created_at),
            started_at: job.started_at.map(rfc3339),
            finished_at: job.finished_at.map(rfc3339),
            audio: audio(job),
            options: options(service, job),
            metadata: job.metadata.clone().and_then(|text| RawValue::from_string(text).ok()),
            progress: job.progress.as_ref().map(progress),
            queue: None,
            attempts: job.attempts,
            reused_from: job.reused_from.map(|id| id.to_string()),
            warnings: warnings(job),
            error: job.error.as_ref().map(|e| json!({ "code": e.code, "message": e.message })),
            result: None,
        }
    }

    /// With its place in the queue or, once completed, its result.
    pub(super) async fn whole(service: &Service, job: &Job) -> Result<Self, AppError> {
        let mut view = Self::new(service, job);
        match job.status {
            Status::Queued => view.queue = queue(service, job).await?,
            Status::Completed => {
                let segments = service.jobs.store().segments(job.id).await?;
                view.result = Some(result_json(&transcript_of(job, &segments)));
            }
            Status::Running | Status::Failed | Status::Cancelled => {}
        }
        Ok(view)
    }
}

/// A language below this is worth a warning: English meetings that were taken for Welsh had less.
const UNSURE_OF_LANGUAGE: f32 = 0.5;

/// What was odd about the recording, and about its language.
fn warnings(job: &Job) -> Vec<String> {
    let mut warnings = job.warnings.clone();
    if let (Some(language), Some(probability)) = (job.language, job.language_probability)
        && probability < UNSURE_OF_LANGUAGE
    {
        warnings.push(format!(
            "the language is uncertain: {} with a probability of {probability:.2}; name it with `language`",
            language.code()
        ));
    }
    warnings
}

pub(super) fn transcript_of<'a>(job: &Job, segments: &'a [Segment]) -> Transcript<'a> {
    Transcript {
        language: job.language,
        language_probability: job.language_probability,
        duration_secs: job.audio.duration_secs.unwrap_or_default(),
        task: job.options.task,
        segments,
    }
}

fn audio(job: &Job) -> Value {
    let audio = &job.audio;
    json!({
        "filename": audio.filename,
        "bytes": audio.bytes,
        "sha256": audio.sha256,
        "duration_secs": audio.duration_secs.map(secs),
    })
}

fn options(service: &Service, job: &Job) -> Value {
    let options = &job.options;
    let default = || service.model.names().into_iter().next();
    let mut view = json!({
        "model": options.model.clone().or_else(default),
        "language": if options.is_multilingual { Some(SEVERAL) } else { options.language.map(|l| l.code()) },
        "task": options.task,
        "prompt": options.prompt,
        "temperature": options.temperature.map(decimal),
        "word_timestamps": options.word_timestamps,
        "keep_alive": options.keep_alive,
        "priority": options.priority,
    });
    // Only where they are told from other jobs.
    if !options.languages.is_empty() {
        view["languages"] = json!(options.languages);
    }
    if !options.hotwords.is_empty() {
        view["hotwords"] = json!(options.hotwords);
    }
    match &options.selection.track {
        Some(TrackChoice::Number(number)) => view["track"] = json!(number),
        Some(TrackChoice::Language(language)) => view["track"] = json!(language),
        None => {}
    }
    if options.selection.start > 0 {
        view["start_secs"] = json!(secs(secs_of(options.selection.start)));
    }
    if let Some(end) = options.selection.end {
        view["end_secs"] = json!(secs(secs_of(end)));
    }
    if options.extent != Extent::Whole {
        view["extent"] = json!(options.extent);
    }
    view
}

fn progress(progress: &Progress) -> Value {
    json!({
        "percent": progress.percent,
        "chunk": progress.chunk,
        "chunks_total": progress.chunks_total,
        "processed_secs": secs(progress.processed_secs),
        "eta_secs": progress.eta_secs,
    })
}

/// `null` for a job that a worker took in the meantime.
async fn queue(service: &Service, job: &Job) -> Result<Option<Value>, AppError> {
    let Some(place) = service.jobs.place(job.id).await? else { return Ok(None) };
    Ok(Some(json!({ "position": place.position, "eta_secs": start_eta(service, &place) })))
}

/// Seconds until the job starts, as far as the last job's speed tells: the audio before it, and what is loaded until
/// then. `null` before anything was measured.
fn start_eta(service: &Service, place: &Place) -> Option<f64> {
    let pace = service.jobs.pace()?;
    let status = service.model.status();
    let load_secs = |model: &Option<String>| {
        let number = service.model.find(model.as_deref()).unwrap_or_default();
        status.of(number).load_expected_secs()
    };
    let loads: f64 = place.loads.iter().map(load_secs).sum();
    Some(secs(loads + place.audio_secs_ahead * pace.wall_secs / pace.audio_secs))
}
