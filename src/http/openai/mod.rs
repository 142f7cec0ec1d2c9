//! The OpenAI audio API: jobs under the hood, awaited.

mod call;
mod extras;
mod languages;
mod models;
mod stream;
mod views;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::domain::jobs::job::Job;
use actors::domain::jobs::options::{Options, Task};

pub(super) use models::{__path_list, __path_show, list, show};

use super::calls::{self, Beginning};
use super::intake::origin::origin;
use super::intake::query::IdempotencyKey;
use super::openapi::{ServerSentEvent, TranscriptionForm, TranslationForm};
use super::service::Service;
use crate::auth::Caller;
use crate::error::AppError;
use crate::transcript::{Format, Transcript, logprobs, render, render_shaped, usage, verbose_json};
#[cfg(test)]
pub(super) use call::FIELDS;
use call::{Call, Reply};
use extras::Logprobs;
use languages::languages;
use views::{TranscriptionView, Transcriptions};

/// Transcribes as the OpenAI audio API does.
#[utoipa::path(
    post, path = "/v1/audio/transcriptions", params(IdempotencyKey),
    request_body(content = TranscriptionForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "As the format asks for.", content(
        (Transcriptions = "application/json"),
        (String = "text/plain"),
        (String = "text/vtt"),
        (ServerSentEvent = "text/event-stream"),
    )))
)]
pub(super) async fn transcriptions(
    service: web::Data<Service>,
    caller: Caller,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, AppError> {
    answer(service, caller, request, body, Task::Transcribe).await
}

/// Translates into English as the OpenAI audio API does.
#[utoipa::path(
    post, path = "/v1/audio/translations", params(IdempotencyKey),
    request_body(content = TranslationForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "As the format asks for.", content(
        (Transcriptions = "application/json"),
        (String = "text/plain"),
        (String = "text/vtt"),
    )))
)]
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
    let identity = calls::admit(&service, &request)?;
    // Where one model is served, a task that it cannot do is refused before the upload is read.
    if let [_] = &service.model.names()[..] {
        service.check_options(&Options { task, ..Options::default() }).await?;
    }
    let Call { upload, reply, stream } = call::receive(&service, &request, body, task).await?;
    let identity = identity.answered_as(&(&reply, stream));
    let upload = upload.with_origin(origin(&request));
    let awaited = calls::begin(&service, caller, identity, upload).await?;
    if stream {
        let id = awaited.id();
        return Ok(calls::with_id(stream::respond(&request, awaited, reply.extras()), id));
    }
    let beginning = Beginning::of(reply.format);
    let render = move |job: &Job, transcript: &Transcript<'_>| whole(job, transcript, &reply);
    Ok(calls::answer(service, &request, awaited, beginning, |_| {}, render).await)
}

fn whole(job: &Job, transcript: &Transcript<'_>, reply: &Reply) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    match reply.format {
        Format::Json => {
            let duration_secs = job.audio.duration_secs.unwrap_or_default();
            response.json(TranscriptionView {
                text: render(transcript, Format::Text),
                languages: languages(transcript.language),
                usage: usage(duration_secs),
                logprobs: (reply.logprobs == Logprobs::Included).then(|| logprobs(transcript.segments)),
            })
        }
        Format::VerboseJson => response.json(verbose_json(transcript, &reply.granularities)),
        Format::Text | Format::Srt | Format::Vtt | Format::Tsv => {
            let kind = (CONTENT_TYPE, reply.format.content_type());
            response.insert_header(kind).body(render_shaped(transcript, reply.format, reply.shape.as_ref()))
        }
    }
}
