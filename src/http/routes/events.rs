//! Event streams (SSE): views of the stored log.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use actix_web_lab::sse;
use actors::domain::event::{Event, JobEvent, ModelEvent, OfModel, Recorded, Stream};
use actors::domain::jobs::job::JobId;
use actors::ports::StoreError;
use futures_util::{Stream as FutureStream, StreamExt, stream};
use serde_json::{Value, json};
use tracing::warn;

use super::jobs::find;
use crate::auth::Caller;
use crate::error::AppError;
use crate::http::intake::client_socket::forget_socket;
use crate::http::intake::query::{JobPath, LastEventId, last_event_id};
use crate::http::openapi::ServerSentEvent;
use crate::http::service::Service;
use crate::http::streams::OpenStream;
use crate::http::views::model_view::status_view;
use crate::http::waiting_events::{Item, waiting, with_reasons};
use crate::transcript::{decimal, segment_json};
use crate::wire_time::{rfc3339, secs};

const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How soon a client comes back after a stream broke.
const RETRY: Duration = Duration::from_secs(2);

/// A job's events from its beginning, or after `Last-Event-ID`, to its end.
///
/// While it is queued, `waiting` without an id says why, whenever that changes.
#[utoipa::path(
    get, path = "/jobs/{id}/events", params(JobPath, LastEventId),
    responses((status = 200, description = "Server-sent events.", content_type = "text/event-stream", body = ServerSentEvent))
)]
pub(in crate::http) async fn of_job(
    service: web::Data<Service>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, AppError> {
    let job = find(&service, &caller, &id).await?;
    let after = last_event_id(&request)?.unwrap_or(0);
    let open = service.streams.open(&caller.owner)?;
    let events = readable(service.notifier.follow(Stream::Job(job.id), after));
    let events = with_reasons(&service, &job, events).map(move |item| match item {
        Item::Event(event) => on_the_wire(&event),
        Item::Waiting(reason) => waiting(&job, reason.as_ref()),
    });
    Ok(respond(&request, events, open))
}

/// The model's status, then its events after `Last-Event-ID`, or from now on. Does not end.
#[utoipa::path(
    get, path = "/model/events", params(LastEventId),
    responses((status = 200, description = "Server-sent events.", content_type = "text/event-stream", body = ServerSentEvent))
)]
pub(in crate::http) async fn of_model(
    service: web::Data<Service>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, AppError> {
    let open = service.streams.open(&caller.owner)?;
    service.notifier.catch_up().await;
    let newest = service.jobs.store().last_seq(Stream::Model).await?;
    let after = last_event_id(&request)?.unwrap_or(newest);
    let mut status = json!(status_view(&service, &service.model.status()));
    status["type"] = json!("model_status");
    let status = message(newest, "model_status", &status);
    let events = readable(service.notifier.follow(Stream::Model, after)).map(|event| on_the_wire(&event));
    Ok(respond(&request, stream::iter([status]).chain(events), open))
}

pub(super) fn respond(
    request: &HttpRequest,
    events: impl FutureStream<Item = sse::Event> + 'static,
    open: OpenStream,
) -> HttpResponse {
    forget_socket(request);
    // The stream is open for as long as its body is there.
    let events = events.map(move |event| {
        let _open = &open;
        Ok::<_, Infallible>(event)
    });
    let body = sse::Sse::from_stream(events).with_retry_duration(RETRY).with_keep_alive(KEEP_ALIVE);
    unbuffered(body.respond_to(request).map_into_boxed_body())
}

/// Asks proxies not to hold events back.
pub(in crate::http) fn unbuffered(mut response: HttpResponse) -> HttpResponse {
    let name = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(name, HeaderValue::from_static("no"));
    response
}

/// Ends early when the log cannot be read: the client reconnects and continues where it was.
fn readable(
    events: impl FutureStream<Item = Result<Arc<Recorded>, StoreError>>,
) -> impl FutureStream<Item = Arc<Recorded>> {
    events
        .map(|event| event.inspect_err(|error| warn!(%error, "cannot read the event log")).ok())
        .take_while(|event| std::future::ready(event.is_some()))
        .filter_map(std::future::ready)
}

fn on_the_wire(event: &Recorded) -> sse::Event {
    match &event.event {
        Event::Job(id, job) => message(event.seq, job.name(), &job_event(*id, job)),
        Event::Model(model) => message(event.seq, model.event.name(), &model_event(model)),
    }
}

pub(super) fn message(id: u64, name: &'static str, data: &Value) -> sse::Event {
    sse::Event::Data(sse::Data::new(data.to_string()).id(id.to_string()).event(name))
}

fn job_event(id: JobId, event: &JobEvent) -> Value {
    let mut data = match event {
        JobEvent::Queued | JobEvent::Completed | JobEvent::Cancelled => json!({}),
        JobEvent::Started { attempt } => json!({ "attempt": attempt }),
        JobEvent::Progress { percent, chunk, chunks_total, eta_secs } => {
            json!({ "percent": percent, "chunk": chunk, "chunks_total": chunks_total, "eta_secs": eta_secs })
        }
        JobEvent::Segment { chunk, segment } => json!({ "chunk": chunk, "segment": segment_json(segment) }),
        JobEvent::LanguageDetected { language, probability } => {
            json!({ "language": language, "probability": decimal(*probability) })
        }
        JobEvent::Failed { error } => json!({ "error": { "code": error.code, "message": error.message } }),
        JobEvent::Requeued { reason } => json!({ "reason": reason }),
    };
    data["type"] = json!(event.name());
    data["job_id"] = json!(id);
    data
}

fn model_event(OfModel { model, worker, event }: &OfModel) -> Value {
    let mut data = match event {
        ModelEvent::ModelLoading => json!({}),
        ModelEvent::ModelReady { load_secs } => json!({ "load_secs": secs(*load_secs) }),
        ModelEvent::ModelUnloading { reason } | ModelEvent::ModelUnloaded { reason } => {
            json!({ "reason": reason })
        }
        ModelEvent::ModelWaitingForGpu { needed_bytes, free_bytes, attempts, next_retry_at } => json!({
            "needed_bytes": needed_bytes,
            "free_bytes": free_bytes,
            "attempts": attempts,
            "next_retry_at": rfc3339(*next_retry_at),
        }),
        ModelEvent::ModelFailed { code, message } => json!({ "error": { "code": code, "message": message } }),
    };
    if !model.is_empty() {
        data["model"] = json!(model);
    }
    if let Some(worker) = worker {
        data["worker"] = json!(worker);
    }
    data["type"] = json!(event.name());
    data
}
