//! Every error a client can get: one table, one body, and the one place with their HTTP status.

use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_RANGE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use actors::clock::Clock;
use actors::domain::model::lifecycle::{Failure, Shortage};
use actors::domain::time::Timestamp;
use actors::model::{ModelStatus, State};
use actors::ports::{AudioError, SourceError, StoreError, SubmitError};
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;
use tracing::error;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::outgoing::UrlError;
use crate::wire_time::{rfc3339, secs};

/// One row of the table in `docs/errors.md`.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    pub name: &'static str,
    pub status: u16,
    pub kind: &'static str,
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($constant:ident $name:literal $status:literal $kind:ident $meaning:literal)*) => {
        $(const $constant: Code = Code { name: $name, status: $status, kind: $kind, meaning: $meaning };)*

        /// The table.
        pub const CODES: &[Code] = &[$($constant),*];
    };
}

const REQUEST: &str = "invalid_request_error";
const AUTH: &str = "authentication_error";
const RATE: &str = "rate_limit_error";
const OVERLOAD: &str = "overloaded_error";
const SERVER: &str = "server_error";

codes! {
    INVALID_BODY "invalid_body" 400 REQUEST "The body is not the multipart form or the JSON that the route takes."
    MISSING_FILE "missing_file" 400 REQUEST "The form has no part with the recording; `param` names the part, mostly `file`."
    UNKNOWN_OPTION "unknown_option" 400 REQUEST "The route has no option of that name; `param` names it."
    INVALID_OPTION "invalid_option" 400 REQUEST "An option's value cannot be used; `param` names the option."
    INVALID_LANGUAGE "invalid_language" 400 REQUEST "`language` is not a code or name of a language of Whisper models."
    UNSUPPORTED_LANGUAGE "unsupported_language" 400 REQUEST "The model supports English only, and another language is asked for."
    UNSUPPORTED_TASK "unsupported_task" 400 REQUEST "The model supports English only: it can neither translate nor detect languages."
    INVALID_METADATA "invalid_metadata" 400 REQUEST "`metadata` is not a JSON object."
    INVALID_QUERY "invalid_query" 400 REQUEST "A query parameter or a header cannot be used; `param` names it where that is known."
    INVALID_TRANSCRIPT "invalid_transcript" 400 REQUEST "The edited transcript cannot be kept; `param` names the field."
    NO_AUDIO "no_audio" 400 REQUEST "The file is empty, or holds no audio samples."
    INVALID_WEBHOOK_URL "invalid_webhook_url" 400 REQUEST "The webhook's URL is not an http or https URL with a host."
    WEBHOOK_TARGET_FORBIDDEN "webhook_target_forbidden" 400 REQUEST "The webhook's URL leads to an address that webhooks must not reach."
    INVALID_URL "invalid_url" 400 REQUEST "The recording's URL is not an http or https URL with a host."
    URL_FORBIDDEN "url_forbidden" 400 REQUEST "The recording's URL, or where it redirects to, leads to an address that must not be reached."
    INVALID_WEBHOOK_SECRET "invalid_webhook_secret" 400 REQUEST "The webhook's secret is not `whsec_` and 24 to 64 bytes in base64."
    INVALID_API_KEY "invalid_api_key" 401 AUTH "A valid key is required as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
    INSUFFICIENT_SCOPE "insufficient_scope" 403 AUTH "The key may not do this; the message names the scope that it lacks."
    FORBIDDEN_HOST "forbidden_host" 403 AUTH "The request names a host that the service does not answer to; see `[server] allowed_hosts`."
    FORBIDDEN_ORIGIN "forbidden_origin" 403 AUTH "The request comes from a web page of another site; see `[server] cors_origins`."
    ROUTE_NOT_FOUND "route_not_found" 404 REQUEST "No route matches this path."
    UNKNOWN_MODEL "unknown_model" 404 REQUEST "The service serves no model of this name, or the catalogue has none to download; the message says where to find those there are."
    JOB_NOT_FOUND "job_not_found" 404 REQUEST "No job has this id."
    RECORDING_NOT_FOUND "recording_not_found" 404 REQUEST "The job's recording is no longer kept."
    REVISION_NOT_FOUND "revision_not_found" 404 REQUEST "The job's transcript has no such revision."
    WEBHOOK_NOT_FOUND "webhook_not_found" 404 REQUEST "No webhook subscriber has this id."
    DELIVERY_NOT_FOUND "delivery_not_found" 404 REQUEST "The webhook subscriber has no delivery of this id."
    WORKER_NOT_FOUND "worker_not_found" 404 REQUEST "No service that runs jobs has this name or id; the message has those there are."
    PULL_NOT_FOUND "pull_not_found" 404 REQUEST "No model of this name is being downloaded, or was since the start."
    METHOD_NOT_ALLOWED "method_not_allowed" 405 REQUEST "The path exists, but not for this method."
    JOB_NOT_FINISHED "job_not_finished" 409 REQUEST "The job has not ended: it has no transcript yet (`?partial=true` gives what there is), and cannot be edited or retried."
    JOB_ENDED_WITHOUT_RESULT "job_ended_without_result" 422 REQUEST "The job failed or was cancelled and will have no transcript; `?partial=true` gives what there is."
    IDEMPOTENCY_KEY_REUSED "idempotency_key_reused" 422 REQUEST "Another request was sent under this `Idempotency-Key` within the last 24 hours."
    FETCH_FAILED "fetch_failed" 422 REQUEST "The recording could not be fetched from its URL; the message has the reason."
    TRANSCRIPT_CHANGED "transcript_changed" 412 REQUEST "The transcript was changed since `base_revision`; the message has the latest revision."
    TOO_MANY_REVISIONS "too_many_revisions" 422 REQUEST "The job's transcript was changed as often as it may be; the message has the limit."
    BODY_TOO_LARGE "body_too_large" 413 REQUEST "The body is larger than the route takes."
    FILE_TOO_LARGE "file_too_large" 413 REQUEST "The recording is larger than `[server] max_upload_bytes`."
    UPLOAD_TOO_SLOW "upload_too_slow" 408 REQUEST "The upload came more slowly than `[limits] min_upload_bytes_per_sec` for 30 s."
    RANGE_NOT_SATISFIABLE "range_not_satisfiable" 416 REQUEST "The `Range` begins behind the recording's end."
    UNSUPPORTED_MEDIA "unsupported_media" 415 REQUEST "The file is not a recording that can be decoded."
    MODEL_NOT_FOUND "model_not_found" 422 REQUEST "The model file that the settings name does not exist. `/health/ready` answers this with 503."
    MODEL_CORRUPT "model_corrupt" 422 REQUEST "The model file is not a valid model. `/health/ready` answers this with 503."
    MODEL_FAILED "model_failed" 422 REQUEST "The model cannot be loaded; the message has the reason."
    QUEUE_FULL "queue_full" 429 RATE "`[jobs] max_queued` jobs are waiting already; try again after `Retry-After` seconds."
    RATE_LIMITED "rate_limited" 429 RATE "More requests came than `[limits] requests_per_minute` allows a caller; try again after `Retry-After` seconds."
    INTERNAL "internal_error" 500 SERVER "Internal error; the log contains the details under the request's id."
    MODEL_NOT_READY "model_not_ready" 503 OVERLOAD "The model is not loaded; the load was triggered. Try again after `Retry-After` seconds."
    MODEL_PULLING "model_pulling" 503 OVERLOAD "The model's file is being downloaded, and the model is loaded after that; `GET /models/pulls` shows the progress. Try again after `Retry-After` seconds."
    OUT_OF_MEMORY "out_of_memory" 503 OVERLOAD "There is not enough memory for the model, and a call that waits for it has waited as long as it may. Try again after `Retry-After` seconds."
    TOO_MANY_STREAMS "too_many_streams" 503 OVERLOAD "As many event streams are open as `[limits]` allows; try again after `Retry-After` seconds."
    SHUTTING_DOWN "shutting_down" 503 OVERLOAD "The service is stopping, or was drained by `POST /admin/drain`, and takes no new work."
    STORAGE_UNREACHABLE "storage_unreachable" 503 OVERLOAD "The database, or the storage that `[storage] blobs` names, does not answer. Try again after `Retry-After` seconds."
    DISK_FULL "disk_full" 507 SERVER "The service's disk is full."
}

/// The one body that all errors have.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody {
    error: ErrorDetail,
    /// With `model_not_ready` alone.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<NotReadyModel>,
}

#[derive(Serialize, ToSchema)]
struct ErrorDetail {
    message: String,
    #[serde(rename = "type")]
    #[schema(schema_with = kinds)]
    kind: &'static str,
    /// The part of the request that is to blame.
    #[schema(required)]
    param: Option<String>,
    /// One of docs/errors.md.
    #[schema(schema_with = names)]
    code: &'static str,
}

/// What is known of a model that is not ready.
#[derive(Serialize, ToSchema)]
#[schema(as = NotReady)]
struct NotReadyModel {
    #[schema(schema_with = model_states)]
    state: &'static str,
    #[schema(required)]
    load_elapsed_secs: Option<f64>,
    load_expected_secs: f64,
    #[schema(required)]
    waiting: Option<WaitingView>,
}

/// The memory that a load waits for.
#[derive(Serialize, ToSchema)]
#[schema(as = Waiting)]
pub struct WaitingView {
    needed_bytes: u64,
    free_bytes: u64,
    #[schema(minimum = 1)]
    attempts: u32,
    #[schema(format = "date-time")]
    next_retry_at: String,
}

impl WaitingView {
    /// `next_retry_at` is the shortage's own, by the wall clock.
    pub fn new(shortage: &Shortage, next_retry_at: Timestamp) -> Self {
        Self {
            needed_bytes: shortage.needed_bytes,
            free_bytes: shortage.free_bytes,
            attempts: shortage.attempts,
            next_retry_at: rfc3339(next_retry_at),
        }
    }
}

fn kinds() -> Object {
    one_of([REQUEST, AUTH, RATE, OVERLOAD, SERVER])
}

fn names() -> Object {
    one_of(CODES.iter().map(|code| code.name))
}

/// The states of a model.
pub fn model_states() -> Object {
    one_of(State::ALL.map(State::name))
}

/// A text that is one of some.
pub fn one_of(names: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

/// When to ask again for a model that is being downloaded.
const WHILE_PULLING_SECS: u64 = 60;

/// What a client can do about an error.
enum Remedy<'a> {
    /// Send another value for this part of the request.
    Change(&'a str),
    /// Try again after so many seconds.
    Wait(u64),
    Unknown,
}

/// Why a request is not answered as its sender hoped.
#[derive(Debug, Error)]
pub enum AppError {
    #[error(
        "the model is {}{}: try again after {retry_after} s{}",
        model.state().name(), why(model), if *may_queue { ", or send the job with ?queue=true" } else { "" }
    )]
    ModelNotReady {
        model: Box<ModelStatus>,
        retry_after: u64,
        next_retry_at: Option<Timestamp>,
        /// Whether the route takes jobs that wait for the model.
        may_queue: bool,
    },
    #[error("not enough memory for the model: {needed_bytes} bytes needed, {free_bytes} free")]
    OutOfMemory { needed_bytes: u64, free_bytes: u64, retry_after: u64 },
    /// `code` is the failure's own.
    #[error("{message}")]
    ModelFailed { code: &'static str, message: String },
    #[error("the service takes no new work: try again later, or another one")]
    ShuttingDown,
    #[error("{queued} jobs are queued already: try again later")]
    QueueFull { queued: u64, retry_after: u64 },
    #[error("too many requests: try again after {retry_after} s")]
    RateLimited { retry_after: u64 },
    #[error("too many event streams are open: close some, or try again later")]
    TooManyStreams,
    #[error("{0}")]
    UploadTooSlow(String),
    #[error("{0}")]
    InvalidBody(String),
    #[error("the recording is missing: send it as {part:?}")]
    MissingFile { part: &'static str },
    #[error("unknown option {name:?}: use one of {known}")]
    UnknownOption { name: String, known: String },
    #[error("{name}: {message}")]
    InvalidOption { name: &'static str, message: String },
    #[error("{0}")]
    InvalidLanguage(String),
    #[error("the model {model:?} supports English only: ask for another model, or for \"en\"")]
    UnsupportedLanguage { model: String },
    #[error("the model {model:?} supports English only and cannot translate: ask for another model")]
    UnsupportedTask { model: String },
    #[error("the model {model:?} supports English only and cannot detect languages: ask for another model")]
    CannotDetectLanguages { model: String },
    #[error("metadata must be a JSON object: {0}")]
    InvalidMetadata(String),
    #[error("{message}")]
    InvalidQuery { param: Option<String>, message: String },
    #[error("{0}")]
    NoAudio(String),
    #[error("{0}")]
    UnsupportedMedia(String),
    #[error("the recording is larger than {limit} bytes, which is the most that is taken")]
    FileTooLarge { limit: u64 },
    #[error("{message}")]
    InvalidWebhookUrl { param: &'static str, message: String },
    #[error("{message}")]
    WebhookTargetForbidden { param: &'static str, message: String },
    #[error("url: {0}")]
    InvalidUrl(String),
    #[error("the recording's URL is forbidden: {0}")]
    UrlForbidden(String),
    #[error("the recording could not be fetched: {0}")]
    FetchFailed(String),
    #[error("secret must be \"whsec_\" and 24 to 64 bytes in base64")]
    InvalidWebhookSecret,
    #[error("send a valid API key in the header Authorization: Bearer KEY")]
    InvalidApiKey,
    #[error("this key lacks the scope \"{scope}\"")]
    InsufficientScope { scope: &'static str },
    #[error("the service does not answer to the host {host:?}: add it to [server] allowed_hosts")]
    ForbiddenHost { host: String },
    #[error("pages of the origin {origin:?} may not call the service: add it to [server] cors_origins")]
    ForbiddenOrigin { origin: String },
    #[error("another request was sent under this Idempotency-Key: take a new one for a new request")]
    IdempotencyKeyReused,
    #[error("model {name:?} does not exist: use one of {known}; \"whisper-1\" is the first of them")]
    UnknownModel { name: String, known: String },
    #[error("{name:?} is not in the catalogue: GET /models lists the models that can be downloaded")]
    NotInCatalog { name: String },
    #[error("no model of this name is being downloaded, or was since the start")]
    PullNotFound,
    /// Of an awaited job. Trying again would not help.
    #[error("{message}")]
    JobFailed { message: String },
    #[error("no route matches this path")]
    RouteNotFound,
    #[error("this path takes {allow} only")]
    MethodNotAllowed { allow: &'static str },
    #[error("no job has this id")]
    JobNotFound,
    #[error("there is no worker {name:?}; there are: {known}")]
    WorkerNotFound { name: String, known: String },
    #[error("the recording of this job is no longer kept")]
    RecordingNotFound,
    #[error("the range begins behind the recording's end: it has {bytes} bytes")]
    RangeNotSatisfiable { bytes: u64 },
    #[error("the transcript has no such revision: the latest is {latest}, the original 0")]
    RevisionNotFound { latest: u32 },
    #[error("base_revision is {base}, but the latest is {latest}: change that one")]
    TranscriptChanged { base: u32, latest: u32 },
    #[error(
        "the transcript has {limit} revisions, which is the most that are kept: submit the recording \
         as a new job and change the transcript of that one"
    )]
    TooManyRevisions { limit: u32 },
    /// `field` as `segments[3].end`.
    #[error("{message}")]
    InvalidTranscript { field: String, message: String },
    #[error("the body is larger than {limit} bytes, which is the most that is taken")]
    BodyTooLarge { limit: usize },
    #[error("no webhook subscriber has this id")]
    WebhookNotFound,
    #[error("this webhook subscriber has no delivery with this id")]
    DeliveryNotFound,
    #[error("the job is {status}: wait for its end, or cancel it")]
    JobNotEnded { status: &'static str },
    #[error("the job is {status}: its transcript is not finished; ?partial=true returns the finished part")]
    JobNotFinished { status: &'static str },
    #[error(
        "the job is {status}: no complete transcript is available; ?partial=true returns the finished part"
    )]
    JobEndedWithoutResult { status: &'static str },
    #[error("the service's disk is full")]
    DiskFull,
    /// `detail` is for the log only.
    #[error("the service's storage does not answer: try again later")]
    StorageUnreachable { detail: String },
    /// `detail` is for the log only.
    #[error("internal error; the log contains the details under this request's id")]
    Internal { detail: String },
}

impl AppError {
    /// The model is not ready now: the client is to retry later.
    pub fn not_ready(model: ModelStatus, clock: &Clock, may_queue: bool) -> Self {
        let retry_after = model.retry_after(clock.now());
        let next_retry_at = model.shortage().map(|shortage| clock.wall(shortage.next_retry_at));
        Self::ModelNotReady { model: Box::new(model), retry_after, next_retry_at, may_queue }
    }

    /// A query parameter or a header that cannot be used.
    pub fn invalid_query(param: &str, message: impl ToString) -> Self {
        Self::InvalidQuery { param: Some(param.to_owned()), message: message.to_string() }
    }

    /// A webhook's URL that was refused, in the part of the request that `param` names.
    pub fn bad_webhook_url(error: &UrlError, param: &'static str) -> Self {
        let message = format!("{param}: {error}");
        match error {
            UrlError::Invalid { .. } => Self::InvalidWebhookUrl { param, message },
            UrlError::Forbidden(_) => Self::WebhookTargetForbidden { param, message },
        }
    }

    pub fn internal(detail: impl ToString) -> Self {
        Self::Internal { detail: detail.to_string() }
    }

    /// The row of the table that this error belongs to.
    pub fn code(&self) -> &'static Code {
        match self {
            Self::ModelNotReady { .. } => &MODEL_NOT_READY,
            Self::OutOfMemory { .. } => &OUT_OF_MEMORY,
            Self::ModelFailed { code, .. } => match *code {
                "model_not_found" => &MODEL_NOT_FOUND,
                "model_corrupt" => &MODEL_CORRUPT,
                Failure::MODEL_PULLING => &MODEL_PULLING,
                _ => &MODEL_FAILED,
            },
            Self::ShuttingDown => &SHUTTING_DOWN,
            Self::QueueFull { .. } => &QUEUE_FULL,
            Self::RateLimited { .. } => &RATE_LIMITED,
            Self::TooManyStreams => &TOO_MANY_STREAMS,
            Self::UploadTooSlow(_) => &UPLOAD_TOO_SLOW,
            Self::InvalidBody(_) => &INVALID_BODY,
            Self::MissingFile { .. } => &MISSING_FILE,
            Self::UnknownOption { .. } => &UNKNOWN_OPTION,
            Self::InvalidOption { .. } => &INVALID_OPTION,
            Self::InvalidLanguage(_) => &INVALID_LANGUAGE,
            Self::UnsupportedLanguage { .. } => &UNSUPPORTED_LANGUAGE,
            Self::UnsupportedTask { .. } | Self::CannotDetectLanguages { .. } => &UNSUPPORTED_TASK,
            Self::InvalidMetadata(_) => &INVALID_METADATA,
            Self::InvalidQuery { .. } => &INVALID_QUERY,
            Self::NoAudio(_) => &NO_AUDIO,
            Self::UnsupportedMedia(_) => &UNSUPPORTED_MEDIA,
            Self::FileTooLarge { .. } => &FILE_TOO_LARGE,
            Self::InvalidWebhookUrl { .. } => &INVALID_WEBHOOK_URL,
            Self::WebhookTargetForbidden { .. } => &WEBHOOK_TARGET_FORBIDDEN,
            Self::InvalidUrl(_) => &INVALID_URL,
            Self::UrlForbidden(_) => &URL_FORBIDDEN,
            Self::FetchFailed(_) => &FETCH_FAILED,
            Self::InvalidWebhookSecret => &INVALID_WEBHOOK_SECRET,
            Self::InvalidApiKey => &INVALID_API_KEY,
            Self::InsufficientScope { .. } => &INSUFFICIENT_SCOPE,
            Self::ForbiddenHost { .. } => &FORBIDDEN_HOST,
            Self::ForbiddenOrigin { .. } => &FORBIDDEN_ORIGIN,
            Self::IdempotencyKeyReused => &IDEMPOTENCY_KEY_REUSED,
            Self::UnknownModel { .. } | Self::NotInCatalog { .. } => &UNKNOWN_MODEL,
            Self::PullNotFound => &PULL_NOT_FOUND,
            Self::JobFailed { .. } => &JOB_ENDED_WITHOUT_RESULT,
            Self::RouteNotFound => &ROUTE_NOT_FOUND,
            Self::MethodNotAllowed { .. } => &METHOD_NOT_ALLOWED,
            Self::JobNotFound => &JOB_NOT_FOUND,
            Self::WorkerNotFound { .. } => &WORKER_NOT_FOUND,
            Self::RecordingNotFound => &RECORDING_NOT_FOUND,
            Self::RangeNotSatisfiable { .. } => &RANGE_NOT_SATISFIABLE,
            Self::RevisionNotFound { .. } => &REVISION_NOT_FOUND,
            Self::TranscriptChanged { .. } => &TRANSCRIPT_CHANGED,
            Self::TooManyRevisions { .. } => &TOO_MANY_REVISIONS,
            Self::InvalidTranscript { .. } => &INVALID_TRANSCRIPT,
            Self::BodyTooLarge { .. } => &BODY_TOO_LARGE,
            Self::WebhookNotFound => &WEBHOOK_NOT_FOUND,
            Self::DeliveryNotFound => &DELIVERY_NOT_FOUND,
            Self::JobNotFinished { .. } | Self::JobNotEnded { .. } => &JOB_NOT_FINISHED,
            Self::JobEndedWithoutResult { .. } => &JOB_ENDED_WITHOUT_RESULT,
            Self::DiskFull => &DISK_FULL,
            Self::StorageUnreachable { .. } => &STORAGE_UNREACHABLE,
            Self::Internal { .. } => &INTERNAL,
        }
    }

    /// What a client can do about it, as far as that can be said.
    fn remedy(&self) -> Remedy<'_> {
        match self {
            Self::UnknownOption { name, .. } => Remedy::Change(name),
            Self::InvalidOption { name, .. } => Remedy::Change(name),
            Self::InvalidQuery { param, .. } => param.as_deref().map_or(Remedy::Unknown, Remedy::Change),
            Self::MissingFile { part } => Remedy::Change(part),
            Self::NoAudio(_) | Self::UnsupportedMedia(_) | Self::FileTooLarge { .. } => {
                Remedy::Change("file")
            }
            Self::UnknownModel { .. } | Self::CannotDetectLanguages { .. } => Remedy::Change("model"),
            Self::NotInCatalog { .. } => Remedy::Change("name"),
            Self::WorkerNotFound { .. } => Remedy::Change("worker"),
            Self::InvalidUrl(_) | Self::UrlForbidden(_) | Self::FetchFailed(_) => Remedy::Change("url"),
            Self::InvalidWebhookSecret => Remedy::Change("secret"),
            Self::RangeNotSatisfiable { .. } => Remedy::Change("Range"),
            Self::RevisionNotFound { .. } => Remedy::Change("revision"),
            Self::TranscriptChanged { .. } => Remedy::Change("base_revision"),
            Self::InvalidTranscript { field, .. } => Remedy::Change(field),
            Self::IdempotencyKeyReused => Remedy::Change("Idempotency-Key"),
            Self::InvalidLanguage(_) | Self::UnsupportedLanguage { .. } => Remedy::Change("language"),
            Self::UnsupportedTask { .. } => Remedy::Change("task"),
            Self::InvalidMetadata(_) => Remedy::Change("metadata"),
            Self::InvalidWebhookUrl { param, .. } | Self::WebhookTargetForbidden { param, .. } => {
                Remedy::Change(param)
            }
            Self::ModelNotReady { retry_after, .. }
            | Self::OutOfMemory { retry_after, .. }
            | Self::QueueFull { retry_after, .. }
            | Self::RateLimited { retry_after } => Remedy::Wait(*retry_after),
            Self::ModelFailed { code: Failure::MODEL_PULLING, .. } => Remedy::Wait(WHILE_PULLING_SECS),
            Self::ShuttingDown => Remedy::Wait(30),
            Self::TooManyStreams | Self::StorageUnreachable { .. } => Remedy::Wait(10),
            Self::ModelFailed { .. }
            | Self::UploadTooSlow(_)
            | Self::InvalidBody(_)
            | Self::InvalidApiKey
            | Self::InsufficientScope { .. }
            | Self::ForbiddenHost { .. }
            | Self::ForbiddenOrigin { .. }
            | Self::JobFailed { .. }
            | Self::RouteNotFound
            | Self::MethodNotAllowed { .. }
            | Self::JobNotFound
            | Self::RecordingNotFound
            | Self::TooManyRevisions { .. }
            | Self::BodyTooLarge { .. }
            | Self::WebhookNotFound
            | Self::DeliveryNotFound
            | Self::PullNotFound
            | Self::JobNotFinished { .. }
            | Self::JobNotEnded { .. }
            | Self::JobEndedWithoutResult { .. }
            | Self::DiskFull
            | Self::Internal { .. } => Remedy::Unknown,
        }
    }

    /// The one body that all errors have.
    pub fn body(&self) -> Value {
        let Code { name, kind, .. } = self.code();
        let param = match self.remedy() {
            Remedy::Change(param) => Some(param.to_owned()),
            Remedy::Wait(_) | Remedy::Unknown => None,
        };
        let error = ErrorDetail { message: self.to_string(), kind, param, code: name };
        let mut body = ErrorBody { error, model: None };
        if let Self::ModelNotReady { model, next_retry_at, .. } = self {
            body.model = Some(not_ready_model(model, *next_retry_at));
        }
        json!(body)
    }
}

/// Why a model that cannot be loaded cannot.
fn why(model: &ModelStatus) -> String {
    model.failure().map(|failure| format!(" ({})", failure.message)).unwrap_or_default()
}

/// The state of the model, for a client that was turned away.
fn not_ready_model(model: &ModelStatus, next_retry_at: Option<Timestamp>) -> NotReadyModel {
    NotReadyModel {
        state: model.state().name(),
        load_elapsed_secs: model.load_elapsed_secs(Instant::now()).map(secs),
        load_expected_secs: secs(model.load_expected_secs()),
        waiting: model.shortage().zip(next_retry_at).map(|(shortage, at)| WaitingView::new(shortage, at)),
    }
}

impl ResponseError for AppError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::Internal { detail } = self {
            error!(detail, "internal error");
        }
        if let Self::StorageUnreachable { detail } = self {
            error!(detail, "storage unreachable");
        }
        let mut response = HttpResponse::build(self.status_code()).json(self.body());
        if let Self::MethodNotAllowed { allow } = self {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Self::InvalidApiKey = self {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Self::RangeNotSatisfiable { bytes } = self
            && let Ok(value) = HeaderValue::try_from(format!("bytes */{bytes}"))
        {
            response.headers_mut().insert(CONTENT_RANGE, value);
        }
        if let Remedy::Wait(secs) = self.remedy() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}

impl From<AudioError> for AppError {
    fn from(error: AudioError) -> Self {
        match error {
            AudioError::Unsupported(_) | AudioError::TooLong { .. } | AudioError::Corrupt(_) => {
                Self::UnsupportedMedia(error.to_string())
            }
            AudioError::NoSuchTrack(message) => Self::InvalidOption { name: "track", message },
            AudioError::StartsPastEnd { .. } => {
                Self::InvalidOption { name: "start_secs", message: error.to_string() }
            }
            AudioError::EmptyFile | AudioError::NoSamples => Self::NoAudio(error.to_string()),
            AudioError::Unreachable(detail) => Self::StorageUnreachable { detail },
            AudioError::Io(_) | AudioError::Cancelled => Self::internal(error),
        }
    }
}

impl From<SourceError> for AppError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Invalid(reason) => Self::InvalidUrl(reason),
            SourceError::Forbidden(reason) => Self::UrlForbidden(reason),
            SourceError::Answered { .. }
            | SourceError::NoEnd
            | SourceError::TooManyRedirects
            | SourceError::Unreachable(_) => Self::FetchFailed(format!("its server {error}")),
        }
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull => Self::DiskFull,
            StoreError::Unreachable(detail) => Self::StorageUnreachable { detail },
            StoreError::LeaseLost | StoreError::Failed(_) => Self::internal(error),
        }
    }
}

impl From<SubmitError> for AppError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::KeyReused => Self::IdempotencyKeyReused,
            SubmitError::QueueFull { queued } => Self::QueueFull { queued, retry_after: 30 },
            SubmitError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_statuses_are_errors() {
        let names: HashSet<_> = CODES.iter().map(|code| code.name).collect();
        assert_eq!(names.len(), CODES.len());
        assert!(CODES.iter().all(|code| (400..600).contains(&code.status)));
    }

    #[test]
    fn all_four_keys_are_always_there_and_the_inside_stays_inside() {
        let body = AppError::internal("secret path /x").body();
        let error = body["error"].as_object().unwrap();
        assert_eq!(error.keys().collect::<HashSet<_>>().len(), 4);
        assert!(error["param"].is_null());
        assert!(!body.to_string().contains("secret path"));
    }
}
