//! The job on the wire.

use actors::domain::audio::secs as secs_of;
use actors::domain::jobs::job::{Job, Status};
use actors::domain::jobs::options::{Extent, Priority, Task};
use actors::domain::jobs::progress::Progress;
use actors::domain::jobs::queue::Place;
use actors::domain::jobs::selection::TrackChoice;
use actors::domain::model::stay::Stay;
use actors::domain::transcript::Segment;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::model_view::FailureView;
use super::waiting_view::waiting_for;
use crate::error::AppError;
use crate::http::intake::form::SEVERAL;
use crate::http::openapi::{ExtentName, JobStatus, PriorityName, TaskName};
use crate::http::service::Service;
use crate::transcript::{ResultView, Transcript, decimal, result_view};
use crate::wire_time::{rfc3339, secs};

/// A job.
// Written field by field, in the order in which people read it.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(in crate::http) struct JobView {
    #[schema(format = "uuid")]
    id: String,
    #[schema(value_type = JobStatus)]
    status: &'static str,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(required, format = "date-time")]
    started_at: Option<String>,
    #[schema(required, format = "date-time")]
    finished_at: Option<String>,
    audio: AudioView,
    options: OptionsView,
    /// As the client sent it, to the letter.
    #[schema(required, value_type = Option<Object>)]
    metadata: Option<Box<RawValue>>,
    #[schema(required)]
    progress: Option<ProgressView>,
    /// The place of a job that is queued; not in lists.
    #[schema(required)]
    queue: Option<PlaceView>,
    /// The error of the model that a queued job waits for: its file is not there or cannot be loaded, or there is not enough
    /// memory for it. Only where there is one.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<FailureView>,
    attempts: u32,
    /// The job whose transcript this one took over: only where there is one.
    #[schema(nullable = false, format = "uuid")]
    #[serde(skip_serializing_if = "Option::is_none")]
    reused_from: Option<String>,
    /// The job that this one does once more: only where there is one.
    #[schema(nullable = false, format = "uuid")]
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_of: Option<String>,
    /// Of the transcript as people left it, the latest: only if it was changed. `result` is what the engine wrote.
    #[schema(nullable = false, minimum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript_revision: Option<u32>,
    /// What was odd about the recording: only where there is something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[schema(required)]
    error: Option<FailureView>,
    /// Of a completed job; not in lists.
    #[schema(required)]
    result: Option<ResultView>,
}

/// The recording.
#[derive(Serialize, ToSchema)]
#[schema(as = JobAudio)]
struct AudioView {
    #[schema(required)]
    filename: Option<String>,
    bytes: u64,
    sha256: String,
    /// `null` until it is known.
    #[schema(required)]
    duration_secs: Option<f64>,
}

/// What was asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = JobOptions)]
struct OptionsView {
    #[schema(required)]
    model: Option<String>,
    /// A code; `multi` where each chunk may be in another one; `null` where it is detected.
    #[schema(required)]
    language: Option<&'static str>,
    #[schema(value_type = TaskName)]
    task: Task,
    #[schema(required)]
    prompt: Option<String>,
    #[schema(required, minimum = 0, maximum = 1)]
    temperature: Option<f64>,
    word_timestamps: bool,
    #[schema(required)]
    keep_alive: Option<i64>,
    #[schema(value_type = PriorityName)]
    priority: Priority,
    /// One of which is the job's: only where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    languages: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hotwords: Vec<String>,
    /// Only where it was chosen.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<TrackView>,
    /// Only where it is not the recording's beginning.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    start_secs: Option<f64>,
    /// Only where it is given.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    end_secs: Option<f64>,
    /// Only where not the whole recording is transcribed.
    #[schema(nullable = false, value_type = Option<ExtentName>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    extent: Option<Extent>,
}

/// An audio track: its number, counted from 1, or its language as the file has it.
#[derive(Serialize, ToSchema)]
#[schema(as = JobTrack)]
#[serde(untagged)]
enum TrackView {
    Number(u16),
    Language(String),
}

#[derive(Serialize, ToSchema)]
#[schema(as = JobProgress)]
struct ProgressView {
    #[schema(minimum = 0, maximum = 100)]
    percent: f64,
    chunk: u32,
    chunks_total: u32,
    processed_secs: f64,
    #[schema(required)]
    eta_secs: Option<f64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = JobPlace)]
struct PlaceView {
    #[schema(minimum = 1)]
    position: u64,
    /// Seconds until the job starts; `null` before any speed was measured.
    #[schema(required)]
    eta_secs: Option<f64>,
}

/// A page of jobs.
#[derive(Serialize, ToSchema)]
#[schema(as = Jobs)]
pub(in crate::http) struct JobsView {
    pub jobs: Vec<JobView>,
    #[schema(required)]
    pub next_cursor: Option<String>,
}

impl JobView {
    /// Without the result, which only a single job shows.
    pub(in crate::http) fn new(service: &Service, job: &Job) -> Self {
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
            waiting_for: waiting(service, job),
            attempts: job.attempts,
            reused_from: job.reused_from.map(|id| id.to_string()),
            retry_of: job.retry_of.map(|id| id.to_string()),
            transcript_revision: Some(job.revision).filter(|revision| *revision > 0),
            warnings: warnings(job),
            error: job
                .error
                .as_ref()
                .map(|e| FailureView { code: e.code.clone(), message: e.message.clone() }),
            result: None,
        }
    }

    /// With its place in the queue or, once completed, its result.
    pub(in crate::http) async fn whole(service: &Service, job: &Job) -> Result<Self, AppError> {
        let mut view = Self::new(service, job);
        match job.status {
            Status::Queued => view.queue = queue(service, job).await?,
            Status::Completed => {
                let segments = service.jobs.store().segments(job.id).await?;
                view.result = Some(result_view(&transcript_of(job, &segments)));
            }
            Status::Running | Status::Failed | Status::Cancelled => {}
        }
        Ok(view)
    }
}

fn waiting(service: &Service, job: &Job) -> Option<FailureView> {
    if job.status != Status::Queued {
        return None;
    }
    // Jobs of a model that the settings name no more fail.
    let model = service.model.find(job.options.model.as_deref())?;
    waiting_for(&service.model.status().of(model))
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

pub(in crate::http) fn transcript_of<'a>(job: &Job, segments: &'a [Segment]) -> Transcript<'a> {
    Transcript {
        language: job.language,
        language_probability: job.language_probability,
        duration_secs: job.audio.duration_secs.unwrap_or_default(),
        task: job.options.task,
        segments,
        revision: None,
    }
}

fn audio(job: &Job) -> AudioView {
    let audio = &job.audio;
    AudioView {
        filename: audio.filename.clone(),
        bytes: audio.bytes,
        sha256: audio.sha256.clone(),
        duration_secs: audio.duration_secs.map(secs),
    }
}

fn options(service: &Service, job: &Job) -> OptionsView {
    let options = &job.options;
    let selection = &options.selection;
    let default = || service.model.names().into_iter().next();
    OptionsView {
        model: options.model.clone().or_else(default),
        language: if options.is_multilingual { Some(SEVERAL) } else { options.language.map(|l| l.code()) },
        task: options.task,
        prompt: options.prompt.clone(),
        temperature: options.temperature.map(decimal),
        word_timestamps: options.word_timestamps,
        keep_alive: options.keep_alive.map(Stay::secs),
        priority: options.priority,
        languages: options.languages.iter().map(|language| language.code()).collect(),
        hotwords: options.hotwords.clone(),
        track: selection.track.as_ref().map(|track| match track {
            TrackChoice::Number(number) => TrackView::Number(number.get()),
            TrackChoice::Language(language) => TrackView::Language(language.clone()),
        }),
        start_secs: Some(selection.start).filter(|start| *start > 0).map(|start| secs(secs_of(start))),
        end_secs: selection.end.map(|end| secs(secs_of(end))),
        extent: Some(options.extent).filter(|extent| *extent != Extent::Whole),
    }
}

fn progress(progress: &Progress) -> ProgressView {
    ProgressView {
        percent: progress.percent,
        chunk: progress.chunk,
        chunks_total: progress.chunks_total,
        processed_secs: secs(progress.processed_secs),
        eta_secs: progress.eta_secs,
    }
}

/// `null` for a job that a worker took in the meantime.
async fn queue(service: &Service, job: &Job) -> Result<Option<PlaceView>, AppError> {
    let Some(place) = service.jobs.place(job.id).await? else { return Ok(None) };
    Ok(Some(PlaceView { position: place.position, eta_secs: start_eta(service, &place) }))
}

/// Seconds until the job starts, by the last job's speed: the audio before it, and what is loaded until
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
