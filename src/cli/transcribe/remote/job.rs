//! A job as the server shows it, as far as this side looks at it.

use actors::domain::jobs::job::Status;
use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct JobSeen {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) error: Option<ErrorSeen>,
    /// What was odd about the recording.
    #[serde(default)]
    pub(super) warnings: Vec<String>,
}

/// The error of a job, or the body of a refused request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct ErrorSeen {
    pub(super) message: String,
    pub(super) code: Option<String>,
}

impl ErrorSeen {
    pub(super) fn sentence(&self) -> String {
        match &self.code {
            Some(code) => format!("{} ({code})", self.message),
            None => self.message.clone(),
        }
    }
}

impl JobSeen {
    /// Why there is no transcript, or that there is one.
    pub(super) fn sentence(&self) -> String {
        match &self.error {
            Some(error) => error.sentence(),
            None => format!("the job {} is {}", self.id, self.status),
        }
    }
}
