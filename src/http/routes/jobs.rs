//! The jobs' routes.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use actors::domain::jobs::job::{Job, Status};
use actors::domain::jobs::words::SearchWords;
use actors::domain::model::lifecycle::Demand;
use actors::domain::model::models::ModelNo;
use actors::model::State;
use actors::ports::{Cancelled, JobQuery};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Caller;
use crate::error::{AppError, ErrorBody};
use crate::failpoint;
use crate::http::detached::detached;
use crate::http::intake::by_url;
use crate::http::intake::disk_room::check_room;
use crate::http::intake::form;
use crate::http::intake::origin::origin;
use crate::http::intake::query::{IdempotencyKey, JobPath, Query, flag, idempotency_key, job_id};
use crate::http::intake::retry;
use crate::http::intake::submission::receive;
use crate::http::openapi::{JobStatus, RemoteForm, RetryAfter, SubmissionForm};
use crate::http::service::Service;
use crate::http::views::job_view::{JobView, JobsView};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Submission {
    /// Take the job in whatever the model does.
    #[serde(default, deserialize_with = "flag")]
    queue: bool,
    /// Which model, as in the body; known before that is read.
    model: Option<String>,
}

/// Creates a job from a recording.
///
/// Whether the model is ready is decided before a byte of the body is read, unless only the body can say which model is
/// meant.
#[utoipa::path(
    post, path = "/jobs",
    params(
        Submission, IdempotencyKey,
        ("Prefer" = Option<String>, Header, nullable = false, description = "respond-async: as queue=true."),
    ),
    request_body(content((SubmissionForm = "multipart/form-data"), (RemoteForm = "application/json"))),
    responses(
        (status = 202, description = "On disk, and never lost.", body = JobView, headers(("Location" = String))),
        (
            status = 503, body = ErrorBody, headers(("Retry-After" = inline(RetryAfter))),
            description = "The model is not ready; its load was triggered. Decided before the body is read.",
        ),
    )
)]
pub(in crate::http) async fn submit(
    service: web::Data<Service>,
    caller: Caller,
    request: HttpRequest,
    Query(query): Query<Submission>,
    body: web::Payload,
) -> Result<HttpResponse, AppError> {
    let key = idempotency_key(&request)?;
    // Who asks again for what was taken in gets the same answer, whatever the model does by now.
    let earlier = match key.as_deref() {
        Some(key) => service.jobs.store().sent_under(&caller.owner, key).await?,
        None => None,
    };
    let known = earlier.is_some();
    let waits = known || query.queue || prefers_async(&request);
    if !known && service.is_draining() {
        return Err(AppError::ShuttingDown);
    }
    let admitted = match query.model.as_deref() {
        None if service.model.names().len() > 1 => None,
        name => Some(admit(&service, name, waits)?),
    };
    check_room(&service, &request)?;
    if !known {
        service.jobs.check_room().await?;
    }
    let in_the_body = |name: Option<&str>| match (admitted, name) {
        (Some(model), Some(name)) if service.find_model(Some(name))? != model => Err(two_models()),
        (Some(model), _) => Ok(service.model.status().choice(model)),
        (None, name) => Ok(service.model.status().choice(admit(&service, name, waits)?)),
    };
    let (taking, origin) = (service.clone(), origin(&request));
    let job = if form::is_json(&request) {
        let remote = by_url::receive(&service.limits, body, in_the_body).await?.with_origin(origin);
        detached(async move { remote.take_in(&taking, caller.owner, key, earlier).await }).await?
    } else {
        let (blobs, limits, headers) = (service.blobs.as_ref(), &service.limits, request.headers());
        let upload = receive(blobs, limits, headers, body, in_the_body).await?.with_origin(origin);
        detached(async move { upload.take_in(&taking, caller.owner, key).await }).await?
    };
    failpoint::hit("answer", "before").map_err(AppError::internal)?;
    accepted(&service, &job).await
}

/// The answer to a request that made a job.
async fn accepted(service: &Service, job: &Job) -> Result<HttpResponse, AppError> {
    let view = JobView::whole(service, job).await?;
    Ok(HttpResponse::Accepted().insert_header((LOCATION, format!("/jobs/{}", job.id))).json(view))
}

/// A job is turned away while the model is not ready, and the load it needs is asked for.
fn admit(service: &Service, name: Option<&str>, waits: bool) -> Result<ModelNo, AppError> {
    let model = service.find_model(name)?;
    let status = service.model.status().of(model);
    if waits || status.state() == State::Ready || service.is_ready_elsewhere(model) {
        return Ok(model);
    }
    service.model.demand(Demand::TurnedAway, model);
    Err(AppError::not_ready(status, &service.clock, true))
}

fn two_models() -> AppError {
    let message = "is another one than that of the query: name it once".to_owned();
    AppError::InvalidOption { name: "model", message }
}

fn prefers_async(request: &HttpRequest) -> bool {
    let preferences = request.headers().get_all("prefer").filter_map(|value| value.to_str().ok());
    preferences
        .flat_map(|value| value.split(','))
        .any(|wish| wish.trim().eq_ignore_ascii_case("respond-async"))
}

const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 500;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Listing {
    /// Only these, with commas between them.
    #[param(value_type = Option<Vec<JobStatus>>, inline, style = Form, explode = false, min_items = 1)]
    status: Option<String>,
    /// Only jobs of this model.
    model: Option<String>,
    /// Parts of words that all are in the id, the filename, the metadata or the transcript as it was last changed. Case is
    /// ignored.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Of a page; 50 unless it is given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The next_cursor of the page before.
    #[param(format = "uuid")]
    cursor: Option<String>,
}

impl Listing {
    fn query(&self, service: &Service, owner: String) -> Result<JobQuery, AppError> {
        let bad = |param, message: &str| AppError::invalid_query(param, message);
        let known = |name: &str| {
            Status::from_name(name).ok_or_else(|| {
                bad(
                    "status",
                    "status must be queued, running, completed, failed or cancelled, or several of them",
                )
            })
        };
        let mut statuses = Vec::new();
        for name in self.status.as_deref().into_iter().flat_map(|names| names.split(',')) {
            let status = known(name)?;
            if !statuses.contains(&status) {
                statuses.push(status);
            }
        }
        let before = self.cursor.as_deref().map(str::parse).transpose();
        let before =
            before.map_err(|_| bad("cursor", "cursor must be the next_cursor of an earlier page"))?;
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=LARGEST_PAGE).contains(&limit) {
            return Err(bad("limit", "limit must be from 1 to 500"));
        }
        let words = SearchWords::new(self.q.as_deref().unwrap_or_default());
        let words = words.map_err(|error| AppError::invalid_query("q", format!("q {error}")))?;
        let models = self.model.as_deref().map(|name| service.wanted_as(name)).unwrap_or_default();
        Ok(JobQuery { owner, statuses, models, words, before, limit })
    }
}

/// Lists jobs, newest first, without their results.
#[utoipa::path(
    get, path = "/jobs", params(Listing),
    responses((status = 200, description = "A page.", body = JobsView))
)]
pub(in crate::http) async fn list(
    service: web::Data<Service>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Result<impl Responder, AppError> {
    let query = listing.query(&service, caller.owner)?;
    let jobs = service.jobs.store().jobs(JobQuery { limit: query.limit + 1, ..query.clone() }).await?;
    let page: Vec<&Job> = jobs.iter().take(query.limit as usize).collect();
    let more = jobs.len() > page.len();
    let next_cursor = page.last().filter(|_| more).map(|job| job.id.to_string());
    let jobs = page.into_iter().map(|job| JobView::new(&service, job)).collect();
    Ok(web::Json(JobsView { jobs, next_cursor }))
}

/// A job with its progress, its place in the queue and its result.
#[utoipa::path(
    get, path = "/jobs/{id}", params(JobPath),
    responses((status = 200, description = "The job.", body = JobView))
)]
pub(in crate::http) async fn show(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<impl Responder, AppError> {
    let job = find(&service, &caller, &id).await?;
    Ok(web::Json(JobView::whole(&service, &job).await?))
}

/// Cancels a job, or removes an ended one.
#[utoipa::path(
    delete, path = "/jobs/{id}", params(JobPath),
    responses(
        (status = 200, description = "Cancelled.", body = JobView),
        (status = 204, description = "Removed, with its recording."),
    )
)]
pub(in crate::http) async fn cancel(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, AppError> {
    let job = find(&service, &caller, &id).await?;
    let cancelling = service.clone();
    match detached(async move { Ok(cancelling.cancel(job.id).await?) }).await? {
        Cancelled::Now { job, .. } => Ok(HttpResponse::Ok().json(JobView::whole(&service, &job).await?)),
        Cancelled::NotFound => Err(AppError::JobNotFound),
        Cancelled::Removed { .. } => Ok(HttpResponse::NoContent().finish()),
    }
}

/// Does a job that has ended once more: a new job of the same recording and options.
///
/// It waits in the queue whatever the model does, and is transcribed even where `reuse_results` is on.
#[utoipa::path(
    post, path = "/jobs/{id}/retry", params(JobPath, IdempotencyKey),
    responses(
        (status = 202, description = "The new job, on disk.", body = JobView, headers(("Location" = String))),
    )
)]
pub(in crate::http) async fn retry(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, AppError> {
    let key = idempotency_key(&request)?;
    // As for a submission, what was accepted under the key is answered whatever became of the rest.
    if let Some(again) = retry::accepted_under(&service, &caller.owner, key.as_deref(), &id).await? {
        return accepted(&service, &again).await;
    }
    let job = find(&service, &caller, &id).await?;
    if !job.status.has_ended() {
        return Err(AppError::JobNotEnded { status: job.status.name() });
    }
    if service.is_draining() {
        return Err(AppError::ShuttingDown);
    }
    let (retrying, origin) = (service.clone(), origin(&request));
    let job = detached(async move { retry::retry(&retrying, job, key, origin).await }).await?;
    accepted(&service, &job).await
}

/// A job of the caller's: those of others are not there.
pub(in crate::http) async fn find(service: &Service, caller: &Caller, id: &str) -> Result<Job, AppError> {
    let job = service.jobs.store().job(job_id(id)?).await?;
    job.filter(|job| job.owner == caller.owner).ok_or(AppError::JobNotFound)
}
