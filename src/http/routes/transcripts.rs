//! Transcripts: in every format, changed by people, and what they were before that.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use actors::domain::jobs::job::{Job, Status};
use actors::domain::transcript::{Segment, edit};
use actors::ports::{MAX_REVISIONS, Revised, Revision};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::jobs::find;
use crate::auth::Caller;
use crate::error::AppError;
use crate::http::intake::disk_room::check_room;
use crate::http::intake::edit::{EditForm, receive};
use crate::http::intake::query::{JobPath, Query, flag};
use crate::http::openapi::{TranscriptFormat, Transcripts};
use crate::http::service::Service;
use crate::http::views::job_view::transcript_of;
use crate::transcript::{Format, Shape, Transcript, render_shaped};
use crate::wire_time::rfc3339;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Wanted {
    /// json unless it is given.
    #[param(value_type = Option<TranscriptFormat>, inline)]
    format: Option<String>,
    /// What there is, before the end.
    #[serde(default, deserialize_with = "flag")]
    partial: bool,
    /// The most characters in a line. Only with format srt or vtt, as max_lines and max_cps are.
    #[param(minimum = 8, maximum = 500)]
    max_line_chars: Option<u32>,
    /// Of srt and vtt: the most lines in a cue.
    #[param(minimum = 1, maximum = 10)]
    max_lines: Option<u32>,
    /// Of srt and vtt: the most characters a second to read.
    #[param(minimum = 1, maximum = 100)]
    max_cps: Option<f64>,
    /// latest, original, or the number of a revision; latest unless it is given.
    #[param(pattern = "^(latest|original|[0-9]{1,9})$")]
    revision: Option<String>,
}

impl Wanted {
    fn format(&self) -> Result<Format, AppError> {
        let named = self.format.as_deref().map(str::parse);
        named.unwrap_or(Ok(Format::Json)).map_err(|error| AppError::invalid_query("format", error))
    }

    /// Of subtitles: nothing else has one.
    fn shape(&self, format: Format) -> Result<Option<Shape>, AppError> {
        let shape = Shape::new(self.max_line_chars, self.max_lines, self.max_cps);
        let shape = shape.map_err(|bad| AppError::invalid_query(bad.limit, &bad))?;
        let given = [
            ("max_line_chars", self.max_line_chars.is_some()),
            ("max_lines", self.max_lines.is_some()),
            ("max_cps", self.max_cps.is_some()),
        ];
        match given.iter().find(|(_, given)| *given && !format.is_subtitles()) {
            Some((name, _)) => {
                let message = format!("{name} shapes subtitles: ask for format=srt or format=vtt with it");
                Err(AppError::invalid_query(name, message))
            }
            None => Ok(shape),
        }
    }

    /// Of the job's transcript: 0 is what the engine wrote.
    fn revision(&self, job: &Job) -> Result<u32, AppError> {
        let latest = job.revision;
        match self.revision.as_deref() {
            None | Some("latest") => Ok(latest),
            Some("original") => Ok(0),
            Some(text) => match text.parse() {
                Ok(number) if number <= latest => Ok(number),
                Ok(_) => Err(AppError::RevisionNotFound { latest }),
                Err(_) => {
                    let message = format!("revision is {text:?}: use latest, original or a number");
                    Err(AppError::invalid_query("revision", message))
                }
            },
        }
    }
}

/// The transcript.
///
/// It is the latest revision unless another is asked for.
#[utoipa::path(
    get, path = "/jobs/{id}/transcript", params(JobPath, Wanted),
    responses((status = 200, description = "As the format asks for.", content(
        (Transcripts = "application/json"),
        (String = "text/plain"),
        (String = "text/vtt"),
        (String = "text/tab-separated-values"),
    )))
)]
pub(in crate::http) async fn show(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<HttpResponse, AppError> {
    let format = wanted.format()?;
    let shape = wanted.shape(format)?;
    let job = find(&service, &caller, &id).await?;
    let revision = wanted.revision(&job)?;
    let status = job.status.name();
    match job.status {
        Status::Completed => {}
        _ if wanted.partial || revision > 0 => {}
        Status::Queued | Status::Running => return Err(AppError::JobNotFinished { status }),
        Status::Failed | Status::Cancelled => return Err(AppError::JobEndedWithoutResult { status }),
    }
    let segments = segments_of(&service, &job, revision).await?;
    // A long one takes longer than others may wait for their turn.
    let text = web::block(move || {
        let transcript = Transcript { revision: Some(revision), ..transcript_of(&job, &segments) };
        render_shaped(&transcript, format, shape.as_ref())
    });
    let text = text.await.map_err(AppError::internal)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, format.content_type())).body(text))
}

async fn segments_of(service: &Service, job: &Job, revision: u32) -> Result<Vec<Segment>, AppError> {
    let store = service.jobs.store();
    let original = store.segments(job.id).await?;
    if revision == 0 {
        return Ok(original);
    }
    // The job may have been removed just now.
    let edited = store.revision(job.id, revision).await?.ok_or(AppError::JobNotFound)?;
    Ok(edit::shown(edited, &original))
}

/// A change of a transcript.
#[derive(Serialize, ToSchema)]
#[schema(as = Revision)]
pub(in crate::http) struct RevisionView {
    #[schema(minimum = 1)]
    revision: u32,
    #[schema(format = "date-time")]
    created_at: String,
    /// Whose key it was made with; `null` where no keys are asked for.
    #[schema(required)]
    owner: Option<String>,
    /// How many.
    segments: u32,
}

impl From<Revision> for RevisionView {
    fn from(revision: Revision) -> Self {
        let Revision { number, created_at, owner, segments } = revision;
        let owner = Some(owner).filter(|owner| !owner.is_empty());
        Self { revision: number, created_at: rfc3339(created_at), owner, segments }
    }
}

/// Changes the transcript of a job that has ended.
///
/// What was there before stays: `?revision=original` and the numbers of earlier revisions.
#[utoipa::path(
    put, path = "/jobs/{id}/transcript", params(JobPath), request_body = EditForm,
    responses((status = 200, description = "Kept, as the latest revision.", body = RevisionView))
)]
pub(in crate::http) async fn edit(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, AppError> {
    let job = find(&service, &caller, &id).await?;
    if !job.status.has_ended() {
        return Err(AppError::JobNotEnded { status: job.status.name() });
    }
    check_room(&service, &request)?;
    let (base, segments) = receive(&service.limits, &request, body, job.audio.duration_secs).await?;
    match service.jobs.store().revise(job.id, base, &caller.owner, &segments).await? {
        Revised::Kept(revision) => Ok(HttpResponse::Ok().json(RevisionView::from(revision))),
        Revised::Outdated { latest } => Err(AppError::TranscriptChanged { base, latest }),
        Revised::Full => Err(AppError::TooManyRevisions { limit: MAX_REVISIONS }),
        Revised::NoJob => Err(AppError::JobNotFound),
    }
}

/// The changes of a transcript.
#[derive(Serialize, ToSchema)]
#[schema(as = Revisions)]
pub(in crate::http) struct RevisionsView {
    /// The newest first; empty if it was not changed.
    revisions: Vec<RevisionView>,
}

/// The changes of a transcript, without their texts.
#[utoipa::path(
    get, path = "/jobs/{id}/transcript/revisions", params(JobPath),
    responses((status = 200, description = "All of them.", body = RevisionsView))
)]
pub(in crate::http) async fn revisions(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<impl Responder, AppError> {
    let job = find(&service, &caller, &id).await?;
    let revisions = service.jobs.store().revisions(job.id).await?;
    Ok(web::Json(RevisionsView { revisions: revisions.into_iter().map(RevisionView::from).collect() }))
}
