//! One job's way through the engine, chunk by chunk.

mod reading;
mod verdict;

use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;
use futures_util::join;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::control::{Control, LOOK, Order};
use super::jobs_to_fail::JobsToFail;
use super::persist::persist;
use super::position::Step;
use super::report::{self, LastRun};
use crate::domain::audio::{Decoder, Plan};
use crate::domain::event::{JobEvent, RequeueReason, Stream};
use crate::domain::jobs::batches::batches;
use crate::domain::jobs::engine_exits::EngineExits;
use crate::domain::jobs::job::JobError;
use crate::domain::jobs::options::Extent;
use crate::domain::jobs::progress::{Pace, Progress};
use crate::domain::language::{Language, SURE_OF_LANGUAGE};
use crate::domain::transcript::context::Context;
use crate::domain::transcript::placement::Placement;
use crate::domain::transcript::{ChunkTranscript, Segment};
use crate::isolation::Isolation;
use crate::measures::measures;
use crate::model::{Lease, ModelHandle};
use crate::notifier::NotifierHandle;
use crate::peers::PeersHandle;
use crate::ports::{
    AudioError, Batch, Checkpoint, ChunkAudio, Claim, Ending, EngineFault, Fence, ModelFacts, Recordings,
    Store, StoreError,
};
use crate::worker::{Transcribe, WorkerActor};

/// Progress from inside a chunk is recorded at most this often.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// A batch that runs while the model's memory is wanted back gets this long to end; then it is cancelled, and an engine that
/// does not answer that is killed. What is lost of it is done again.
const UNLOAD_LIMIT: Duration = Duration::from_secs(30);

/// The ports and actors that a run uses.
#[derive(Clone)]
pub(super) struct Deps {
    pub store: Arc<dyn Store>,
    pub recordings: Arc<dyn Recordings>,
    pub workers: Addr<WorkerActor>,
    pub model: ModelHandle,
    pub notifier: NotifierHandle,
    pub peers: PeersHandle,
    pub isolation: Isolation,
    pub jobs_to_fail: JobsToFail,
    /// Whether chunks are conditioned on the text before them.
    pub condition_on_previous: bool,
}

impl Deps {
    /// Everything that chunks and their transcripts follow from, the job itself left out.
    pub(super) fn made_with(&self, model: &ModelFacts, decoder: Decoder) -> String {
        let conditioned = if self.condition_on_previous { ", conditioned on the text before" } else { "" };
        format!("{} {}{conditioned}", self.recordings.version(decoder), model.fingerprint)
    }
}

/// Why the work on a job ended before its last chunk.
enum Stop {
    Fail(JobError),
    Leave(Leave),
}

/// Why a run ended before the job did.
enum Leave {
    /// Back to the queue.
    GiveBack(RequeueReason),
    /// It was cancelled or removed meanwhile: nothing more to write.
    Lost,
}

/// The last that a run writes.
enum Last {
    End(Ending),
    Requeue(RequeueReason),
    Nothing,
}

impl From<Leave> for Stop {
    fn from(leave: Leave) -> Self {
        Stop::Leave(leave)
    }
}

/// The end of a run.
pub(super) struct RunOutcome {
    /// How fast it went, if a chunk was finished.
    pub pace: Option<Pace>,
    /// For the next job; `None` when the model was unloaded before this one's end, or the store took it late.
    pub lease: Option<Arc<Lease>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EngineHealth {
    Well,
    Lost,
}

pub(super) struct Run {
    deps: Deps,
    claim: Claim,
    lease: Arc<Lease>,
    control: Control,
    started: Instant,
    /// Seconds of audio finished in this run.
    audio_secs: f64,
    /// The language passed to chunks; `None` until it is detected, and where every chunk has its own.
    language: Option<Language>,
    /// The language of the job: of several the first.
    spoken: Option<Language>,
    /// How sure that is, where it was detected.
    certainty: Option<f32>,
    /// Of the chunks finished by now; empty unless chunks are conditioned on it.
    context: Context,
    placement: Placement,
    engine: EngineHealth,
}

/// What the engine answers to one batch.
type Answer = Result<Vec<ChunkTranscript>, EngineFault>;

impl Run {
    pub(super) fn new(deps: Deps, claim: Claim, lease: Arc<Lease>, control: Control) -> Self {
        let (spoken, certainty) = (claim.job.language, claim.job.language_probability);
        let language = spoken.filter(|_| !claim.job.options.is_multilingual);
        let mut placement = Placement::new(claim.job.options.word_timestamps);
        placement.resume(claim.segments_done);
        Self {
            deps,
            claim,
            lease,
            control,
            started: Instant::now(),
            audio_secs: 0.0,
            language,
            spoken,
            certainty,
            context: Context::default(),
            placement,
            engine: EngineHealth::Well,
        }
    }

    /// Runs to the end or to the point where the job is given back.
    pub(super) async fn run(mut self) -> RunOutcome {
        let last = match self.transcribe().await {
            Ok(()) => Last::End(Ending::Completed),
            Err(Stop::Fail(error)) => {
                warn!(job.id = %self.claim.job.id, code = error.code, "job failed");
                Last::End(Ending::Failed(error))
            }
            Err(Stop::Leave(Leave::GiveBack(reason))) => {
                info!(job.id = %self.claim.job.id, ?reason, "job requeued");
                return self.write_last(Last::Requeue(reason)).await;
            }
            Err(Stop::Leave(Leave::Lost)) => {
                info!(job.id = %self.claim.job.id, "job lease lost");
                Last::Nothing
            }
        };
        // The job is over: its keep_alive applies to the model.
        if let Some(stay) = self.claim.job.options.keep_alive {
            self.deps.model.keep_alive(&self.lease, stay);
        }
        self.write_last(last).await
    }

    /// The lease is dropped after that, so that a caller that waits for its end finds the job as it is; but not while the
    /// store fails.
    async fn write_last(self, last: Last) -> RunOutcome {
        let pace = self.pace();
        self.control.position.move_to(Step::Ending, None);
        let Self { deps, claim, control, lease, engine, started, audio_secs, .. } = self;
        let mut lease = (engine == EngineHealth::Well).then_some(lease);
        let write = async || match &last {
            Last::End(ending) => deps.store.end(claim.fence, ending.clone()).await,
            Last::Requeue(reason) => deps.store.requeue(claim.fence, *reason).await,
            Last::Nothing => Ok(vec![]),
        };
        let mut written = write().await;
        // A chunk that was begun and is not waited for any more ends now.
        control.cancel.cancel();
        if let Err(error @ (StoreError::DiskFull | StoreError::Unreachable(_) | StoreError::Failed(_))) =
            &written
        {
            error!(job.id = %claim.job.id, %error, "failed to save the job result");
            lease = None;
            written = persist(|| !control.is_stopping(), &write).await;
            deps.notifier.publish_from_store(Stream::Job(claim.job.id));
        }
        match (written, last) {
            (Ok(events), last) => {
                deps.notifier.publish(events);
                if let Last::End(ending) = last {
                    let model = deps.model.id_of(claim.job.options.model.as_deref());
                    let run = LastRun { took: started.elapsed(), audio_secs };
                    report::ended(&claim.job, &model, ending.status(), Some(run));
                }
            }
            (Err(error), _) => {
                info!(job.id = %claim.job.id, %error, "job result dropped: the job has changed meanwhile")
            }
        }
        RunOutcome { pace, lease }
    }

    async fn transcribe(&mut self) -> Result<(), Stop> {
        let (plan, mut ahead) = self.plan().await?;
        let total = chunk_number(plan.chunks.len());
        let first = self.claim.chunks_done.min(total);
        if first == total {
            return Ok(());
        }
        if let Order::GiveBack(reason) = self.control.order(self.deps.model.state()) {
            return Err(Leave::GiveBack(reason).into());
        }
        self.remember(&plan).await?;
        let batches: Vec<Range<u32>> = batches(&plan, self.batch_size())
            .into_iter()
            .map(|batch| chunk_number(batch.start)..chunk_number(batch.end))
            .filter(|batch| batch.end > first)
            .collect();
        let begun = batches.first().map_or(first, |batch| batch.start);
        let mut samples = self.samples(&plan, begun + u32::from(ahead.is_some()));
        self.note(self.progress(&plan, first)).await?;
        let mut batches = batches.into_iter().peekable();
        let mut answer = match (ahead.take(), batches.peek()) {
            (Some(started), _) => Some(started),
            (None, Some(batch)) => Some(self.start_batch(&plan, batch, &mut samples).await?),
            (None, None) => None,
        };
        while let (Some(batch), Some(started)) = (batches.next(), answer.take()) {
            let transcripts = self.await_batch(&plan, &batch, started).await?;
            // What the engine does from here on it does not do under these chunks.
            self.claim.exits = EngineExits::default();
            if let Some(first) = transcripts.first() {
                self.set_language(first).await?;
            }
            let placed = self.place_batch(&plan, &batch, transcripts);
            let next = batches.peek();
            // The engine runs the next batch while this one is written to the store.
            let order = self.order_at_boundary(next.is_none());
            let written = self.write_down(&plan, placed);
            let (started, written) = match (order, next) {
                (Order::GoOn, Some(next)) => {
                    let (started, written) = join!(self.start_batch(&plan, next, &mut samples), written);
                    (Some(started), written)
                }
                (Order::GoOn | Order::GiveBack(_), _) => (None, written.await),
            };
            written?;
            match (order, started) {
                (Order::GoOn, Some(started)) => {
                    answer = Some(started?);
                    self.note(self.progress(&plan, batch.end)).await?;
                }
                (Order::GoOn, None) => return Ok(()),
                (Order::GiveBack(_), _) if batches.peek().is_none() => return Ok(()),
                (Order::GiveBack(reason), _) => return Err(Leave::GiveBack(reason).into()),
            }
        }
        Ok(())
    }

    /// Chunks of this job that are decoded together: with the text before as context each waits for the one before it.
    fn batch_size(&self) -> usize {
        match self.deps.condition_on_previous || self.claim.job.options.is_multilingual {
            true => 1,
            false => self.lease.model().facts().batch_size,
        }
    }

    /// The answer to a batch. Where its first chunk alone does not show the language and it was sent before the plan was
    /// complete, it is sent once more, with speech from the whole recording.
    async fn await_batch(
        &mut self,
        plan: &Plan,
        batch: &Range<u32>,
        started: Started,
    ) -> Result<Vec<ChunkTranscript>, Stop> {
        let is_early = started.is_early;
        let answer = match self.answer_to(plan, batch, started).await {
            (Ok(transcripts), _) => transcripts,
            (Err(EngineFault::Cancelled), Some(leave)) => return Err(leave.into()),
            (Err(fault), _) => return Err(self.judge(fault)),
        };
        let probability = answer.first().and_then(|first| first.language_probability);
        let is_unsure = probability.is_some_and(|probability| probability < SURE_OF_LANGUAGE);
        let is_multilingual = self.claim.job.options.is_multilingual;
        if !(is_early && is_unsure && !plan.language_windows.is_empty()) || is_multilingual {
            return Ok(answer);
        }
        let mut samples = self.samples(plan, batch.start);
        let again = self.start_batch(plan, batch, &mut samples).await?;
        match self.answer_to(plan, batch, again).await {
            (Ok(transcripts), _) => Ok(transcripts),
            (Err(EngineFault::Cancelled), Some(leave)) => Err(leave.into()),
            (Err(fault), _) => Err(self.judge(fault)),
        }
    }

    fn order_at_boundary(&self, is_last: bool) -> Order {
        match self.control.order(self.deps.model.state()) {
            Order::GoOn if !is_last && self.control.gives_way(self.claim.job.options.priority) => {
                Order::GiveBack(RequeueReason::Preempted)
            }
            order => order,
        }
    }

    /// Waits for what is not the engine's work, but not once the model's memory or the job's end is asked for.
    async fn unless_called_off<T>(&self, work: impl Future<Output = T>) -> Result<T, Leave> {
        let mut work = pin!(work);
        loop {
            if let Ok(done) = actix::clock::timeout(LOOK, work.as_mut()).await {
                return Ok(done);
            }
            if let Some(leave) = self.called_off() {
                return Err(leave);
            }
        }
    }

    /// Writes. A store that is not well is waited for on the same terms: what is not written is done again.
    async fn write<T, F>(&self, write: impl FnMut() -> F) -> Result<T, Leave>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let _saving = self.control.position.saving();
        persist(|| self.called_off().is_none(), write).await.map_err(|error| match error {
            StoreError::LeaseLost => Leave::Lost,
            // What was wanted of it may have come about meanwhile.
            StoreError::DiskFull | StoreError::Unreachable(_) | StoreError::Failed(_) => {
                self.called_off().unwrap_or(Leave::GiveBack(RequeueReason::ModelUnloading))
            }
        })
    }

    /// Whether the run is to end before its job: for a stop of the service, for the model's memory, or by the job's owner.
    fn called_off(&self) -> Option<Leave> {
        match self.control.order(self.deps.model.state()) {
            Order::GiveBack(reason) => Some(Leave::GiveBack(reason)),
            Order::GoOn => self.control.cancel.is_cancelled().then_some(Leave::Lost),
        }
    }

    /// The work was cut short from outside.
    fn interrupted(&self) -> Leave {
        self.called_off().unwrap_or(Leave::Lost)
    }

    /// Sends the next batch to a worker and does not wait for the answer.
    async fn start_batch(
        &self,
        plan: &Plan,
        batch: &Range<u32>,
        samples: &mut mpsc::Receiver<Result<Arc<[f32]>, AudioError>>,
    ) -> Result<Started, Stop> {
        let first = batch.start + 1;
        self.control.position.move_to(Step::Reading, Some(first));
        let mut audio: Vec<Arc<[f32]>> = Vec::with_capacity(batch.len());
        for _ in batch.clone() {
            let samples = self
                .unless_called_off(samples.recv())
                .await?
                .unwrap_or_else(|| Err(AudioError::Corrupt("the recording is shorter than it was".into())))
                .map_err(|error| self.bad_audio(&error))?;
            audio.push(samples);
        }
        let language_windows = match self.language {
            None if !self.claim.job.options.is_multilingual => {
                self.language_windows(plan, batch, &audio).await?
            }
            None | Some(_) => Vec::new(),
        };
        let chunks = batch
            .clone()
            .zip(audio)
            .map(|(chunk, samples)| ChunkAudio::of(plan, chunk_index(chunk), samples))
            .collect();
        self.control.position.move_to(Step::WaitingForEngine, Some(first));
        let started = self.send(first, chunks, language_windows, Early::No).await?;
        self.control.position.move_to(Step::Decoding, Some(first));
        Ok(started)
    }

    /// `first` is the number of the first chunk, from 1.
    async fn send(
        &self,
        first: u32,
        chunks: Vec<ChunkAudio>,
        language_windows: Vec<Arc<[f32]>>,
        early: Early,
    ) -> Result<Started, Stop> {
        let in_engine = match self.claim.exits.crashes {
            0 => self.unless_called_off(self.deps.isolation.enter()).await?,
            1.. => self.unless_called_off(self.deps.isolation.enter_alone()).await?,
        };
        let options = &self.claim.job.options;
        let batch = Batch {
            chunks,
            language: self.language,
            languages: options.languages.clone(),
            language_windows,
            task: options.task,
            prompt: self.context.prompt(options.prompt.as_deref()),
            hotwords: options.hotwords.clone(),
            temperature: options.temperature,
            word_timestamps: options.word_timestamps,
            token_logprobs: options.token_logprobs,
        };
        let (progress, fractions) = mpsc::unbounded_channel();
        let (lease, cancel) = (self.lease.clone(), self.control.cancel.clone());
        let job = self.claim.job.id;
        let traceparent = self.claim.job.origin.traceparent.clone();
        let transcribe =
            Transcribe { job, chunk: first, lease, batch, cancel, progress, in_engine, traceparent };
        Ok(Started { answer: self.deps.workers.send(transcribe), fractions, is_early: early == Early::Yes })
    }

    /// Waits for the engine's answer and records its progress meanwhile; with why that was cut short, if it could not be
    /// recorded.
    async fn answer_to(&self, plan: &Plan, batch: &Range<u32>, started: Started) -> (Answer, Option<Leave>) {
        let Started { answer, mut fractions, .. } = started;
        self.control.position.move_to(Step::Decoding, Some(batch.start + 1));
        let mut answer = pin!(answer);
        let mut last = Instant::now();
        let base = self.progress(plan, batch.start);
        let spans = batch.clone().filter_map(|chunk| chunk_span(plan, chunk));
        let secs: f64 = spans.map(|(start, end)| end - start).sum();
        let (mut leave, mut is_open, mut called_off_at) = (None, true, None);
        loop {
            let fraction = tokio::select! {
                answered = answer.as_mut() => return (answered.unwrap_or_else(worker_stopped), leave),
                fraction = fractions.recv(), if is_open => fraction,
                () = actix::clock::sleep(LOOK) => {
                    if self.called_off().is_none() {
                        called_off_at = None;
                    } else if called_off_at.get_or_insert_with(Instant::now).elapsed() >= UNLOAD_LIMIT
                        && leave.is_none()
                    {
                        leave = self.called_off();
                        self.control.cancel.cancel();
                    }
                    continue;
                }
            };
            let Some(fraction) = fraction else {
                is_open = false;
                continue;
            };
            if leave.is_none() && last.elapsed() >= PROGRESS_INTERVAL {
                last = Instant::now();
                let progress = base.within_chunk(f64::from(fraction), secs, plan.selected_secs());
                leave = self.note(progress).await.err();
                if leave.is_some() {
                    self.control.cancel.cancel();
                }
            }
        }
    }

    async fn note(&self, progress: Progress) -> Result<(), Leave> {
        let Progress { percent, chunk, chunks_total, eta_secs, .. } = progress;
        self.record(JobEvent::Progress { percent, chunk, chunks_total, eta_secs }).await
    }

    /// Keeps the language that was detected; its probability is part of the result where the job asked for no language.
    async fn set_language(&mut self, first: &ChunkTranscript) -> Result<(), Leave> {
        if self.spoken.is_none() {
            (self.spoken, self.certainty) = (first.language, first.language_probability);
        }
        if !self.claim.job.options.is_multilingual {
            self.language = self.spoken;
        }
        match (self.claim.job.options.extent, first.language, first.language_probability) {
            (Extent::Beginning, Some(language), Some(probability)) => {
                self.record(JobEvent::LanguageDetected { language, probability }).await
            }
            (Extent::Beginning | Extent::Whole, _, _) => Ok(()),
        }
    }

    async fn record(&self, event: JobEvent) -> Result<(), Leave> {
        let (store, fence) = (&self.deps.store, self.fence());
        let events = self.write(|| store.note(fence, event.clone())).await?;
        self.deps.notifier.publish(events);
        Ok(())
    }

    /// The text before, for a job that comes back: from what is stored, so that it continues as if it had never been interrupted.
    async fn remember(&mut self, plan: &Plan) -> Result<(), Leave> {
        let done = self.claim.chunks_done;
        let is_joined = plan.overlaps_previous(chunk_index(done));
        if done > 0 && (self.passes_text_before(plan) || is_joined) {
            let (store, id) = (&self.deps.store, self.claim.job.id);
            let stored = self.write(|| store.segments(id)).await?;
            self.placement.recall(&stored);
            if self.passes_text_before(plan) {
                self.context.append(&stored);
            }
        }
        Ok(())
    }

    /// Not where channels are transcribed each by itself: what comes before is from another channel.
    fn passes_text_before(&self, plan: &Plan) -> bool {
        self.deps.condition_on_previous && plan.channels.is_empty()
    }

    /// The segments of a batch's chunks at their places in the recording, without the chunks that were done before.
    fn place_batch(
        &mut self,
        plan: &Plan,
        batch: &Range<u32>,
        transcripts: Vec<ChunkTranscript>,
    ) -> Vec<(u32, Vec<Segment>)> {
        let done = self.claim.chunks_done;
        let new = batch.clone().zip(transcripts).filter(|(chunk, _)| *chunk >= done);
        new.map(|(chunk, transcript)| (chunk, self.place(plan, chunk, transcript))).collect()
    }

    fn place(&mut self, plan: &Plan, chunk: u32, transcript: ChunkTranscript) -> Vec<Segment> {
        let (start, end) = chunk_span(plan, chunk).unwrap_or_default();
        let audio_secs = (end - start) / f64::from(plan.passes());
        self.audio_secs += audio_secs;
        let segments = self.placement.place(plan, chunk_index(chunk), transcript);
        self.measure(audio_secs, &segments);
        if self.passes_text_before(plan) {
            self.context.append(&segments);
        }
        segments
    }

    fn measure(&self, audio_secs: f64, segments: &[Segment]) {
        let model = self.deps.model.id_of(self.claim.job.options.model.as_deref());
        let tokens = segments.iter().map(|segment| segment.decoding.tokens.len() as u64).sum();
        measures().audio_secs.with_label_values(&[model.as_str()]).inc_by(audio_secs.max(0.0));
        measures().tokens.with_label_values(&[model.as_str()]).inc_by(tokens);
    }

    /// Writes a batch's chunks down, one by one, with the progress between them.
    async fn write_down(&self, plan: &Plan, placed: Vec<(u32, Vec<Segment>)>) -> Result<(), Leave> {
        let last = placed.last().map(|(chunk, _)| *chunk);
        for (chunk, segments) in placed {
            self.checkpoint(plan, chunk, segments).await?;
            if Some(chunk) != last {
                self.note(self.progress(plan, chunk + 1)).await?;
            }
        }
        Ok(())
    }

    async fn checkpoint(&self, plan: &Plan, chunk: u32, segments: Vec<Segment>) -> Result<(), Leave> {
        let done = Checkpoint {
            chunk,
            segments,
            language: self.spoken,
            language_probability: self.certainty,
            progress: self.progress(plan, chunk + 1),
        };
        let (store, fence) = (&self.deps.store, self.fence());
        let events = self.write(|| store.checkpoint(fence, done.clone())).await?;
        self.deps.notifier.publish(events);
        Ok(())
    }

    /// Progress with `done` chunks finished.
    fn progress(&self, plan: &Plan, done: u32) -> Progress {
        let last = done.checked_sub(1).and_then(|last| chunk_span(plan, last));
        plan.progress(done, last.map(|(_, end)| end), self.pace())
    }

    fn pace(&self) -> Option<Pace> {
        let wall_secs = self.started.elapsed().as_secs_f64();
        (self.audio_secs > 0.0).then_some(Pace { audio_secs: self.audio_secs, wall_secs })
    }

    fn fence(&self) -> Fence {
        self.claim.fence
    }
}

/// A batch that a worker has.
struct Started {
    answer: actix::prelude::Request<WorkerActor, Transcribe>,
    fractions: mpsc::UnboundedReceiver<f32>,
    is_early: bool,
}

/// Whether a batch is sent before its recording's plan is complete.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Early {
    Yes,
    No,
}

fn worker_stopped(_: actix::MailboxError) -> Answer {
    Err(EngineFault::Exited { detail: "the worker's thread has stopped".into() })
}

/// Seconds at which a chunk begins and ends.
fn chunk_span(plan: &Plan, chunk: u32) -> Option<(f64, f64)> {
    let span = plan.chunks.get(usize::try_from(chunk).ok()?)?;
    Some((span.start_secs(), span.end_secs()))
}

fn chunk_index(chunk: u32) -> usize {
    usize::try_from(chunk).unwrap_or(usize::MAX)
}

/// Chunks and segments are counted in 32 bits: four billion chunks are 4,000 years.
fn chunk_number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
