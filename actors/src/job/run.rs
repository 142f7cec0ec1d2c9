//! One job's way through the engine, chunk by chunk.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;
use futures_util::future::{Either, select};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::control::{Control, Order};
use super::doomed::Doomed;
use super::persist::persist;
use crate::domain::audio::{Decoder, Plan};
use crate::domain::context::Context;
use crate::domain::deaths::Deaths;
use crate::domain::event::{JobEvent, Recorded, RequeueReason};
use crate::domain::job::{JobError, Status};
use crate::domain::language::Language;
use crate::domain::options::Extent;
use crate::domain::progress::{Pace, Progress};
use crate::domain::transcript::{ChunkTranscript, Segment, flag_silence};
use crate::isolation::Isolation;
use crate::model::{Lease, ModelHandle, State};
use crate::notifier::NotifierHandle;
use crate::ports::{
    AudioError, Checkpoint, ChunkWork, Claim, Ending, EngineFault, Fence, ModelFacts, Recordings, Store,
    StoreError,
};
use crate::worker::{Transcribe, WorkerActor};

/// Progress from inside a chunk is recorded at most this often.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// How often a run that waits looks whether it is called off.
const LOOK: Duration = Duration::from_millis(50);

/// What a run reaches the world through.
#[derive(Clone)]
pub(super) struct Deps {
    pub store: Arc<dyn Store>,
    pub recordings: Arc<dyn Recordings>,
    pub workers: Addr<WorkerActor>,
    pub model: ModelHandle,
    pub notifier: NotifierHandle,
    pub isolation: Isolation,
    pub doomed: Doomed,
    /// Whether chunks are told of the text before them.
    pub condition_on_previous: bool,
}

impl Deps {
    /// Everything that chunks and their transcripts follow from, the job itself left out.
    pub(super) fn made_with(&self, model: &ModelFacts, decoder: Decoder) -> String {
        let told = if self.condition_on_previous { ", told of the text before" } else { "" };
        format!("{} {}{told}", self.recordings.version(decoder), model.fingerprint)
    }
}

/// Why a run ended before the job did.
enum Stop {
    /// Back to the queue.
    GiveBack(RequeueReason),
    Fail(JobError),
    /// Someone else cancelled or removed it: nothing more to write.
    Lost,
}

impl From<StoreError> for Stop {
    /// Other failures of the store are waited out before they get here.
    fn from(_: StoreError) -> Self {
        Stop::Lost
    }
}

/// What a run leaves behind.
pub(super) struct RunOutcome {
    /// How fast it went, if a chunk was finished.
    pub pace: Option<Pace>,
    /// For the next job; `None` when the engine died under this one.
    pub lease: Option<Arc<Lease>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EngineHealth {
    Well,
    Gone,
}

pub(super) struct Run {
    deps: Deps,
    claim: Claim,
    lease: Arc<Lease>,
    control: Control,
    started: Instant,
    /// Seconds of audio finished in this run.
    audio_secs: f64,
    segments_done: u32,
    language: Option<Language>,
    /// Of the chunks finished by now; empty unless chunks are told of it.
    context: Context,
    engine: EngineHealth,
}

/// What the engine said to one chunk.
type Answer = Result<ChunkTranscript, EngineFault>;

impl Run {
    pub(super) fn new(deps: Deps, claim: Claim, lease: Arc<Lease>, control: Control) -> Self {
        let language = claim.job.language;
        let segments_done = claim.segments_done;
        Self {
            deps,
            claim,
            lease,
            control,
            started: Instant::now(),
            audio_secs: 0.0,
            segments_done,
            language,
            context: Context::default(),
            engine: EngineHealth::Well,
        }
    }

    /// Runs to the end or to the point where the job is given back.
    pub(super) async fn run(mut self) -> RunOutcome {
        match self.transcribe().await {
            Ok(()) => {
                self.keep_alive();
                self.finish(Ending::Completed).await;
            }
            Err(Stop::Fail(error)) => {
                warn!(job.id = %self.claim.job.id, code = error.code, "job failed");
                self.keep_alive();
                self.finish(Ending::Failed(error)).await;
            }
            Err(Stop::GiveBack(reason)) => self.give_back(reason).await,
            Err(Stop::Lost) => {
                info!(job.id = %self.claim.job.id, "job is no longer ours");
                self.keep_alive();
            }
        }
        // A chunk that was begun and is not waited for any more ends now.
        self.control.cancel.cancel();
        let pace = self.pace();
        RunOutcome { pace, lease: (self.engine == EngineHealth::Well).then_some(self.lease) }
    }

    /// The job is over: the model hears how long its owner wants it to stay.
    fn keep_alive(&self) {
        if let Some(stay) = self.claim.job.options.keep_alive {
            self.deps.model.keep_alive(&self.lease, stay);
        }
    }

    async fn transcribe(&mut self) -> Result<(), Stop> {
        let (plan, mut ahead) = self.plan().await?;
        let total = chunk_number(plan.chunks.len());
        let first = self.claim.chunks_done.min(total);
        if first == total {
            return Ok(());
        }
        if let Order::GiveBack(reason) = self.control.order(self.deps.model.state()) {
            return Err(Stop::GiveBack(reason));
        }
        self.remember(&plan).await?;
        let mut samples = self.samples(&plan, first + u32::from(ahead.is_some()));
        let mut answer = match ahead.take() {
            Some(started) => started,
            None => self.start_chunk(&mut samples).await?,
        };
        self.note(self.progress(&plan, first)).await?;
        for chunk in first..total {
            let heard = match self.hear(&plan, chunk, answer).await {
                Ok(heard) => heard,
                Err(fault) => return Err(self.judge(fault)),
            };
            // What the engine does from here on it does not do under this chunk.
            self.claim.deaths = Deaths::default();
            self.language = self.language.or(heard.language);
            self.tell_language(&heard).await?;
            let segments = self.place(&plan, chunk, heard);
            // The engine goes on with the next chunk while this one is written down.
            let order = self.order_at_boundary(chunk + 1 == total);
            let next = match order {
                Order::GoOn if chunk + 1 < total => Some(self.start_chunk(&mut samples).await),
                Order::GoOn | Order::GiveBack(_) => None,
            };
            self.checkpoint(&plan, chunk, segments).await?;
            match (order, next) {
                (Order::GoOn, Some(started)) => answer = started?,
                (Order::GoOn, None) => return Ok(()),
                (Order::GiveBack(_), _) if chunk + 1 == total => return Ok(()),
                (Order::GiveBack(reason), _) => return Err(Stop::GiveBack(reason)),
            }
            self.note(self.progress(&plan, chunk + 1)).await?;
        }
        Ok(())
    }

    fn order_at_boundary(&self, is_last: bool) -> Order {
        match self.control.order(self.deps.model.state()) {
            Order::GoOn if !is_last && self.control.gives_way(self.claim.job.options.priority) => {
                Order::GiveBack(RequeueReason::Preempted)
            }
            order => order,
        }
    }

    /// The plan of an earlier run or, the first time, a new one; and with a new one, the first chunk,
    /// where the engine could begin with it while the rest was being planned.
    async fn plan(&mut self) -> Result<(Plan, Option<Started>), Stop> {
        let (deps, facts) = (self.deps.clone(), self.lease.model().facts());
        // Another ffmpeg, or none, means nothing for what the built-in decoders read.
        let made_with = |decoder| deps.made_with(&facts, decoder);
        match self.claim.plan.take() {
            Some(plan) if plan.made_with == made_with(plan.decoder) => return Ok((plan, None)),
            Some(_) => self.begin_anew(),
            None => {}
        }
        let (recordings, blob) = (self.deps.recordings.clone(), self.claim.job.audio.blob.clone());
        let cancel = self.control.cancel.clone();
        let (told, first) = oneshot::channel();
        let mut told = Some(told);
        let planning = tokio::task::spawn_blocking(move || {
            recordings.plan(&blob, &cancel, &mut |begun| {
                if let Some(told) = told.take() {
                    // A run that is over wants to know nothing.
                    let _ = told.send(begun);
                }
            })
        });
        let ahead = self.begin(first).await;
        let plan = self
            .unless_called_off(planning)
            .await?
            .unwrap_or_else(|_| Err(AudioError::Corrupt("the recording could not be decoded".into())))
            .map_err(|error| self.bad_audio(&error))?;
        let mut plan = Plan { made_with: made_with(plan.decoder), ..plan };
        if self.claim.job.options.extent == Extent::Beginning {
            plan.chunks.truncate(1);
        }
        let progress = self.progress(&plan, 0);
        let (store, fence) = (self.deps.store.clone(), self.fence());
        persist(&self.control, || store.planned(fence, &plan, progress)).await?;
        // What the plan says counts; an answer to anything else is not waited for.
        let is_of =
            |begun: &Plan| begun.decoder == plan.decoder && begun.chunks.first() == plan.chunks.first();
        let ahead = ahead.filter(|(begun, _)| is_of(begun));
        Ok((plan, ahead.map(|(_, started)| started)))
    }

    /// What an earlier run did was done with another model, or by another version: a transcript is of one
    /// piece.
    fn begin_anew(&mut self) {
        info!(job.id = %self.claim.job.id, "job begins anew: the model or the program has changed");
        (self.claim.chunks_done, self.segments_done) = (0, 0);
        self.language = self.claim.job.options.language;
    }

    /// Starts on the chunk that will very likely be the first, if there is word of one.
    async fn begin(&self, first: oneshot::Receiver<Plan>) -> Option<(Plan, Started)> {
        let begun = self.unless_called_off(first).await.ok()?.ok()?;
        let started = self.start_chunk(&mut self.samples(&begun, 0)).await.ok()?;
        Some((begun, started))
    }

    /// Decodes on a thread of its own, one chunk ahead of the engine.
    fn samples(&self, plan: &Plan, first: u32) -> mpsc::Receiver<Result<Arc<[f32]>, AudioError>> {
        let (sender, receiver) = mpsc::channel(1);
        let (recordings, blob, plan) =
            (self.deps.recordings.clone(), self.claim.job.audio.blob.clone(), plan.clone());
        let cancel = self.control.cancel.clone();
        tokio::task::spawn_blocking(move || {
            let first = usize::try_from(first).unwrap_or(usize::MAX);
            match recordings.chunks(&blob, &plan, first, &cancel) {
                // A receiver that is gone wants no more.
                Ok(mut chunks) => while chunks.next().is_some_and(|c| sender.blocking_send(c).is_ok()) {},
                Err(error) => drop(sender.blocking_send(Err(error))),
            }
        });
        receiver
    }

    /// Waits for what is not the engine's work, but not while someone wants the model's memory, or the job's end.
    async fn unless_called_off<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let mut work = pin!(work);
        loop {
            if let Ok(done) = actix::clock::timeout(LOOK, work.as_mut()).await {
                return Ok(done);
            }
            let ordered = self.control.order(self.deps.model.state()) != Order::GoOn;
            if ordered || self.control.cancel.is_cancelled() {
                return Err(self.interrupted());
            }
        }
    }

    /// Sends the next chunk to a worker and does not wait for the answer.
    async fn start_chunk(
        &self,
        samples: &mut mpsc::Receiver<Result<Arc<[f32]>, AudioError>>,
    ) -> Result<Started, Stop> {
        let samples = self
            .unless_called_off(samples.recv())
            .await?
            .unwrap_or_else(|| Err(AudioError::Corrupt("the recording is shorter than it was".into())))
            .map_err(|error| self.bad_audio(&error))?;
        let in_engine = match self.claim.deaths.crashes {
            0 => self.unless_called_off(self.deps.isolation.enter()).await?,
            1.. => self.unless_called_off(self.deps.isolation.enter_alone()).await?,
        };
        let options = &self.claim.job.options;
        let work = ChunkWork {
            samples,
            language: self.language,
            languages: options.languages.clone(),
            task: options.task,
            prompt: self.context.prompt(options.prompt.as_deref()),
            temperature: options.temperature,
            word_timestamps: options.word_timestamps,
        };
        let (progress, told) = mpsc::unbounded_channel();
        let (lease, cancel) = (self.lease.clone(), self.control.cancel.clone());
        let transcribe = Transcribe { lease, work, cancel, progress, in_engine };
        Ok(Started { answer: self.deps.workers.send(transcribe), told })
    }

    /// Waits for the engine's answer and records its progress meanwhile.
    async fn hear(&self, plan: &Plan, chunk: u32, started: Started) -> Answer {
        let Started { answer, mut told } = started;
        let mut answer = pin!(answer);
        let mut last = Instant::now();
        let base = self.progress(plan, chunk);
        loop {
            let fraction = match select(answer.as_mut(), pin!(told.recv())).await {
                Either::Left((heard, _)) => return heard.unwrap_or_else(worker_gone),
                Either::Right((Some(fraction), _)) => fraction,
                Either::Right((None, _)) => return answer.await.unwrap_or_else(worker_gone),
            };
            if last.elapsed() >= PROGRESS_INTERVAL {
                last = Instant::now();
                let secs = chunk_span(plan, chunk).map_or(0.0, |(start, end)| end - start);
                let progress = base.within_chunk(f64::from(fraction), secs, plan.duration_secs());
                if self.note(progress).await.is_err() {
                    self.control.cancel.cancel();
                }
            }
        }
    }

    async fn note(&self, progress: Progress) -> Result<(), Stop> {
        let Progress { percent, chunk, chunks_total, eta_secs, .. } = progress;
        self.record(JobEvent::Progress { percent, chunk, chunks_total, eta_secs }).await
    }

    /// Who asks for the language alone wants to know how likely it is.
    async fn tell_language(&self, heard: &ChunkTranscript) -> Result<(), Stop> {
        match (self.claim.job.options.extent, heard.language, heard.language_probability) {
            (Extent::Beginning, Some(language), Some(probability)) => {
                self.record(JobEvent::LanguageDetected { language, probability }).await
            }
            (Extent::Beginning | Extent::Whole, _, _) => Ok(()),
        }
    }

    async fn record(&self, event: JobEvent) -> Result<(), Stop> {
        let (store, fence) = (&self.deps.store, self.fence());
        let events = persist(&self.control, || store.note(fence, event.clone())).await?;
        self.deps.notifier.publish(events);
        Ok(())
    }

    /// What was said before, for a job that comes back: from what is stored, so that it goes on as if it had never
    /// been away.
    async fn remember(&mut self, plan: &Plan) -> Result<(), Stop> {
        if self.tells_of_text_before(plan) && self.claim.chunks_done > 0 {
            let (store, id) = (&self.deps.store, self.claim.job.id);
            let said = persist(&self.control, || store.segments(id)).await?;
            self.context.hear(&said);
        }
        Ok(())
    }

    /// Not where channels are transcribed each by itself: what comes before is someone else's.
    fn tells_of_text_before(&self, plan: &Plan) -> bool {
        self.deps.condition_on_previous && plan.channels.is_empty()
    }

    /// A chunk's segments at their place in the recording.
    fn place(&mut self, plan: &Plan, chunk: u32, heard: ChunkTranscript) -> Vec<Segment> {
        let (start, end) = chunk_span(plan, chunk).unwrap_or_default();
        self.audio_secs += (end - start) / f64::from(plan.passes());
        let mut segments = heard.into_segments(start, end, self.segments_done);
        let channel = plan.channel(usize::try_from(chunk).unwrap_or(usize::MAX));
        segments.iter_mut().for_each(|segment| segment.channel = channel);
        flag_silence(&mut segments, &plan.speech);
        self.segments_done += chunk_number(segments.len());
        if self.tells_of_text_before(plan) {
            self.context.hear(&segments);
        }
        segments
    }

    async fn checkpoint(&mut self, plan: &Plan, chunk: u32, segments: Vec<Segment>) -> Result<(), Stop> {
        let done =
            Checkpoint { chunk, segments, language: self.language, progress: self.progress(plan, chunk + 1) };
        let (store, fence) = (&self.deps.store, self.fence());
        let events = persist(&self.control, || store.checkpoint(fence, done.clone())).await?;
        self.deps.notifier.publish(events);
        Ok(())
    }

    /// Progress with `done` chunks finished.
    fn progress(&self, plan: &Plan, done: u32) -> Progress {
        let total = chunk_number(plan.chunks.len());
        let processed = match done.checked_sub(1).and_then(|last| chunk_span(plan, last)) {
            _ if done >= total => plan.duration_secs(),
            Some((_, end)) => end,
            None => 0.0,
        };
        Progress::new(done, total, processed, plan.duration_secs(), self.pace())
    }

    fn pace(&self) -> Option<Pace> {
        let wall_secs = self.started.elapsed().as_secs_f64();
        (self.audio_secs > 0.0).then_some(Pace { audio_secs: self.audio_secs, wall_secs })
    }

    /// What a fault of the engine means for the job.
    fn judge(&mut self, fault: EngineFault) -> Stop {
        match fault {
            EngineFault::Cancelled => self.interrupted(),
            EngineFault::OutOfMemory { needed_bytes, free_bytes } => {
                self.engine = EngineHealth::Gone;
                self.deps.model.ran_out_of_memory(&self.lease, needed_bytes, free_bytes);
                Stop::GiveBack(RequeueReason::OutOfMemory)
            }
            EngineFault::Died { detail } => {
                let deaths = self.claim.deaths.with_crash();
                self.engine_gone(&detail, deaths, RequeueReason::EngineDied)
            }
            EngineFault::Killed => {
                let deaths = self.claim.deaths.with_kill();
                self.engine_gone("it was killed", deaths, RequeueReason::EngineKilled)
            }
            EngineFault::Gone => {
                self.engine = EngineHealth::Gone;
                Stop::GiveBack(self.why_gone())
            }
            EngineFault::Refused { message } => {
                Stop::Fail(JobError { code: "engine_refused".into(), message })
            }
        }
    }

    /// The work was cut short from outside: by a stop of the service, or by the job's owner.
    fn interrupted(&self) -> Stop {
        match self.control.order(self.deps.model.state()) {
            Order::GiveBack(reason) => Stop::GiveBack(reason),
            Order::GoOn => Stop::Lost,
        }
    }

    fn engine_gone(&mut self, detail: &str, deaths: Deaths, reason: RequeueReason) -> Stop {
        self.engine = EngineHealth::Gone;
        let Deaths { crashes, kills } = deaths;
        error!(job.id = %self.claim.job.id, detail, crashes, kills, "the engine died under a job");
        // An engine that was taken down with the service did not crash.
        if let Order::GiveBack(reason) = self.control.order(self.deps.model.state()) {
            return Stop::GiveBack(reason);
        }
        if !deaths.are_the_jobs_fault() {
            return Stop::GiveBack(reason);
        }
        let times = crashes.saturating_add(kills);
        Stop::Fail(JobError {
            code: "engine_crashed".into(),
            message: format!("the engine died {times} times in a row on the same chunk"),
        })
    }

    /// What took the model away from under a job that had no part in it.
    fn why_gone(&self) -> RequeueReason {
        let state = self.deps.model.state();
        match (self.control.order(state), state) {
            (Order::GiveBack(reason), _) => reason,
            // Another chunk, beside this one or before it, found no room.
            (Order::GoOn, State::WaitingForGpu) => RequeueReason::OutOfMemory,
            (Order::GoOn, _) => RequeueReason::ModelUnloading,
        }
    }

    fn bad_audio(&self, error: &AudioError) -> Stop {
        let code = match error {
            AudioError::Cancelled => return self.interrupted(),
            AudioError::Unsupported(_) | AudioError::TooLong { .. } => "unsupported_media",
            AudioError::EmptyFile | AudioError::NoSamples => "no_audio",
            AudioError::Corrupt(_) => "corrupt_audio",
            AudioError::Io(_) => "audio_unreadable",
        };
        Stop::Fail(JobError { code: code.into(), message: error.to_string() })
    }

    async fn finish(&self, ending: Ending) {
        let status = match ending {
            Ending::Completed => Status::Completed,
            Ending::Failed(_) => Status::Failed,
        };
        let (store, fence) = (&self.deps.store, self.fence());
        let Ok(events) = persist(&self.control, || store.end(fence, ending.clone())).await else { return };
        self.publish_end(events, status);
    }

    fn publish_end(&self, events: Vec<Recorded>, status: Status) {
        let job = &self.claim.job;
        let run_ms = self.started.elapsed().as_millis() as u64;
        info!(job.id = %job.id, status = status.name(), run_ms, "job ended");
        self.deps.notifier.publish(events);
    }

    async fn give_back(&self, reason: RequeueReason) {
        info!(job.id = %self.claim.job.id, ?reason, "job goes back to the queue");
        let (store, fence) = (&self.deps.store, self.fence());
        if let Ok(events) = persist(&self.control, || store.requeue(fence, reason)).await {
            self.deps.notifier.publish(events);
        }
    }

    fn fence(&self) -> Fence {
        self.claim.fence
    }
}

/// A chunk that a worker has.
struct Started {
    answer: actix::prelude::Request<WorkerActor, Transcribe>,
    told: mpsc::UnboundedReceiver<f32>,
}

fn worker_gone(_: actix::MailboxError) -> Answer {
    Err(EngineFault::Died { detail: "the worker's thread is gone".into() })
}

/// Seconds at which a chunk begins and ends.
fn chunk_span(plan: &Plan, chunk: u32) -> Option<(f64, f64)> {
    let span = plan.chunks.get(usize::try_from(chunk).ok()?)?;
    Some((span.start_secs(), span.end_secs()))
}

/// Chunks and segments are counted in 32 bits: four billion chunks are 4,000 years.
fn chunk_number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
