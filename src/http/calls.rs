//! Calls that are answered with the transcript: interactive jobs under the hood, awaited. What all routes of that kind
//! share.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::ready;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::http::header::{ContentType, HeaderName, HeaderValue};
use actix_web::rt::time::sleep;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use actors::domain::event::JobEvent;
use actors::domain::jobs::job::{Job, JobId, KeyLife};
use actors::domain::time::Timestamp;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;

use super::detached::detached;
use super::identity::Identity;
use super::intake::client_socket::disconnected;
use super::intake::disk_room::check_room;
use super::intake::query::idempotency_key;
use super::intake::submission::Upload;
use super::job_wait::{JobWait, Wanted};
use super::service::Service;
use super::views::job_view::transcript_of;
use crate::auth::Caller;
use crate::error::AppError;
use crate::transcript::{Format, Transcript};

const JOB_ID: HeaderName = HeaderName::from_static("x-job-id");

/// Whether a call is taken at all, decided before its body is read; and what identifies it, so that it is taken
/// once.
pub(super) fn admit(service: &Service, request: &HttpRequest) -> Result<Identity, AppError> {
    if service.is_draining() {
        return Err(AppError::ShuttingDown);
    }
    let key = idempotency_key(request)?;
    check_room(service, request)?;
    Ok(match key {
        Some(key) => Identity::Key(key),
        None if service.wait_policy.join.is_zero() => Identity::Unique,
        None => Identity::Content(request.uri().to_string()),
    })
}

/// Makes a job of what was sent, or finds the one of the same call that was sent before. It is waited for from now on.
pub async fn begin(
    service: &web::Data<Service>,
    caller: Caller,
    identity: Identity,
    upload: Upload,
) -> Result<JobWait, AppError> {
    // The job may fail the model's load before anybody waits for it.
    let before = service.model.status();
    let service = service.clone();
    // A client that leaves before it is waited for leaves a job that is cancelled.
    detached(async move {
        let received = upload.finish().await?;
        let (once, wanted) = match identity {
            Identity::Key(key) => (Some(received.once(key, KeyLife::Day)), Wanted::Anyway),
            Identity::Content(how) => {
                let key = received.key(&how);
                let waiting = service.callers.join(format!("{}{key}", caller.owner)).await;
                // A result that a caller has got already is not given again: a call may be meant to run once more.
                let completed_after =
                    if waiting.is_repeated() { service.oldest_result() } else { Timestamp(i64::MAX) };
                let life = KeyLife::Result { completed_after };
                (Some(received.once(key, life)), Wanted::ByCallers(waiting))
            }
            Identity::Unique => (None, Wanted::ByOne),
        };
        let job = received.take_in(&service, caller.owner, once).await?;
        Ok(JobWait::new(service, &job, wanted, &before))
    })
    .await
}

/// How an answer may begin before its job is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// With space, which is nothing in front of a JSON document.
    Json,
    /// Not at all: every byte of it counts.
    Never,
}

impl Beginning {
    pub(super) fn of(format: Format) -> Self {
        match format {
            Format::Json | Format::VerboseJson => Self::Json,
            Format::Text | Format::Srt | Format::Vtt | Format::Tsv => Self::Never,
        }
    }
}

/// A job that has been running for this long has its answer begun …
const EARLY: Duration = Duration::from_secs(20);
/// … and continues with one byte each time so much has passed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The answer once the job is over, as `render` writes it; `on_event` gets what happens meanwhile.
///
/// Clients and proxies give up on an answer of which nothing comes for minutes. So where the settings allow it and
/// `beginning` is known, the answer of a long job begins with 200 and space while the job runs. A failure after that is the
/// usual body of an error, without its status, and the connection is closed. While the model or the job's turn is waited for
/// nothing is sent, since errors are still likely then.
pub(super) async fn answer(
    service: web::Data<Service>,
    request: &HttpRequest,
    awaited: JobWait,
    beginning: Beginning,
    mut on_event: impl FnMut(&JobEvent) + 'static,
    render: impl FnOnce(&Job, &Transcript<'_>) -> HttpResponse + 'static,
) -> HttpResponse {
    let id = awaited.id();
    let may_begin = service.wait_policy.begins_early && beginning == Beginning::Json;
    let has_started = Rc::new(Notify::new());
    let starts = has_started.clone();
    let mut finished: Finished = Box::pin(async move {
        let rendered = async {
            let job = awaited
                .until_over(|event| {
                    if let JobEvent::Started { .. } = event {
                        starts.notify_one();
                    }
                    on_event(event);
                })
                .await?;
            let segments = service.jobs.store().segments(job.id).await?;
            Ok::<_, AppError>(render(&job, &transcript_of(&job, &segments)))
        };
        rendered.await.unwrap_or_else(|error| error.error_response())
    });
    let is_long = async {
        has_started.notified().await;
        sleep(EARLY).await;
    };
    let response = tokio::select! {
        response = &mut finished => response,
        // The client has closed the connection and will not read this.
        () = disconnected(request) => HttpResponse::RequestTimeout().finish(),
        () = is_long, if may_begin => begun(finished, HEARTBEAT),
    };
    with_id(response, id)
}

type Finished = Pin<Box<dyn Future<Output = HttpResponse>>>;

/// An answer that has begun, of which the rest comes when it is known. The job runs on for as long as a client reads.
fn begun(finished: Finished, every: Duration) -> HttpResponse {
    let body = stream::unfold(Some(finished), move |finished| async move {
        let mut finished = finished?;
        tokio::select! {
            response = &mut finished => {
                let body = to_bytes(response.into_body()).await.unwrap_or_default();
                Some((Ok::<_, Infallible>(body), None))
            }
            () = sleep(every) => Some((Ok(Bytes::from_static(b" ")), Some(finished))),
        }
    });
    // The first byte at once: some proxies wait for more than a head.
    let body = stream::once(ready(Ok(Bytes::from_static(b" ")))).chain(body);
    HttpResponse::Ok().content_type(ContentType::json()).force_close().streaming(body)
}

/// Every answer names its job, also one that is not a transcript.
pub(super) fn with_id(mut response: HttpResponse, id: JobId) -> HttpResponse {
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(JOB_ID, id);
    }
    response
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody;

    use super::*;

    #[actix_web::test]
    async fn an_answer_that_has_begun_is_the_document_behind_space() {
        let (answer, answered) = tokio::sync::oneshot::channel::<HttpResponse>();
        let response = begun(Box::pin(async { answered.await.unwrap() }), Duration::from_millis(1));
        assert_eq!(response.status(), 200);
        let mut body = Box::pin(response.into_body());
        let mut next = async || std::future::poll_fn(|context| body.as_mut().poll_next(context)).await;
        assert_eq!(next().await.unwrap().unwrap(), " ");
        assert_eq!(next().await.unwrap().unwrap(), " ");
        answer.send(HttpResponse::Ok().body("{}")).unwrap();
        let mut rest = Vec::new();
        while let Some(bytes) = next().await {
            rest.extend(bytes.unwrap());
        }
        assert_eq!(String::from_utf8(rest).unwrap().trim(), "{}");
    }

    #[actix_web::test]
    async fn a_failure_after_that_is_the_body_of_an_error() {
        let failed = async { AppError::JobFailed { message: "it broke".into() }.error_response() };
        let body = to_bytes(begun(Box::pin(failed), HEARTBEAT).into_body()).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["message"], "it broke");
    }
}
