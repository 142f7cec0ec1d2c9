//! The jobs' routes.

use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use actors::domain::jobs::job::{Job, Status};
use actors::domain::model::lifecycle::Demand;
use actors::domain::model::models::ModelNo;
use actors::model::State;
use actors::ports::{Cancelled, JobQuery};
use serde::Deserialize;
use serde_json::json;

use super::by_url;
use super::detached::detached;
use super::disk_room::check_room;
use super::form;
use super::job_view::{JobView, transcript_of};
use super::query::{Query, flag, idempotency_key, job_id};
use super::service::Service;
use super::submission::receive;
use crate::auth::Caller;
use crate::error::AppError;
use crate::failpoint;
use crate::transcript::{Format, Shape, render_shaped};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Submission {
    #[serde(default, deserialize_with = "flag")]
    queue: bool,
    model: Option<String>,
}

/// Takes a recording in. Whether the model is ready is decided before a byte of the body is read, unless only the body
/// can say which model is meant.
pub(super) async fn submit(
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
    let taking = service.clone();
    let job = if form::is_json(&request) {
        let remote = by_url::receive(&service.limits, body, in_the_body).await?;
        detached(async move { remote.take_in(&taking, caller.owner, key, earlier).await }).await?
    } else {
        let (blobs, limits, headers) = (service.blobs.as_ref(), &service.limits, request.headers());
        let upload = receive(blobs, limits, headers, body, in_the_body).await?;
        detached(async move { upload.take_in(&taking, caller.owner, key).await }).await?
    };
    failpoint::hit("answer", "before").map_err(AppError::internal)?;
    let view = JobView::whole(&service, &job).await?;
    Ok(HttpResponse::Accepted().insert_header((LOCATION, format!("/jobs/{}", job.id))).json(view))
}

/// A job is turned away while the model is not ready, and the load it needs is asked for.
fn admit(service: &Service, name: Option<&str>, waits: bool) -> Result<ModelNo, AppError> {
    let model = service.find_model(name)?;
    let status = service.model.status().of(model);
    if waits || status.state() == State::Ready {
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    status: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

impl Listing {
    fn query(&self, owner: String) -> Result<JobQuery, AppError> {
        let bad = |param, message: &str| AppError::invalid_query(param, message);
        let status = match &self.status {
            None => None,
            Some(name) => Some(Status::from_name(name).ok_or_else(|| {
                bad("status", "status must be queued, running, completed, failed or cancelled")
            })?),
        };
        let before = self.cursor.as_deref().map(str::parse).transpose();
        let before =
            before.map_err(|_| bad("cursor", "cursor must be the next_cursor of an earlier page"))?;
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=LARGEST_PAGE).contains(&limit) {
            return Err(bad("limit", "limit must be from 1 to 500"));
        }
        Ok(JobQuery { owner, status, before, limit })
    }
}

pub(super) async fn list(
    service: web::Data<Service>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Result<impl Responder, AppError> {
    let query = listing.query(caller.owner)?;
    let jobs = service.jobs.store().jobs(JobQuery { limit: query.limit + 1, ..query.clone() }).await?;
    let page: Vec<&Job> = jobs.iter().take(query.limit as usize).collect();
    let more = jobs.len() > page.len();
    let next_cursor = page.last().filter(|_| more).map(|job| job.id.to_string());
    let views: Vec<_> = page.into_iter().map(|job| JobView::new(&service, job)).collect();
    Ok(web::Json(json!({ "jobs": views, "next_cursor": next_cursor })))
}

pub(super) async fn show(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<impl Responder, AppError> {
    let job = find(&service, &caller, &id).await?;
    Ok(web::Json(JobView::whole(&service, &job).await?))
}

/// Cancels a job, or removes one that has ended.
pub(super) async fn cancel(
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    format: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    partial: bool,
    max_line_chars: Option<u32>,
    max_lines: Option<u32>,
    max_cps: Option<f64>,
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
}

pub(super) async fn transcript(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<HttpResponse, AppError> {
    let format = wanted.format()?;
    let shape = wanted.shape(format)?;
    let job = find(&service, &caller, &id).await?;
    let status = job.status.name();
    match job.status {
        Status::Completed => {}
        _ if wanted.partial => {}
        Status::Queued | Status::Running => return Err(AppError::JobNotFinished { status }),
        Status::Failed | Status::Cancelled => return Err(AppError::JobEndedWithoutResult { status }),
    }
    let segments = service.jobs.store().segments(job.id).await?;
    let text = render_shaped(&transcript_of(&job, &segments), format, shape.as_ref());
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, format.content_type())).body(text))
}

/// A job of the caller's: those of others are not there.
pub(super) async fn find(service: &Service, caller: &Caller, id: &str) -> Result<Job, AppError> {
    let job = service.jobs.store().job(job_id(id)?).await?;
    job.filter(|job| job.owner == caller.owner).ok_or(AppError::JobNotFound)
}
