//! A job as the server shows it, as far as this side looks at it.

use actors::domain::jobs::job::Status;
use serde::Deserialize;

/// Fields that another version may not send have a default.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct JobSeen {
    pub(crate) id: String,
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) created_at: String,
    #[serde(default)]
    pub(crate) started_at: Option<String>,
    #[serde(default)]
    pub(crate) finished_at: Option<String>,
    #[serde(default)]
    pub(crate) audio: AudioSeen,
    #[serde(default)]
    pub(crate) options: OptionsSeen,
    #[serde(default)]
    pub(crate) progress: Option<ProgressSeen>,
    #[serde(default)]
    pub(crate) queue: Option<PlaceSeen>,
    /// The error of the model that a queued job waits for.
    #[serde(default)]
    pub(crate) waiting_for: Option<ErrorSeen>,
    pub(crate) error: Option<ErrorSeen>,
    /// What was odd about the recording.
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
    #[serde(default)]
    pub(crate) result: Option<ResultSeen>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct AudioSeen {
    pub(crate) filename: Option<String>,
    pub(crate) bytes: u64,
    pub(crate) duration_secs: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct OptionsSeen {
    pub(crate) model: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) task: String,
    pub(crate) priority: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct ProgressSeen {
    pub(crate) percent: f64,
    pub(crate) chunk: u32,
    pub(crate) chunks_total: u32,
    pub(crate) eta_secs: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct PlaceSeen {
    pub(crate) position: u64,
    pub(crate) eta_secs: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ResultSeen {
    pub(crate) language: Option<String>,
    pub(crate) text: String,
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
