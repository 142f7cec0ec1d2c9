//! Query parameters and headers that mean something to several routes.

use std::time::Duration;

use actix_web::HttpRequest;
use actors::domain::job::JobId;
use serde::Deserialize;

use crate::error::AppError;

/// `?wait=true`, `?hold_secs=`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patience {
    #[serde(default)]
    pub wait: bool,
    pub hold_secs: Option<u64>,
}

/// The longest hold, as in the settings: a day.
const LONGEST_HOLD_SECS: u64 = 86_400;

impl Patience {
    pub(super) fn hold(&self) -> Result<Option<Duration>, AppError> {
        if self.hold_secs.is_some_and(|secs| secs > LONGEST_HOLD_SECS) {
            let message = format!("hold_secs must be from 0 to {LONGEST_HOLD_SECS}");
            return Err(AppError::InvalidQuery { param: Some("hold_secs"), message });
        }
        Ok(self.hold_secs.map(Duration::from_secs))
    }
}

/// The id in a path: whatever is no id names no job.
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
    number.map(Some).ok_or_else(|| AppError::InvalidQuery {
        param: Some("Last-Event-ID"),
        message: "Last-Event-ID must be a decimal number, the id of an event of this stream".into(),
    })
}
