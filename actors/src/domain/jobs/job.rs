//! A job and the arrows between its states.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::options::Options;
use super::origin::Origin;
use super::progress::Progress;
use crate::domain::language::Language;
use crate::domain::time::Timestamp;

/// A job's name: a UUID of version 7, so that ids sort by the time they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

impl JobId {
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for JobId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = uuid::Error;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(Self)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobInput {
    /// A worker took it.
    Claimed,
    /// Its worker gave it back at a chunk boundary.
    Requeued,
    Finished,
    Broke,
    /// An earlier job has its result.
    Answered,
    /// Its owner cancelled it.
    CancelAsked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a job that is {status} cannot be {input:?}")]
pub struct Impossible {
    pub status: Status,
    pub input: JobInput,
}

impl Status {
    pub const ALL: [Status; 5] =
        [Status::Queued, Status::Running, Status::Completed, Status::Failed, Status::Cancelled];

    pub fn name(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Running => "running",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Nothing more will happen to it.
    pub fn has_ended(self) -> bool {
        match self {
            Status::Queued | Status::Running => false,
            Status::Completed | Status::Failed | Status::Cancelled => true,
        }
    }

    /// Where an input leads. There are no other arrows than the six named here.
    pub fn after(self, input: JobInput) -> Result<Status, Impossible> {
        match (self, input) {
            (Status::Queued, JobInput::Claimed) => Ok(Status::Running),
            (Status::Queued, JobInput::Answered) => Ok(Status::Completed),
            (Status::Running, JobInput::Requeued) => Ok(Status::Queued),
            (Status::Running, JobInput::Finished) => Ok(Status::Completed),
            (Status::Running, JobInput::Broke) => Ok(Status::Failed),
            (Status::Queued | Status::Running, JobInput::CancelAsked) => Ok(Status::Cancelled),
            (Status::Queued, JobInput::Requeued | JobInput::Finished | JobInput::Broke)
            | (Status::Running, JobInput::Claimed | JobInput::Answered)
            | (Status::Completed | Status::Failed | Status::Cancelled, _) => {
                Err(Impossible { status: self, input })
            }
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a recording is kept, in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlobKey(pub String);

/// The uploaded recording. `duration_secs` is unknown until it has been decoded once.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    pub filename: Option<String>,
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
    pub duration_secs: Option<f64>,
    pub blob: BlobKey,
}

/// Why a job failed, in the error table's terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    pub code: String,
    pub message: String,
}

/// A job as a client submits it. The recording is in the blob store already.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    pub id: JobId,
    /// The owner of the key that it was sent with; empty without authentication.
    pub owner: String,
    pub once: Option<Idempotency>,
    pub origin: Origin,
    pub audio: Audio,
    pub options: Options,
    /// A JSON object, kept as it came.
    pub metadata: Option<String>,
    pub webhook_url: Option<String>,
    /// The earlier job that is done once more, from its beginning.
    pub retry_of: Option<JobId>,
}

/// Sent under this key, a request makes one job however often it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Means something to its owner only.
    pub key: String,
    /// Equal for equal requests.
    pub fingerprint: String,
    pub life: KeyLife,
}

/// How long a key of [`Idempotency`] leads to the job that was sent under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyLife {
    /// For [`KEPT_ONCE_SECS`], whatever becomes of the job.
    Day,
    /// While the job is under way, and once it is completed, if that was after this moment.
    Result { completed_after: Timestamp },
}

/// How long a key of [`Idempotency`] is kept for a [`KeyLife::Day`].
pub const KEPT_ONCE_SECS: i64 = 86_400;

/// How long a claim is believed in without being renewed.
pub const LEASE_SECS: i64 = 60;

/// A job as it stands in the store, without its segments.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub id: JobId,
    pub owner: String,
    pub origin: Origin,
    pub status: Status,
    pub created_at: Timestamp,
    /// When a worker first took it.
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub audio: Audio,
    pub options: Options,
    pub metadata: Option<String>,
    pub webhook_url: Option<String>,
    /// `None` until the recording was planned.
    pub progress: Option<Progress>,
    /// How often a worker took it.
    pub attempts: u32,
    pub error: Option<JobError>,
    /// The language asked for or, once known, found.
    pub language: Option<Language>,
    /// How sure that is, 0 to 1; `None` where it was asked for, or is not known yet.
    pub language_probability: Option<f32>,
    /// The earlier job whose result it was given instead of being transcribed.
    pub reused_from: Option<JobId>,
    /// The earlier job that is done once more.
    pub retry_of: Option<JobId>,
    /// Of its transcript as people left it, the latest one; 0: it was not changed.
    pub revision: u32,
    /// What was odd about the recording, one sentence each: known once it was planned.
    pub warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_state_and_input_leads_where_it_should() {
        use JobInput::*;
        use Status::*;
        // Rows: state; columns: Claimed, Requeued, Finished, Broke, Answered, CancelAsked.
        let table = [
            (Queued, [Some(Running), None, None, None, Some(Completed), Some(Cancelled)]),
            (Running, [None, Some(Queued), Some(Completed), Some(Failed), None, Some(Cancelled)]),
            (Completed, [None; 6]),
            (Failed, [None; 6]),
            (Cancelled, [None; 6]),
        ];
        for (from, row) in table {
            let inputs = [Claimed, Requeued, Finished, Broke, Answered, CancelAsked];
            for (input, to) in inputs.into_iter().zip(row) {
                assert_eq!(from.after(input).ok(), to, "{from} after {input:?}");
            }
        }
    }

    #[test]
    fn names_are_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_name(status.name()), Some(status));
        }
        assert_eq!(Status::from_name("done"), None);
    }
}
