//! A job as the server shows it, as far as this side looks at it.

use actors::domain::jobs::job::Status;
use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct JobSeen {
    pub(crate) id: String,
    pub(crate) status: Status,
    pub(crate) error: Option<ErrorSeen>,
    /// What was odd about the recording.
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
}

/// The error of a job, or the body of a refused request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ErrorSeen {
    pub(crate) message: String,
    pub(crate) code: Option<String>,
}

impl ErrorSeen {
    pub(crate) fn sentence(&self) -> String {
        match &self.code {
            Some(code) => format!("{} ({code})", self.message),
            None => self.message.clone(),
        }
    }
}

impl JobSeen {
    /// Why there is no transcript, or that there is one.
    pub(crate) fn sentence(&self) -> String {
        match &self.error {
            Some(error) => error.sentence(),
            None => format!("the job {} is {}", self.id, self.status),
        }
    }
}
