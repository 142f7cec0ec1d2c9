//! Query parameters and headers that mean something to several routes.

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

/// The id in a path: whatever is no id names no job.
pub(super) fn job_id(text: &str) -> Result<JobId, AppError> {
    text.parse().map_err(|_| AppError::JobNotFound)
}

/// Where a reader of events left off, if it says so.
pub(super) fn last_event_id(request: &HttpRequest) -> Result<Option<u64>, AppError> {
    let Some(header) = request.headers().get("last-event-id") else { return Ok(None) };
    let number = header.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| AppError::InvalidQuery {
        param: Some("Last-Event-ID"),
        message: "Last-Event-ID must be a decimal number, the id of an event of this stream".into(),
    })
}
