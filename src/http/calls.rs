//! Calls that are answered with what was heard: interactive jobs under the hood, awaited. What all doors of that kind
//! share.

use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use actors::domain::event::JobEvent;
use actors::domain::job::{Job, JobId};

use super::awaited::Awaited;
use super::client_socket::gone;
use super::job_view::transcript_of;
use super::jobs::{check_room, undisturbed};
use super::query::idempotency_key;
use super::service::Service;
use super::submission::Upload;
use crate::auth::Caller;
use crate::error::AppError;
use crate::transcript::Transcript;

/// How calls wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the job to start: for the model, and for its turn.
    pub wait: Duration,
    /// Whether a job goes on whose client went away.
    pub keep: bool,
}

const JOB_ID: HeaderName = HeaderName::from_static("x-job-id");

/// Whether a call is taken at all, decided before its body is read; and what it calls itself, so that it is taken once.
pub(super) fn admit(service: &Service, request: &HttpRequest) -> Result<Option<String>, AppError> {
    if service.is_draining() {
        return Err(AppError::ShuttingDown);
    }
    let key = idempotency_key(request)?;
    check_room(service, request)?;
    Ok(key)
}

/// Makes a job of what was sent. It is waited for from now on.
pub async fn begin(
    service: &web::Data<Service>,
    caller: Caller,
    key: Option<String>,
    upload: Upload,
) -> Result<Awaited, AppError> {
    // The job may fail the model's load before anybody waits for it.
    let before = service.model.status();
    let (service, keep) = (service.clone(), key.is_some());
    // A client that leaves before it is waited for leaves a job that is cancelled.
    undisturbed(async move {
        let job = upload.take_in(&service, caller.owner, key).await?;
        Ok(Awaited::new(service, &job, keep, &before))
    })
    .await
}

/// The answer once the job is over, as `tell` writes it; `heard` is told what happens meanwhile.
pub(super) async fn answer(
    service: &Service,
    request: &HttpRequest,
    awaited: Awaited,
    heard: impl FnMut(&JobEvent),
    tell: impl FnOnce(&Job, &Transcript<'_>) -> HttpResponse,
) -> HttpResponse {
    let id = awaited.id();
    let finished = async {
        let job = awaited.until_over(heard).await?;
        let segments = service.jobs.store().segments(job.id).await?;
        Ok::<_, AppError>(tell(&job, &transcript_of(&job, &segments)))
    };
    let response = tokio::select! {
        finished = finished => finished.unwrap_or_else(|error| error.error_response()),
        // Nobody reads this.
        () = gone(request) => HttpResponse::RequestTimeout().finish(),
    };
    with_id(response, id)
}

/// Every answer names its job, also one that is no transcript.
pub(super) fn with_id(mut response: HttpResponse, id: JobId) -> HttpResponse {
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(JOB_ID, id);
    }
    response
}
