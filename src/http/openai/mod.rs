//! The OpenAI audio API: jobs under the hood, awaited.

mod await_job;
mod call;
mod models;
mod stream;

use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use actors::domain::job::Job;
use actors::domain::options::Task;
use serde_json::json;
use tracing::Instrument;

pub(super) use models::{list, show};

use super::client_socket::gone;
use super::job_view::transcript_of;
use super::jobs::check_room;
use super::query::idempotency_key;
use super::service::Service;
use crate::auth::Caller;
use crate::error::AppError;
use crate::transcript::{Format, Transcript, render, usage_json, verbose_json};
use await_job::Awaited;
use call::{Call, Reply};

/// How calls wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the job to start: for the model, and for its turn.
    pub wait: Duration,
    /// Whether a job goes on whose client went away.
    pub keep: bool,
}

const JOB_ID: HeaderName = HeaderName::from_static("x-job-id");

pub(super) async fn transcriptions(
    service: web::Data<Service>,
    caller: Caller,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, AppError> {
    answer(service, caller, request, body, Task::Transcribe).await
}

pub(super) async fn translations(
    service: web::Data<Service>,
    caller: Caller,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, AppError> {
    answer(service, caller, request, body, Task::Translate).await
}

async fn answer(
    service: web::Data<Service>,
    caller: Caller,
    request: HttpRequest,
    body: web::Payload,
    task: Task,
) -> Result<HttpResponse, AppError> {
    if service.is_draining() {
        return Err(AppError::ShuttingDown);
    }
    let key = idempotency_key(&request)?;
    check_room(&service, &request)?;
    let Call { upload, reply, stream } = call::receive(&service, &request, body, task).await?;
    // Heard from now on: the job may fail the model's load before anybody waits for it.
    let model = service.model.watch();
    let taking = service.clone();
    let job = actix_web::rt::spawn(
        async move { upload.take_in(&taking, caller.owner, key).await }.in_current_span(),
    );
    let job = job.await.map_err(AppError::internal)??;
    let awaited = Awaited::new(service.clone(), job.id, model);
    let id = HeaderValue::try_from(job.id.to_string()).map_err(AppError::internal)?;
    let mut response = if stream {
        stream::respond(&request, awaited)
    } else {
        let finished = finished(&service, awaited, &reply);
        tokio::select! {
            finished = finished => finished.unwrap_or_else(|error| error.error_response()),
            // Nobody reads this.
            () = gone(&request) => HttpResponse::RequestTimeout().finish(),
        }
    };
    response.headers_mut().insert(JOB_ID, id);
    Ok(response)
}

async fn finished(service: &Service, awaited: Awaited, reply: &Reply) -> Result<HttpResponse, AppError> {
    let job = awaited.until_over(|_| {}).await?;
    let segments = service.jobs.store().segments(job.id).await?;
    Ok(whole(&job, &transcript_of(&job, &segments), reply))
}

fn whole(job: &Job, transcript: &Transcript<'_>, reply: &Reply) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    match reply.format {
        Format::Json => {
            let duration_secs = job.audio.duration_secs.unwrap_or_default();
            let text = render(transcript, Format::Text);
            response.json(json!({ "text": text, "usage": usage_json(duration_secs) }))
        }
        Format::VerboseJson => response.json(verbose_json(transcript, &reply.granularities)),
        Format::Text | Format::Srt | Format::Vtt | Format::Tsv => {
            let kind = (CONTENT_TYPE, reply.format.content_type());
            response.insert_header(kind).body(render(transcript, reply.format))
        }
    }
}
