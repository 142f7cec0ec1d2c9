//! Answers that have no view of their own.
#![expect(dead_code, reason = "for the description")]

use serde::Serialize;
use utoipa::ToSchema;

use crate::transcript::{ResultView, VerboseView};

/// A transcript as JSON.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum Transcripts {
    Own(ResultView),
    Verbose(VerboseView),
}

/// An event of a stream.
#[derive(ToSchema)]
pub(in crate::http) struct ServerSentEvent {
    /// Of jobs and of the model: grows by one.
    #[schema(nullable = false)]
    id: Option<String>,
    event: String,
    /// One JSON object whose `type` is the event's name.
    #[schema(content_media_type = "application/json")]
    data: String,
}
