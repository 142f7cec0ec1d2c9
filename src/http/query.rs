//! Query parameters and headers that mean something to several routes.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use actors::domain::jobs::job::JobId;
use actors::domain::model::stay::Stay;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};
use url::form_urlencoded;

use super::form::truth;
use crate::error::AppError;

/// The parameters of a query. What is wrong with one is told with its name.
pub(super) struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = AppError;
    type Future = Ready<Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = form_urlencoded::parse(request.query_string().as_bytes());
        let read = serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs));
        ready(read.map(Query).map_err(|error| {
            let name = error.path().to_string();
            AppError::invalid_query(&name, format!("{name}: {}", error.inner()))
        }))
    }
}

/// True or false, as forms have it.
pub(super) fn flag<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    truth(&String::deserialize(value)?).ok_or_else(|| D::Error::custom("must be true or false"))
}

/// `POST /model/load?model=large&wait=true&keep_alive=60`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Loading {
    #[serde(default, deserialize_with = "flag")]
    pub wait: bool,
    pub model: Option<String>,
    keep_alive: Option<String>,
}

impl Loading {
    pub(super) fn keep_alive(&self) -> Result<Option<Stay>, AppError> {
        let stay = self.keep_alive.as_deref().map(str::parse).transpose();
        stay.map_err(|error| AppError::invalid_query("keep_alive", format!("keep_alive {error}")))
    }
}

/// `POST /model/unload?wait=true&hold_secs=60`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unloading {
    #[serde(default, deserialize_with = "flag")]
    pub wait: bool,
    hold_secs: Option<u64>,
}

/// The longest hold, as in the settings: a day.
const LONGEST_HOLD_SECS: u64 = 86_400;

impl Unloading {
    pub(super) fn hold(&self) -> Result<Option<Duration>, AppError> {
        if self.hold_secs.is_some_and(|secs| secs > LONGEST_HOLD_SECS) {
            let message = format!("hold_secs must be from 0 to {LONGEST_HOLD_SECS}");
            return Err(AppError::invalid_query("hold_secs", message));
        }
        Ok(self.hold_secs.map(Duration::from_secs))
    }
}

/// The id in a path: anything else is the id of no job.
pub(super) fn job_id(text: &str) -> Result<JobId, AppError> {
    text.parse().map_err(|_| AppError::JobNotFound)
}

/// Where a reader of events left off, if it says so.
pub(super) fn last_event_id(request: &HttpRequest) -> Result<Option<u64>, AppError> {
    let Some(header) = request.headers().get("last-event-id") else { return Ok(None) };
    if header.is_empty() {
        return Ok(None);
    }
    let number = header.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| {
        let message = "Last-Event-ID must be a decimal number, the id of an event of this stream";
        AppError::invalid_query("Last-Event-ID", message)
    })
}

/// What a client calls this request, so that it is taken in once however often it is sent.
pub(super) fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, AppError> {
    const LONGEST: usize = 255;
    let Some(header) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = header.to_str().ok().filter(|key| (1..=LONGEST).contains(&key.len()));
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        let message = format!("Idempotency-Key must be 1 to {LONGEST} visible ASCII characters");
        AppError::invalid_query("Idempotency-Key", message)
    })
}
