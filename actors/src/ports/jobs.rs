//! Jobs and events, kept.

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::audio::Plan;
use crate::domain::event::{JobEvent, OfModel, Recorded, RequeueReason, Stream};
use crate::domain::jobs::engine_exits::EngineExits;
use crate::domain::jobs::job::{BlobKey, Job, JobError, JobId, NewJob, Status};
use crate::domain::jobs::options::Priority;
use crate::domain::jobs::progress::Progress;
use crate::domain::jobs::queue::Queued;
use crate::domain::jobs::words::SearchWords;
use crate::domain::language::Language;
use crate::domain::transcript::Segment;

#[derive(Debug, Error)]
pub enum StoreError {
    /// Another claim has the job by now, or it has ended: drop the work and write nothing.
    #[error("the job is no longer this worker's")]
    LeaseLost,
    #[error("no space left on the device")]
    DiskFull,
    /// The database, or what keeps recordings on other machines, does not answer now, or refuses: it may take them later. What was
    /// to be written may be there or not.
    #[error("the storage cannot be reached: {0}")]
    Unreachable(String),
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Why a job was not taken in.
#[derive(Debug, Error)]
pub enum SubmitError {
    #[error("{queued} jobs are queued already")]
    QueueFull { queued: u64 },
    #[error("another request was sent under this key")]
    KeyReused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The right to write to a running job: every claim has an epoch of its own, and a write with an
/// older one changes nothing and gives [`StoreError::LeaseLost`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    pub id: JobId,
    pub epoch: i64,
}

/// A job taken by a worker, with where it stopped last time.
#[derive(Debug, Clone)]
pub struct Claim {
    pub job: Job,
    pub fence: Fence,
    /// The plan, if the recording was planned before.
    pub plan: Option<Plan>,
    /// Chunks whose segments are stored: work continues at this index.
    pub chunks_done: u32,
    pub segments_done: u32,
    /// Of the engine, on the chunk that is next.
    pub exits: EngineExits,
}

/// What one finished chunk adds.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Index of the finished chunk, from 0.
    pub chunk: u32,
    pub segments: Vec<Segment>,
    /// The job's language from now on.
    pub language: Option<Language>,
    /// How sure that is, 0 to 1; `None` where it was asked for.
    pub language_probability: Option<f32>,
    /// As it stands with this chunk finished.
    pub progress: Progress,
}

/// How a job ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Completed,
    Failed(JobError),
}

impl Ending {
    pub fn status(&self) -> Status {
        match self {
            Ending::Completed => Status::Completed,
            Ending::Failed(_) => Status::Failed,
        }
    }
}

/// What asking for a job's end did.
#[derive(Debug)]
pub enum Cancelled {
    /// It was queued or running and is cancelled now; writes with its worker's fence will fail.
    Now {
        job: Box<Job>,
        events: Vec<Recorded>,
    },
    /// It had ended before and is removed now, with its segments and events.
    Removed {
        blob: BlobKey,
    },
    NotFound,
}

/// Which jobs to list: an owner's, newest first, at most `limit`, older than `before`.
#[derive(Debug, Clone, Default)]
pub struct JobQuery {
    pub owner: String,
    /// Any of these; all where there are none.
    pub statuses: Vec<Status>,
    /// Any of these, as in the options; all where there are none.
    pub models: Vec<Option<String>>,
    /// All of them are in the id, the filename, the metadata or the transcript as it was last changed.
    pub words: Option<SearchWords>,
    pub before: Option<JobId>,
    pub limit: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCounts {
    pub queued: u64,
    pub running: u64,
}

/// The job that would be next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub priority: Priority,
    /// As in its options.
    pub model: Option<String>,
}

/// Who is in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    pub interactive: bool,
    pub batch: bool,
}

/// A job's place in the queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueuePlace {
    /// From 1.
    pub position: u64,
    /// Seconds of audio in the jobs before it; those of unknown length count as 0.
    pub audio_secs_ahead: f64,
}

/// What jobs are taken in on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub max_queued: u64,
    /// Complete the job at once with the result of an earlier one of its owner, if there is one of the same recording
    /// and the same options whose plan was made with this.
    pub reuse: Option<String>,
}

/// A request that was taken in under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    pub id: JobId,
    /// Equal for equal requests.
    pub fingerprint: String,
}

/// Jobs, their segments and their events. Every method that changes something is one transaction,
/// durable when it returns, and gives back the events it wrote.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Takes a job in, unless too many are waiting already. Its webhook's URL becomes a subscriber. One
    /// that was sent before under the same key is given as it stands by now, without events, and nothing
    /// is taken in.
    async fn submit(&self, job: NewJob, terms: Terms) -> Result<(Job, Vec<Recorded>), SubmitError>;

    /// What was sent under that key lately.
    async fn sent_under(&self, owner: &str, key: &str) -> Result<Option<Earlier>, StoreError>;

    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError>;
    async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, StoreError>;
    async fn segments(&self, id: JobId) -> Result<Vec<Segment>, StoreError>;
    async fn counts(&self) -> Result<JobCounts, StoreError>;
    /// By the model that jobs ask for, as in their options. Models without jobs may be left out.
    async fn counts_by_model(&self) -> Result<Vec<(Option<String>, JobCounts)>, StoreError>;
    /// What all of this takes on the disk.
    async fn size_bytes(&self) -> Result<u64, StoreError>;
    /// As if all jobs wanted the same model. `None` unless the job is queued.
    async fn place(&self, id: JobId) -> Result<Option<QueuePlace>, StoreError>;

    /// All that wait, in no order; `None` where there are more than `most`.
    async fn queue(&self, most: u32) -> Result<Option<Vec<Queued>>, StoreError>;

    /// Which priorities have jobs in the queue.
    async fn waiting(&self) -> Result<Waiting, StoreError>;

    /// Which job is next among those for one of these models: of the priority whose `turn` it is, or of the other if
    /// that has no jobs; first jobs that were begun before, oldest first, then owners in turns, each with their oldest.
    async fn head(&self, turn: Priority, models: &[Option<String>]) -> Result<Option<Head>, StoreError>;

    /// Takes the next job of that priority for that model.
    async fn claim(
        &self,
        priority: Priority,
        model: Option<&str>,
    ) -> Result<Option<(Claim, Vec<Recorded>)>, StoreError>;

    /// The models of jobs in the queue.
    async fn models_waited_for(&self) -> Result<Vec<Option<String>>, StoreError>;

    /// Keeps the plan and its duration, and forgets chunks done under an earlier plan.
    async fn planned(&self, fence: Fence, plan: &Plan, progress: Progress) -> Result<(), StoreError>;

    /// Adds an event that changes nothing else (the start of a chunk, progress inside it).
    async fn note(&self, fence: Fence, event: JobEvent) -> Result<Vec<Recorded>, StoreError>;

    /// Progress, language, segments and their events, all or nothing. A chunk that the same claim finished before
    /// stays as it is, without events.
    async fn checkpoint(&self, fence: Fence, done: Checkpoint) -> Result<Vec<Recorded>, StoreError>;

    async fn end(&self, fence: Fence, ending: Ending) -> Result<Vec<Recorded>, StoreError>;

    /// Back to the queue, in its old place, with all finished chunks. [`RequeueReason::EngineExited`] and
    /// [`RequeueReason::EngineKilled`] add one to the exits; a checkpoint forgets them.
    async fn requeue(&self, fence: Fence, reason: RequeueReason) -> Result<Vec<Recorded>, StoreError>;

    async fn cancel(&self, id: JobId) -> Result<Cancelled, StoreError>;

    /// Removes at most `limit` jobs that ended longer ago than `keep`, with all that was kept of them, and
    /// gives the recordings that no job needs any more.
    async fn remove_ended(&self, keep: Duration, limit: u32) -> Result<Vec<BlobKey>, StoreError>;

    /// Renews the leases of these claims, by the store's own clock, and then requeues whatever else is running and has
    /// had no lease renewed for [`LEASE_SECS`](crate::domain::jobs::job::LEASE_SECS): word of its claim was lost on the way. However far the clock was
    /// set ahead, what is in `held` stays claimed.
    async fn renew(&self, held: &[Fence]) -> Result<Vec<Recorded>, StoreError>;

    /// Requeues what an earlier process left running. Called once, before any claim.
    async fn recover(&self) -> Result<Vec<Recorded>, StoreError>;
}

/// The stored events of jobs and of the model.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    async fn append_model_event(&self, event: OfModel) -> Result<Recorded, StoreError>;

    /// Events of a stream with `seq > after`, in order, at most `limit`.
    async fn events_after(&self, stream: Stream, after: u64, limit: u32)
    -> Result<Vec<Recorded>, StoreError>;

    /// 0 for a stream without events.
    async fn last_seq(&self, stream: Stream) -> Result<u64, StoreError>;
}
