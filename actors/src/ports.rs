//! What the actors need of the world, named by role. Adapters live in the root package, fakes in
//! [`crate::testing`].

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::LocalBoxStream;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::domain::audio::{Decoder, Plan};
use crate::domain::deaths::Deaths;
use crate::domain::event::{JobEvent, OfModel, Recorded, RequeueReason, Stream};
use crate::domain::job::{BlobKey, Job, JobError, JobId, NewJob, Status};
use crate::domain::language::Language;
use crate::domain::options::{Priority, Task};
use crate::domain::progress::Progress;
use crate::domain::queue::Queued;
use crate::domain::retry::Failures;
use crate::domain::time::Timestamp;
use crate::domain::transcript::{ChunkTranscript, Segment};
use crate::domain::webhook::{Data, Message, MessageId, Secret, SigningKey};

// ---- the engine ---------------------------------------------------------------------------------

/// Loads the one model that the settings name.
pub trait Engine: Send + Sync + 'static {
    /// What is known without loading: reads the file's header, never its weights.
    fn describe(&self) -> ModelFacts;

    /// Checks the file, loads it and warms it up: what comes back has transcribed once already.
    ///
    /// `keep_going` is polled at least every 50 ms; once it says no the load is given up and all of
    /// its memory freed before this returns [`LoadFailure::Cancelled`]. `on_death` is called once,
    /// from any thread, if the loaded model ends without [`LoadedModel::unload`], and before any
    /// [`LoadedModel::transcribe`] returns an [`EngineFault`] for that reason.
    ///
    /// # Blocking
    /// For as long as the load takes.
    fn load(
        &self,
        keep_going: &dyn Fn() -> bool,
        on_death: OnDeath,
    ) -> Result<Arc<dyn LoadedModel>, LoadFailure>;
}

pub type OnDeath = Box<dyn FnOnce(Death) + Send>;

/// Why a loaded model ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    Crashed,
    OutOfMemory { needed_bytes: u64, free_bytes: u64 },
}

/// A model in memory, ready to transcribe from several threads at once.
pub trait LoadedModel: Send + Sync + 'static {
    fn facts(&self) -> ModelFacts;

    /// Transcribes one chunk from a fresh state: the same work gives the same transcript. `progress`
    /// is told the fraction done, 0 to 1, now and then. A cancelled chunk ends within one graph.
    ///
    /// # Blocking
    /// For as long as the chunk takes.
    fn transcribe(
        &self,
        work: &ChunkWork,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(f32),
    ) -> Result<ChunkTranscript, EngineFault>;

    /// Gives back all memory. Work still running ends with [`EngineFault::Died`], and so does any
    /// that comes later.
    ///
    /// # Blocking
    /// Until the memory is back.
    fn unload(&self);
}

/// What is known of the model and of the device it runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    pub id: String,
    pub path: String,
    /// `None` while the file cannot be read.
    pub bytes: Option<u64>,
    pub multilingual: Option<bool>,
    /// Equal where the same chunk has the same transcript: of the file and of how it is decoded. Empty while
    /// the file cannot be read.
    pub fingerprint: String,
    pub device: Device,
    /// While the model is loaded.
    pub holder: Option<Holder>,
}

/// The process that has the model in its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub process: u32,
    /// What that process had of the memory that is read before the load: 0 for one that lives for the model
    /// alone, whose own few megabytes go with it.
    pub before_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// "cpu", "cuda", "vulkan", "metal" or "hip".
    pub backend: String,
    pub name: String,
}

/// One chunk to transcribe.
#[derive(Debug, Clone, PartialEq)]
pub struct ChunkWork {
    /// 16 kHz mono, finite, within [-1, 1], at most 30 s.
    pub samples: Arc<[f32]>,
    /// `None`: find it out.
    pub language: Option<Language>,
    /// Where it is to be found out, it is one of these; empty: any.
    pub languages: Vec<Language>,
    pub task: Task,
    pub prompt: Option<String>,
    pub temperature: Option<f32>,
    pub word_timestamps: bool,
}

/// Why a load did not end in a ready model.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoadFailure {
    #[error("the load was given up")]
    Cancelled,
    #[error("not enough memory: {needed_bytes} bytes needed, {free_bytes} free")]
    OutOfMemory { needed_bytes: u64, free_bytes: u64 },
    /// It will not load as things are: no such file, a corrupt one, a crash without a shortage.
    #[error("{message}")]
    Broken { code: &'static str, message: String },
}

/// Why a chunk has no transcript.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EngineFault {
    #[error("cancelled")]
    Cancelled,
    #[error("the engine ran out of memory")]
    OutOfMemory { needed_bytes: u64, free_bytes: u64 },
    /// The engine's process is gone: `detail` is its last word.
    #[error("the engine died: {detail}")]
    Died { detail: String },
    /// Someone killed the engine's process.
    #[error("the engine was killed")]
    Killed,
    /// The engine is well but will not do this chunk, ever.
    #[error("the engine refused the chunk: {message}")]
    Refused { message: String },
}

/// A flag that blocking work polls; once set it stays set.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

// ---- memory -------------------------------------------------------------------------------------

/// Reads the memory of the device that the model runs on.
pub trait MemoryProbe: Send + Sync + 'static {
    /// Takes well under 1 ms. `holder` is who has the model, or had it last.
    fn read(&self, holder: Option<Holder>) -> MemoryReading;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryReading {
    pub total_bytes: u64,
    /// What nobody uses.
    pub unused_bytes: u64,
    /// What the engine may still take: of the unused no more than its own limit leaves it.
    pub free_bytes: u64,
    /// 0 without a holder, and when nothing of it is left.
    pub used_by_model_bytes: u64,
    /// The most that it ever was, as far as the device tells; at least what it is now.
    pub peak_by_model_bytes: u64,
}

// ---- recordings ---------------------------------------------------------------------------------

/// Uploaded recordings as the engine hears them. Memory stays bounded whatever their length.
pub trait Recordings: Send + Sync + 'static {
    /// Changes whenever a recording for that decoder may be decoded or cut in another way than before.
    fn version(&self, decoder: Decoder) -> String;

    /// Makes sure that at least one sample can be decoded.
    ///
    /// # Blocking
    /// Reads and decodes the beginning.
    fn probe(&self, blob: &BlobKey) -> Result<(), AudioError>;

    /// Decodes all of it once and decides where it is cut. `first` is told at most once, as early as
    /// can be, a plan of what the first chunk will very likely be: for work that need not wait for the rest.
    /// Only the whole plan says what it is.
    ///
    /// # Blocking
    /// For as long as decoding takes.
    fn plan(
        &self,
        blob: &BlobKey,
        cancel: &CancelToken,
        first: &mut dyn FnMut(Plan),
    ) -> Result<Plan, AudioError>;

    /// The samples of the plan's chunks from index `first` on, in order, each when it is asked for.
    ///
    /// # Blocking
    /// Every call of `next` decodes one chunk.
    fn chunks(&self, blob: &BlobKey, plan: &Plan, first: usize) -> Result<ChunkSamples, AudioError>;
}

/// Chunks of samples, one after the other.
pub type ChunkSamples = Box<dyn Iterator<Item = Result<Arc<[f32]>, AudioError>> + Send>;

/// Finds voices in recordings, in place of the detector that is built into the reading of them.
pub trait VoiceDetector: fmt::Debug + Send + Sync + 'static {
    /// Changes whenever it may hear otherwise than before.
    fn version(&self) -> String;

    /// Begins with a recording.
    fn listen(&self) -> Result<Box<dyn VoiceListener>, AudioError>;
}

/// Hears one recording from its beginning to its end.
pub trait VoiceListener {
    /// Takes the next samples: 16 kHz mono, within [-1, 1].
    fn push(&mut self, samples: &[f32]) -> Result<(), AudioError>;

    /// The probability of speech in every 256 samples, 0 to 255; the last ones may be fewer.
    fn finish(self: Box<Self>) -> Result<Vec<u8>, AudioError>;
}

/// What is wrong with a recording. Messages are for its owner.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AudioError {
    #[error("{0}")]
    Unsupported(String),
    #[error("the recording is longer than the {max_secs} s that are allowed: send it in parts")]
    TooLong { max_secs: u64 },
    #[error("the file is empty: send a recording")]
    EmptyFile,
    #[error("the recording holds no audio samples")]
    NoSamples,
    /// Begins well and then cannot be decoded at all.
    #[error("{0}")]
    Corrupt(String),
    #[error("the recording could not be read: {0}")]
    Io(String),
    #[error("cancelled")]
    Cancelled,
}

// ---- recordings elsewhere ------------------------------------------------------------------------

/// Recordings on other servers.
#[async_trait(?Send)]
pub trait Sources: Send + Sync + 'static {
    /// Begins to fetch what is at a URL: it and wherever it leads are judged before anything is connected to. There is no
    /// time limit but that of connecting, and none of size.
    async fn open(&self, url: &str) -> Result<Download, SourceError>;
}

/// A recording that is being fetched.
pub struct Download {
    /// What it is called where it comes from.
    pub name: Option<String>,
    /// How long it is said to be.
    pub bytes: Option<u64>,
    /// Ends with an error where it was cut short.
    pub body: LocalBoxStream<'static, io::Result<Bytes>>,
}

/// Why nothing can be fetched. Messages are for who named the URL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SourceError {
    /// Not a usable URL.
    #[error("{0}")]
    Invalid(String),
    /// It leads to an address that must not be connected to.
    #[error("{0}")]
    Forbidden(String),
    #[error("answered with status {status}")]
    Answered { status: u16 },
    #[error("says neither how long the recording is nor where it ends, as a live stream does")]
    NoEnd,
    #[error("leads from one redirect to the next")]
    TooManyRedirects,
    #[error("could not be reached: {0}")]
    Unreachable(String),
}

// ---- blobs --------------------------------------------------------------------------------------

/// Uploaded files, as they came.
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// Starts a new blob. Nothing is kept unless [`BlobWriter::finish`] is called.
    async fn create(&self) -> Result<Box<dyn BlobWriter>, StoreError>;

    /// Whether so many bytes more fit, as far as can be told now.
    fn has_room(&self, bytes: u64) -> bool;

    /// Removes a blob; one that is not there is no error.
    async fn delete(&self, key: &BlobKey) -> Result<(), StoreError>;
}

#[async_trait]
pub trait BlobWriter: Send {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;

    /// When this returns the blob is on disk, fsynced, its folder too.
    async fn finish(self: Box<Self>) -> Result<StoredBlob, StoreError>;

    /// Removes what was written so far.
    async fn abort(self: Box<Self>);
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    pub key: BlobKey,
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

// ---- the store ----------------------------------------------------------------------------------

#[derive(Debug, Error)]
pub enum StoreError {
    /// Someone else owns the job by now, or it has ended: drop the work and write nothing.
    #[error("the job is no longer this worker's")]
    LeaseLost,
    #[error("no space left on the device")]
    DiskFull,
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
    /// Chunks whose segments are stored: work goes on at this index.
    pub chunks_done: u32,
    pub segments_done: u32,
    /// Of the engine, on the chunk that is next.
    pub deaths: Deaths,
}

/// What one finished chunk adds.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Index of the finished chunk, from 0.
    pub chunk: u32,
    pub segments: Vec<Segment>,
    /// The job's language from now on.
    pub language: Option<Language>,
    /// As it stands with this chunk finished.
    pub progress: Progress,
}

/// How a job ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Completed,
    Failed(JobError),
}

/// What asking for a job's end did.
#[derive(Debug)]
pub enum Cancelled {
    /// It was queued or running and is cancelled now; its running worker will find its fence gone.
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
    pub status: Option<Status>,
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
    /// As if all jobs wanted the same model. `None` unless the job is queued.
    async fn place(&self, id: JobId) -> Result<Option<QueuePlace>, StoreError>;

    /// All that wait, in no order; `None` where there are more than `most`.
    async fn queue(&self, most: u32) -> Result<Option<Vec<Queued>>, StoreError>;

    /// Which priorities have jobs in the queue.
    async fn waiting(&self) -> Result<Waiting, StoreError>;

    /// Who is next among jobs that want one of these models: of the priority whose `turn` it is, or of the other if
    /// there is none of it; first who was begun before, oldest first, then owners in turns, each with their oldest.
    async fn head(&self, turn: Priority, models: &[Option<String>]) -> Result<Option<Head>, StoreError>;

    /// Takes the next job of that priority that wants that model.
    async fn claim(
        &self,
        priority: Priority,
        model: Option<&str>,
    ) -> Result<Option<(Claim, Vec<Recorded>)>, StoreError>;

    /// The models that jobs in the queue want.
    async fn models_waited_for(&self) -> Result<Vec<Option<String>>, StoreError>;

    /// Keeps the plan and the duration it tells, and forgets chunks done under an earlier plan.
    async fn planned(&self, fence: Fence, plan: &Plan, progress: Progress) -> Result<(), StoreError>;

    /// Adds an event that changes nothing else (the start of a chunk, progress inside it).
    async fn note(&self, fence: Fence, event: JobEvent) -> Result<Vec<Recorded>, StoreError>;

    /// Progress, language, segments and their events, all or nothing. A chunk that the same claim finished before
    /// stays as it is, without events.
    async fn checkpoint(&self, fence: Fence, done: Checkpoint) -> Result<Vec<Recorded>, StoreError>;

    async fn end(&self, fence: Fence, ending: Ending) -> Result<Vec<Recorded>, StoreError>;

    /// Back to the queue, in its old place, with all finished chunks. [`RequeueReason::EngineDied`] and
    /// [`RequeueReason::EngineKilled`] add one to the deaths; a checkpoint forgets them.
    async fn requeue(&self, fence: Fence, reason: RequeueReason) -> Result<Vec<Recorded>, StoreError>;

    async fn cancel(&self, id: JobId) -> Result<Cancelled, StoreError>;

    /// Removes at most `limit` jobs that ended longer ago than `keep`, with all that was kept of them, and
    /// gives the recordings that nobody needs any more.
    async fn remove_ended(&self, keep: Duration, limit: u32) -> Result<Vec<BlobKey>, StoreError>;

    /// Renews the leases of these claims, by the store's own clock, and then requeues whatever else is running and has
    /// had no lease renewed for [`LEASE_SECS`](crate::domain::job::LEASE_SECS): word of its claim was lost on the way. However far the clock was
    /// set ahead, what is in `held` stays claimed.
    async fn renew(&self, held: &[Fence]) -> Result<Vec<Recorded>, StoreError>;

    /// Requeues what a process that is gone left running. Called once, before any claim.
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

/// Everyone who is told of the model by webhook.
#[async_trait]
pub trait SubscriberStore: Send + Sync + 'static {
    /// Adds a subscriber, with a secret of its own if one is given. One with the same URL stays the one
    /// it is, and is switched on if it was off; a `secret` is then a [change](Self::change_secret).
    async fn subscribe(&self, url: &str, secret: Option<Secret>) -> Result<Subscriber, StoreError>;
    /// In the order they were added.
    async fn subscribers(&self) -> Result<Vec<Subscriber>, StoreError>;
    async fn subscriber(&self, id: Uuid) -> Result<Option<Subscriber>, StoreError>;
    /// Removes a subscriber with its messages, pending ones too. `false` when there is none of that id.
    async fn unsubscribe(&self, id: Uuid) -> Result<bool, StoreError>;
    /// Gives a subscriber a secret of its own. For [`OLD_SECRET_VALID`] its messages are signed with the
    /// one before as well. `None` when there is no subscriber of that id.
    async fn change_secret(&self, id: Uuid, secret: Secret) -> Result<Option<Subscriber>, StoreError>;
}

/// How long messages are signed with a subscriber's old secret beside the new one.
pub const OLD_SECRET_VALID: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    pub id: Uuid,
    pub url: String,
    pub created_at: Timestamp,
    pub state: SubscriberState,
    /// When the first of the failures was that were followed by no success.
    pub failing_since: Option<Timestamp>,
    pub signed_with: SigningKey,
    /// Until when messages are signed with the secret before this one, too.
    pub old_secret_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriberState {
    Active,
    /// Is told nothing any more, but for what is asked for by hand. A success switches it on again.
    Off,
}

/// Messages to receivers of webhooks, from the transaction that wrote what they tell of until long
/// after they were delivered.
///
/// [`JobStore::end`] and [`JobStore::cancel`] write one for a job's own URL, and
/// [`EventLog::append_model_event`] one for every active subscriber, together with the event.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Hosts with pending messages, each with how long until the first of them is due: zero for now.
    async fn hosts(&self) -> Result<Vec<(String, Duration)>, StoreError>;

    /// Messages to a host that are due, the longest due first, at most `limit`.
    async fn due(&self, host: &str, limit: u32) -> Result<Vec<Outgoing>, StoreError>;

    /// Keeps what came of a try, and what follows from it. A message that is gone by now stays gone.
    async fn record(&self, id: MessageId, attempt: Attempt, verdict: Verdict) -> Result<(), StoreError>;

    /// Messages to a subscriber, newest first.
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Sent>, StoreError>;

    /// Makes a message due again, whatever became of it. `None` when the subscriber has none of that id.
    async fn redeliver(&self, subscriber: Uuid, id: MessageId) -> Result<Option<Sent>, StoreError>;

    /// Makes all messages due again that were made in a span of time and are not pending, and says how
    /// many.
    async fn redeliver_all(&self, subscriber: Uuid, span: Between) -> Result<u64, StoreError>;

    /// Writes a message that tells nothing. `None` when there is no subscriber of that id.
    async fn send_test(&self, subscriber: Uuid) -> Result<Option<Sent>, StoreError>;

    /// Forgets messages older than [`KEPT`] that are not pending.
    async fn forget_old(&self) -> Result<u64, StoreError>;
}

/// How long messages are kept that were delivered or given up.
pub const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Tries of one message that are kept; older ones are forgotten.
pub const TRIES_KEPT: u32 = 20;

/// From `since` on and before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    pub since: Timestamp,
    pub until: Timestamp,
}

/// A message that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub id: MessageId,
    pub url: String,
    pub body: String,
    /// The present one, and for a while after a change the one before.
    pub keys: Vec<SigningKey>,
    pub failures: Failures,
    /// Since its first try was due.
    pub trying: Duration,
    /// How long its subscriber has had failures and nothing else. `None` without failures, and for a
    /// message that has no subscriber.
    pub failing: Option<Duration>,
}

/// One try of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What the receiver answered, if it did.
    pub status: Option<u16>,
    pub took: Duration,
    /// Why it does not count as delivered.
    pub error: Option<String>,
}

/// What follows from a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its subscriber is on again if it was off.
    Delivered,
    Again {
        failures: Failures,
        pause: Duration,
    },
    GivenUp,
    /// Its subscriber is switched off, and everything pending for it is given up.
    SwitchOff,
    /// The receiver says that it is gone for good: its subscriber is removed, with all of its messages.
    Gone,
}

/// Messages of a subscriber, older than `before`, at most `limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryQuery {
    pub subscriber: Uuid,
    pub before: Option<MessageId>,
    pub limit: u32,
}

/// A message as its subscriber may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub id: MessageId,
    pub kind: String,
    pub created_at: Timestamp,
    pub state: SentState,
    /// In order, the last [`TRIES_KEPT`], each with when it began.
    pub attempts: Vec<(Timestamp, Attempt)>,
    /// `None` unless it is pending.
    pub next_try_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentState {
    Pending,
    Delivered,
    /// Given up.
    Failed,
}

impl Message {
    /// The body as it is sent, and signed: JSON, the time as RFC 3339.
    pub fn body(&self) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: &'a str,
            timestamp: String,
            data: &'a Data,
        }

        let at = jiff::Timestamp::from_millisecond(self.at.0).unwrap_or_default();
        let body = Body { r#type: self.kind, timestamp: at.to_string(), data: &self.data };
        // Nothing in it can fail to be written: no map with odd keys, no writer but memory.
        serde_json::to_string(&body).unwrap_or_default()
    }
}

/// All that lasts, behind one handle.
pub trait Store: JobStore + EventLog + SubscriberStore + Outbox {}

impl<T: JobStore + EventLog + SubscriberStore + Outbox> Store for T {}

// ---- webhooks -----------------------------------------------------------------------------------

/// Carries one webhook to its receiver. Lives on the notifier's own thread.
#[async_trait(?Send)]
pub trait WebhookTransport: 'static {
    /// One try, within a time limit, following no redirect. Gives the status of an answer that counts
    /// as taken, a 2xx.
    async fn deliver(&self, delivery: &Delivery) -> Result<u16, DeliveryFailure>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The same on every try of the same message.
    pub id: String,
    pub url: String,
    pub body: String,
    /// It is signed with each.
    pub keys: Vec<SigningKey>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeliveryFailure {
    /// The receiver answered with something other than a 2xx, and perhaps with when to come back.
    #[error("answered with status {status}")]
    Status { status: u16, retry_after: Option<Duration> },
    /// The address is one that must not be connected to.
    #[error("the target is forbidden: {0}")]
    Forbidden(String),
    #[error("could not be reached: {0}")]
    Unreachable(String),
}
