//! Events of jobs and of the model.

use serde::{Deserialize, Serialize};

use super::jobs::job::{JobError, JobId};
use super::language::Language;
use super::time::Timestamp;
use super::transcript::Segment;

/// What happened to a job. The stream of a job ends after `Completed`, `Failed` or `Cancelled`.
/// `LanguageDetected` comes in jobs that are to find out the language alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum JobEvent {
    Queued,
    Started { attempt: u32 },
    Progress { percent: f64, chunk: u32, chunks_total: u32, eta_secs: Option<f64> },
    Segment { chunk: u32, segment: Segment },
    LanguageDetected { language: Language, probability: f32 },
    Completed,
    Failed { error: JobError },
    Cancelled,
    Requeued { reason: RequeueReason },
}

/// Why a job went back to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequeueReason {
    /// The model is being unloaded.
    ModelUnloading,
    /// The engine crashed in the middle of a chunk.
    #[serde(rename = "engine_died")]
    EngineExited,
    /// The engine was killed in the middle of a chunk.
    EngineKilled,
    /// An interactive job goes first.
    Preempted,
    /// The engine ran out of memory in the middle of a chunk.
    OutOfMemory,
    /// The service is stopping.
    Shutdown,
    /// The service was stopped without notice and started again.
    Restart,
}

impl RequeueReason {
    /// As in its event.
    pub fn name(self) -> &'static str {
        match self {
            Self::ModelUnloading => "model_unloading",
            Self::EngineExited => "engine_died",
            Self::EngineKilled => "engine_killed",
            Self::Preempted => "preempted",
            Self::OutOfMemory => "out_of_memory",
            Self::Shutdown => "shutdown",
            Self::Restart => "restart",
        }
    }
}

/// What happened to the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ModelEvent {
    ModelLoading,
    ModelReady { load_secs: f64 },
    ModelUnloading { reason: UnloadReason },
    ModelUnloaded { reason: UnloadReason },
    ModelWaitingForGpu { needed_bytes: u64, free_bytes: u64, attempts: u32, next_retry_at: Timestamp },
    ModelFailed { code: String, message: String },
}

/// What happened to which model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfModel {
    /// Its name. Empty for what happened when there was only one.
    #[serde(default)]
    pub model: String,
    /// The name of the service that it happened on, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    #[serde(flatten)]
    pub event: ModelEvent,
}

/// Why the model goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnloadReason {
    Idle,
    Request,
    Shutdown,
    Pressure,
    /// Another model takes its place.
    Swap,
    /// The engine's process exited by itself.
    #[serde(rename = "engine_died")]
    EngineExited,
}

/// A stream of events with a numbering of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    Job(JobId),
    Model,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Job(JobId, JobEvent),
    Model(OfModel),
}

/// An event that is on disk. `seq` counts from 1 in its stream, without gaps.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub seq: u64,
    pub at: Timestamp,
    pub event: Event,
}

impl Recorded {
    pub fn stream(&self) -> Stream {
        match &self.event {
            Event::Job(id, _) => Stream::Job(*id),
            Event::Model(_) => Stream::Model,
        }
    }

    /// Nothing follows in its stream.
    pub fn is_last(&self) -> bool {
        match &self.event {
            Event::Job(_, event) => event.is_last(),
            Event::Model(_) => false,
        }
    }
}

impl JobEvent {
    pub fn name(&self) -> &'static str {
        match self {
            JobEvent::Queued => "queued",
            JobEvent::Started { .. } => "started",
            JobEvent::Progress { .. } => "progress",
            JobEvent::Segment { .. } => "segment",
            JobEvent::LanguageDetected { .. } => "language_detected",
            JobEvent::Completed => "completed",
            JobEvent::Failed { .. } => "failed",
            JobEvent::Cancelled => "cancelled",
            JobEvent::Requeued { .. } => "requeued",
        }
    }

    pub fn is_last(&self) -> bool {
        match self {
            JobEvent::Completed | JobEvent::Failed { .. } | JobEvent::Cancelled => true,
            JobEvent::Queued
            | JobEvent::Started { .. }
            | JobEvent::Progress { .. }
            | JobEvent::Segment { .. }
            | JobEvent::LanguageDetected { .. }
            | JobEvent::Requeued { .. } => false,
        }
    }
}

impl From<ModelEvent> for OfModel {
    /// Of the one model that there is.
    fn from(event: ModelEvent) -> Self {
        Self { model: String::new(), worker: None, event }
    }
}

impl ModelEvent {
    pub fn name(&self) -> &'static str {
        match self {
            ModelEvent::ModelLoading => "model_loading",
            ModelEvent::ModelReady { .. } => "model_ready",
            ModelEvent::ModelUnloading { .. } => "model_unloading",
            ModelEvent::ModelUnloaded { .. } => "model_unloaded",
            ModelEvent::ModelWaitingForGpu { .. } => "model_waiting_for_gpu",
            ModelEvent::ModelFailed { .. } => "model_failed",
        }
    }
}
