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
use utoipa::IntoParams;

use super::form::truth;
use crate::error::AppError;

/// The parameters of a query. An error names its parameter.
pub(in crate::http) struct Query<T>(pub T);

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
pub(in crate::http) fn flag<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    truth(&String::deserialize(value)?).ok_or_else(|| D::Error::custom("must be true or false"))
}

/// `POST /model/load?model=large&wait=true&keep_alive=60`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Loading {
    /// Hold the answer until it is settled.
    #[serde(default, deserialize_with = "flag")]
    pub wait: bool,
    /// A model of GET /v1/models.
    pub model: Option<String>,
    /// Seconds that the model stays without work; -1: it stays.
    #[param(value_type = Option<i64>, minimum = -1, maximum = 315_360_000)]
    keep_alive: Option<String>,
    /// The name or id of a worker of GET /workers; *: all of them.
    pub worker: Option<String>,
}

impl Loading {
    pub(in crate::http) fn keep_alive(&self) -> Result<Option<Stay>, AppError> {
        let stay = self.keep_alive.as_deref().map(str::parse).transpose();
        stay.map_err(|error| AppError::invalid_query("keep_alive", format!("keep_alive {error}")))
    }
}

/// `POST /model/unload?wait=true&hold_secs=60`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Unloading {
    /// Hold the answer until it is settled.
    #[serde(default, deserialize_with = "flag")]
    pub wait: bool,
    /// How long queued jobs leave the model alone.
    #[param(maximum = 86_400)]
    hold_secs: Option<u64>,
    /// The name or id of a worker of GET /workers; *: all of them.
    pub worker: Option<String>,
}

/// `GET /model/status?worker=gpu-1`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct OnWorker {
    /// The name or id of a worker of GET /workers.
    pub worker: Option<String>,
}

/// The longest hold, as in the settings: a day.
const LONGEST_HOLD_SECS: u64 = 86_400;

impl Unloading {
    pub(in crate::http) fn hold(&self) -> Result<Option<Duration>, AppError> {
        if self.hold_secs.is_some_and(|secs| secs > LONGEST_HOLD_SECS) {
            let message = format!("hold_secs must be from 0 to {LONGEST_HOLD_SECS}");
            return Err(AppError::invalid_query("hold_secs", message));
        }
        Ok(self.hold_secs.map(Duration::from_secs))
    }
}

/// A path that names a job.
#[derive(IntoParams)]
#[into_params(names("id"), parameter_in = Path)]
pub(in crate::http) struct JobPath(
    /// The job.
    #[param(format = "uuid")]
    #[expect(dead_code, reason = "for the description")]
    String,
);

/// The id in a path: anything else is the id of no job.
pub(in crate::http) fn job_id(text: &str) -> Result<JobId, AppError> {
    text.parse().map_err(|_| AppError::JobNotFound)
}

/// The header of a reader of events that reconnects.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "for the description")]
pub(in crate::http) struct LastEventId {
    /// The id of the last event that was received: what came after it is sent.
    #[param(rename = "Last-Event-ID", nullable = false, pattern = "^[0-9]{0,18}$")]
    last_event_id: Option<String>,
}

/// Where a reader of events left off, if it says so.
pub(in crate::http) fn last_event_id(request: &HttpRequest) -> Result<Option<u64>, AppError> {
    let Some(header) = request.headers().get("last-event-id") else { return Ok(None) };
    if header.is_empty() {
        return Ok(None);
    }
    let number: Option<u64> = header.to_str().ok().and_then(|text| text.trim().parse().ok());
    // As far as ids go.
    let number = number.filter(|number| i64::try_from(*number).is_ok());
    number.map(Some).ok_or_else(|| {
        let message = "Last-Event-ID must be a decimal number, the id of an event of this stream";
        AppError::invalid_query("Last-Event-ID", message)
    })
}

/// The header of a request that may be sent again.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "for the description")]
pub(in crate::http) struct IdempotencyKey {
    /// However often a request is sent under one key, within 24 hours it is one job.
    #[param(
        rename = "Idempotency-Key",
        nullable = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]([ -~]*[!-~])?$"
    )]
    idempotency_key: Option<String>,
}

/// The client's name of this request, so that it is taken in once however often it is sent.
pub(in crate::http) fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, AppError> {
    const LONGEST: usize = 255;
    let Some(header) = request.headers().get("idempotency-key") else { return Ok(None) };
    let is_printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    let is_key = |key: &&str| (1..=LONGEST).contains(&key.len()) && key.bytes().all(is_printable);
    let key = header.to_str().ok().filter(is_key);
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        let message = format!("Idempotency-Key must be 1 to {LONGEST} visible ASCII characters or spaces");
        AppError::invalid_query("Idempotency-Key", message)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn an_idempotency_key_is_printable() {
        let read = |key: &str| {
            idempotency_key(&TestRequest::post().insert_header(("idempotency-key", key)).to_http_request())
        };
        assert_eq!(read("8e03978e-40d5").unwrap().as_deref(), Some("8e03978e-40d5"));
        assert_eq!(read("two words").unwrap().as_deref(), Some("two words"));
        for key in ["", "a\ttab", &"x".repeat(256)] {
            assert!(read(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn an_event_id_is_a_number_that_events_can_have() {
        let read = |id: &str| {
            last_event_id(&TestRequest::get().insert_header(("last-event-id", id)).to_http_request())
        };
        assert_eq!(read("9223372036854775807").unwrap(), Some(i64::MAX.unsigned_abs()));
        for id in ["9223372036854775808", "-1", "one"] {
            assert!(read(id).is_err(), "{id}");
        }
    }
}
