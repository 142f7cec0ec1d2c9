//! A store in memory: the same promises, but for durability.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::outbox_tables::{Receiver, StoredMessage};
use crate::clock::Clock;
use crate::domain::audio::{Plan, secs};
use crate::domain::event::{Event, JobEvent, OfModel, Recorded, RequeueReason, Stream};
use crate::domain::jobs::engine_exits::EngineExits;
use crate::domain::jobs::job::{
    BlobKey, Idempotency, Job, JobId, JobInput, KEPT_ONCE_SECS, KeyLife, LEASE_SECS, NewJob, Status,
};
use crate::domain::jobs::options::Priority;
use crate::domain::jobs::progress::Progress;
use crate::domain::jobs::queue::{Queued, Rank};
use crate::domain::time::Timestamp;
use crate::domain::transcript::{Segment, in_order};
use crate::ports::{
    Cancelled, Checkpoint, Claim, Earlier, Ending, EventLog, Fence, Head, JobCounts, JobQuery, JobStore,
    QueuePlace, StoreError, SubmitError, Terms, Waiting,
};

pub struct MemoryStore {
    clock: Clock,
    tables: Mutex<Tables>,
    is_full: AtomicBool,
}

#[derive(Default)]
pub(super) struct Tables {
    jobs: BTreeMap<JobId, Row>,
    events: HashMap<Stream, Vec<Recorded>>,
    /// Owners with the priority of their job that was begun, the latest last.
    served: Vec<(String, Priority)>,
    claimed: Vec<JobId>,
    pub(super) receivers: Vec<Receiver>,
    pub(super) messages: Vec<StoredMessage>,
}

#[derive(Clone)]
struct Row {
    job: Job,
    epoch: i64,
    /// Means something while it runs.
    lease_until: Timestamp,
    plan: Option<Plan>,
    /// Each with the number of its chunk, from 1.
    segments: Vec<(u32, Segment)>,
    chunks_done: u32,
    exits: EngineExits,
    once: Option<Idempotency>,
}

impl Tables {
    fn waiting(&self) -> Vec<&Job> {
        let jobs = self.jobs.values().map(|row| &row.job);
        jobs.filter(|job| job.status == Status::Queued).collect()
    }

    /// The newest job of the same owner that has the same result.
    fn same_as(&self, job: &Job, made_with: &str) -> Option<JobId> {
        let is_same = |row: &&Row| {
            row.job.status == Status::Completed
                && (&row.job.owner, &row.job.audio.sha256) == (&job.owner, &job.audio.sha256)
                && row.job.options.same_transcript(&job.options)
                && row.plan.as_ref().is_some_and(|plan| plan.made_with == made_with)
        };
        self.jobs.values().rev().find(is_same).map(|row| row.job.id)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_clock(Clock::start())
    }
}

impl MemoryStore {
    pub fn with_clock(clock: Clock) -> Self {
        Self { clock, tables: Mutex::default(), is_full: AtomicBool::new(false) }
    }

    /// Advances the clock.
    pub fn let_pass(&self, time: Duration) {
        self.clock.step(time);
    }

    /// From now on no change of a running job is taken, or all are.
    pub fn fill_disk(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::SeqCst);
    }

    /// Jobs in the order in which they were claimed, each as often as it was.
    pub fn claimed(&self) -> Vec<JobId> {
        self.tables().claimed.clone()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.wall_now()
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, tables: &mut Tables, event: Event) -> Recorded {
        let mut recorded = Recorded { seq: 0, at: self.clock.wall_now(), event };
        let log = tables.events.entry(recorded.stream()).or_default();
        recorded.seq = log.len() as u64 + 1;
        log.push(recorded.clone());
        recorded
    }

    /// Changes a running job that `fence` still owns.
    fn fenced<E>(&self, fence: Fence, change: impl FnOnce(&mut Row) -> E) -> Result<Vec<Recorded>, StoreError>
    where
        E: IntoIterator<Item = JobEvent>,
    {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(StoreError::DiskFull);
        }
        let mut tables = self.tables();
        let row = tables.jobs.get_mut(&fence.id).ok_or(StoreError::LeaseLost)?;
        if row.epoch != fence.epoch || row.job.status != Status::Running {
            return Err(StoreError::LeaseLost);
        }
        let events: Vec<_> = change(row).into_iter().collect();
        let job = row.job.clone();
        tables.write_job_messages(&job, self.now());
        Ok(events.into_iter().map(|e| self.record(&mut tables, Event::Job(fence.id, e))).collect())
    }

    fn row_under<'a>(&self, tables: &'a Tables, owner: &str, key: &str, life: KeyLife) -> Option<&'a Row> {
        let since = self.now().0 - KEPT_ONCE_SECS * 1000;
        let is_known = |job: &Job| match (life, job.status) {
            (KeyLife::Day, _) => job.created_at.0 > since,
            (KeyLife::Result { .. }, Status::Queued | Status::Running) => true,
            (KeyLife::Result { completed_after }, Status::Completed) => {
                job.finished_at.is_some_and(|at| at > completed_after)
            }
            (KeyLife::Result { .. }, Status::Failed | Status::Cancelled) => false,
        };
        tables.jobs.values().find(|row| {
            let has_key = row.once.as_ref().is_some_and(|once| once.key == key);
            has_key && row.job.owner == owner && is_known(&row.job)
        })
    }

    /// Completes a queued job with the segments of an earlier one.
    fn answer(&self, tables: &mut Tables, id: JobId, earlier: JobId) -> Vec<Recorded> {
        let Some(of) = tables.jobs.get(&earlier).cloned() else { return vec![] };
        let Some(row) = tables.jobs.get_mut(&id) else { return vec![] };
        self.move_on(row, JobInput::Answered);
        row.job.audio.duration_secs = of.job.audio.duration_secs;
        row.job.warnings = of.job.warnings;
        (row.job.progress, row.job.language) = (of.job.progress, of.job.language);
        row.job.language_probability = of.job.language_probability;
        row.job.reused_from = Some(earlier);
        (row.plan, row.segments, row.chunks_done) = (of.plan, of.segments.clone(), of.chunks_done);
        let job = row.job.clone();
        tables.write_job_messages(&job, self.now());
        let segments = of.segments.into_iter().map(|(chunk, segment)| JobEvent::Segment { chunk, segment });
        let events = segments.chain([JobEvent::Completed]).map(|event| Event::Job(id, event));
        events.map(|event| self.record(tables, event)).collect()
    }

    fn new_lease(&self) -> Timestamp {
        Timestamp(self.now().0 + LEASE_SECS * 1000)
    }

    fn requeue_running(&self, tables: &mut Tables, which: impl Fn(&Row) -> bool) -> Vec<Recorded> {
        let mut left = vec![];
        for row in tables.jobs.values_mut().filter(|row| row.job.status == Status::Running && which(row)) {
            self.move_on(row, JobInput::Requeued);
            row.epoch += 1;
            left.push(row.job.id);
        }
        let reason = RequeueReason::Restart;
        let requeued = |id| self.record(tables, Event::Job(id, JobEvent::Requeued { reason }));
        left.into_iter().map(requeued).collect()
    }

    fn move_on(&self, row: &mut Row, input: JobInput) {
        if let Ok(status) = row.job.status.after(input) {
            row.job.status = status;
            row.job.finished_at = status.has_ended().then(|| self.clock.wall_now());
        }
    }
}

/// Who of the waiting is next: the priority whose `turn` it is, then by [`Rank`].
fn next<'a>(waiting: &[&'a Job], served: &[(String, Priority)], turn: Priority) -> Option<&'a Job> {
    let rank = |job: &Job| Rank::new(job.attempts > 0, times_served(served, job), job.created_at, job.id);
    waiting.iter().copied().min_by_key(|job| (job.options.priority != turn, rank(job)))
}

/// Grows with every new job of its owner and priority that is begun; 0: none was.
fn times_served(served: &[(String, Priority)], job: &Job) -> u64 {
    let is_same =
        |(owner, priority): &(String, Priority)| *owner == job.owner && *priority == job.options.priority;
    served.iter().rposition(is_same).map_or(0, |index| index as u64 + 1)
}

/// The answer to what the actors do not ask of a store.
pub(super) fn unsupported<T>() -> Result<T, StoreError> {
    Err(StoreError::Failed("the store in memory does not support this".into()))
}

#[async_trait]
impl JobStore for MemoryStore {
    async fn submit(&self, new: NewJob, terms: Terms) -> Result<(Job, Vec<Recorded>), SubmitError> {
        if let Some(once) = &new.once {
            let tables = self.tables();
            if let Some(row) = self.row_under(&tables, &new.owner, &once.key, once.life) {
                return match row.once.as_ref().map(|known| &known.fingerprint) == Some(&once.fingerprint) {
                    true => Ok((row.job.clone(), vec![])),
                    false => Err(SubmitError::KeyReused),
                };
            }
        }
        let queued = self.counts().await?.queued;
        if queued >= terms.max_queued {
            return Err(SubmitError::QueueFull { queued });
        }
        let job = Job {
            id: new.id,
            owner: new.owner,
            origin: new.origin,
            status: Status::Queued,
            created_at: self.clock.wall_now(),
            started_at: None,
            finished_at: None,
            audio: new.audio,
            language: new.options.language,
            language_probability: None,
            options: new.options,
            metadata: new.metadata,
            webhook_url: new.webhook_url,
            progress: None,
            attempts: 0,
            error: None,
            reused_from: None,
            retry_of: new.retry_of,
            revision: 0,
            warnings: vec![],
        };
        let mut tables = self.tables();
        let row = Row {
            job: job.clone(),
            epoch: 0,
            lease_until: Timestamp(0),
            plan: None,
            segments: vec![],
            chunks_done: 0,
            exits: EngineExits::default(),
            once: new.once,
        };
        tables.jobs.insert(job.id, row);
        if let Some(url) = &job.webhook_url {
            tables.add_receiver(&job.owner, url, self.now());
        }
        let mut events = vec![self.record(&mut tables, Event::Job(job.id, JobEvent::Queued))];
        let earlier = terms.reuse.and_then(|made_with| tables.same_as(&job, &made_with));
        if let Some(earlier) = earlier {
            events.extend(self.answer(&mut tables, job.id, earlier));
        }
        let job = tables.jobs.get(&job.id).map_or(job, |row| row.job.clone());
        Ok((job, events))
    }

    async fn sent_under(&self, _: &str, _: &str) -> Result<Option<Earlier>, StoreError> {
        unsupported()
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.tables().jobs.get(&id).map(|row| row.job.clone()))
    }

    async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, StoreError> {
        if query.words.is_some() {
            return unsupported();
        }
        let tables = self.tables();
        let newest_first = tables.jobs.values().rev().map(|row| &row.job);
        let wanted = newest_first
            .filter(|job| job.owner == query.owner)
            .filter(|job| query.before.is_none_or(|before| job.id < before))
            .filter(|job| query.statuses.is_empty() || query.statuses.contains(&job.status))
            .filter(|job| query.models.is_empty() || query.models.contains(&job.options.model));
        Ok(wanted.take(query.limit as usize).cloned().collect())
    }

    async fn segments(&self, id: JobId) -> Result<Vec<Segment>, StoreError> {
        let tables = self.tables();
        let segments = tables.jobs.get(&id).into_iter().flat_map(|row| &row.segments);
        Ok(in_order(segments.map(|(_, segment)| segment.clone()).collect()))
    }

    async fn counts(&self) -> Result<JobCounts, StoreError> {
        let tables = self.tables();
        let count = |status| tables.jobs.values().filter(|row| row.job.status == status).count() as u64;
        Ok(JobCounts { queued: count(Status::Queued), running: count(Status::Running) })
    }

    async fn counts_by_model(&self) -> Result<Vec<(Option<String>, JobCounts)>, StoreError> {
        unsupported()
    }

    async fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn place(&self, id: JobId) -> Result<Option<QueuePlace>, StoreError> {
        let tables = self.tables();
        let mut waiting = tables.waiting();
        let mut served = tables.served.clone();
        let (mut position, mut audio_secs_ahead) = (1, 0.0);
        while let Some(job) = next(&waiting, &served, Priority::Interactive) {
            if job.id == id {
                return Ok(Some(QueuePlace { position, audio_secs_ahead }));
            }
            position += 1;
            audio_secs_ahead += job.audio.duration_secs.unwrap_or_default();
            waiting.retain(|other| other.id != job.id);
            if job.attempts == 0 {
                served.push((job.owner.clone(), job.options.priority));
            }
        }
        Ok(None)
    }

    async fn queue(&self, most: u32) -> Result<Option<Vec<Queued>>, StoreError> {
        let tables = self.tables();
        let queued = |job: &&Job| Queued {
            id: job.id,
            owner: job.owner.clone(),
            priority: job.options.priority,
            model: job.options.model.clone(),
            begun: job.attempts > 0,
            created_at: job.created_at,
            audio_secs: job.audio.duration_secs.unwrap_or_default(),
            served: times_served(&tables.served, job),
        };
        let all: Vec<_> = tables.waiting().iter().map(queued).collect();
        Ok((all.len() <= most as usize).then_some(all))
    }

    async fn waiting(&self) -> Result<Waiting, StoreError> {
        let tables = self.tables();
        let waiting = tables.waiting();
        let has = |priority| waiting.iter().any(|job| job.options.priority == priority);
        Ok(Waiting { interactive: has(Priority::Interactive), batch: has(Priority::Batch) })
    }

    async fn head(&self, turn: Priority, models: &[Option<String>]) -> Result<Option<Head>, StoreError> {
        let tables = self.tables();
        let mut waiting = tables.waiting();
        waiting.retain(|job| models.contains(&job.options.model));
        let next = next(&waiting, &tables.served, turn);
        Ok(next.map(|job| Head { priority: job.options.priority, model: job.options.model.clone() }))
    }

    async fn models_waited_for(&self) -> Result<Vec<Option<String>>, StoreError> {
        let tables = self.tables();
        let models: BTreeSet<_> = tables.waiting().iter().map(|job| job.options.model.clone()).collect();
        Ok(models.into_iter().collect())
    }

    async fn claim(
        &self,
        priority: Priority,
        model: Option<&str>,
    ) -> Result<Option<(Claim, Vec<Recorded>)>, StoreError> {
        let mut tables = self.tables();
        let mut waiting = tables.waiting();
        waiting.retain(|job| job.options.priority == priority && job.options.model.as_deref() == model);
        let Some(next) = next(&waiting, &tables.served, priority) else { return Ok(None) };
        let (id, turn_of) = (next.id, (next.owner.clone(), next.options.priority));
        if next.attempts == 0 {
            tables.served.push(turn_of);
        }
        tables.claimed.push(id);
        let Some(row) = tables.jobs.get_mut(&id) else { return Ok(None) };
        self.move_on(row, JobInput::Claimed);
        row.epoch += 1;
        row.lease_until = self.new_lease();
        row.job.attempts += 1;
        row.job.started_at.get_or_insert(self.clock.wall_now());
        let claim = Claim {
            job: row.job.clone(),
            fence: Fence { id: row.job.id, epoch: row.epoch },
            plan: row.plan.clone(),
            chunks_done: row.chunks_done,
            segments_done: row.segments.len() as u32,
            exits: row.exits,
        };
        let started = JobEvent::Started { attempt: claim.job.attempts };
        let event = self.record(&mut tables, Event::Job(claim.job.id, started));
        Ok(Some((claim, vec![event])))
    }

    async fn planned(&self, fence: Fence, plan: &Plan, progress: Progress) -> Result<(), StoreError> {
        self.fenced(fence, |row| {
            if row.plan.as_ref() != Some(plan) {
                row.segments.clear();
                row.chunks_done = 0;
            }
            row.plan = Some(plan.clone());
            row.job.audio.duration_secs = Some(secs(plan.samples));
            row.job.warnings.clone_from(&plan.warnings);
            row.job.progress = Some(progress);
            None
        })
        .map(drop)
    }

    async fn note(&self, fence: Fence, event: JobEvent) -> Result<Vec<Recorded>, StoreError> {
        self.fenced(fence, |_| Some(event))
    }

    async fn checkpoint(&self, fence: Fence, done: Checkpoint) -> Result<Vec<Recorded>, StoreError> {
        let nothing = self.fenced(fence, |_| None)?;
        let next = self.tables().jobs.get(&fence.id).map_or(0, |row| row.chunks_done);
        if done.chunk + 1 == next {
            return Ok(nothing);
        }
        if done.chunk != next {
            return Err(StoreError::Failed(format!("chunk {} was finished, but {next} is next", done.chunk)));
        }
        self.fenced(fence, |row| {
            row.chunks_done = done.chunk + 1;
            row.exits = EngineExits::default();
            (row.job.language, row.job.language_probability) = (done.language, done.language_probability);
            row.job.progress = Some(done.progress);
            let chunk = done.chunk + 1;
            row.segments.extend(done.segments.iter().map(|segment| (chunk, segment.clone())));
            done.segments.into_iter().map(move |segment| JobEvent::Segment { chunk, segment })
        })
    }

    async fn end(&self, fence: Fence, ending: Ending) -> Result<Vec<Recorded>, StoreError> {
        self.fenced(fence, |row| match ending {
            Ending::Completed => {
                self.move_on(row, JobInput::Finished);
                row.job.progress = row.job.progress.map(Progress::completed);
                Some(JobEvent::Completed)
            }
            Ending::Failed(error) => {
                self.move_on(row, JobInput::Broke);
                row.job.error = Some(error.clone());
                Some(JobEvent::Failed { error })
            }
        })
    }

    async fn requeue(&self, fence: Fence, reason: RequeueReason) -> Result<Vec<Recorded>, StoreError> {
        self.fenced(fence, |row| {
            self.move_on(row, JobInput::Requeued);
            row.exits = match reason {
                RequeueReason::EngineExited => row.exits.with_crash(),
                RequeueReason::EngineKilled => row.exits.with_kill(),
                RequeueReason::ModelUnloading
                | RequeueReason::OutOfMemory
                | RequeueReason::Preempted
                | RequeueReason::Shutdown
                | RequeueReason::Restart => row.exits,
            };
            Some(JobEvent::Requeued { reason })
        })
    }

    async fn cancel(&self, id: JobId) -> Result<Cancelled, StoreError> {
        let mut tables = self.tables();
        let Some(row) = tables.jobs.get_mut(&id) else { return Ok(Cancelled::NotFound) };
        if row.job.status.has_ended() {
            let blob = row.job.audio.blob.clone();
            tables.jobs.remove(&id);
            tables.events.remove(&Stream::Job(id));
            return Ok(Cancelled::Removed { blob });
        }
        self.move_on(row, JobInput::CancelAsked);
        row.epoch += 1;
        let job = Box::new(row.job.clone());
        tables.write_job_messages(&job, self.now());
        let event = self.record(&mut tables, Event::Job(id, JobEvent::Cancelled));
        Ok(Cancelled::Now { job, events: vec![event] })
    }

    async fn remove_ended(&self, keep: Duration, limit: u32) -> Result<Vec<BlobKey>, StoreError> {
        let since = self.now().before(keep);
        let mut tables = self.tables();
        let is_old = |row: &&Row| row.job.finished_at.is_some_and(|ended| ended < since);
        let old = tables.jobs.values().filter(is_old).take(limit as usize);
        let old: Vec<_> = old.map(|row| (row.job.id, row.job.audio.blob.clone())).collect();
        for (id, _) in &old {
            tables.jobs.remove(id);
            tables.events.remove(&Stream::Job(*id));
        }
        Ok(old.into_iter().map(|(_, blob)| blob).collect())
    }

    async fn renew(&self, held: &[Fence]) -> Result<Vec<Recorded>, StoreError> {
        let mut tables = self.tables();
        for Fence { id, epoch } in held {
            if let Some(row) = tables.jobs.get_mut(id).filter(|row| row.epoch == *epoch) {
                row.lease_until = self.new_lease();
            }
        }
        let now = self.now();
        Ok(self.requeue_running(&mut tables, |row| row.lease_until < now))
    }

    async fn recover(&self) -> Result<Vec<Recorded>, StoreError> {
        Ok(self.requeue_running(&mut self.tables(), |_| true))
    }
}

#[async_trait]
impl EventLog for MemoryStore {
    async fn append_model_event(&self, event: OfModel) -> Result<Recorded, StoreError> {
        let mut tables = self.tables();
        tables.write_model_messages(&event, self.now());
        Ok(self.record(&mut tables, Event::Model(event)))
    }

    async fn events_after(
        &self,
        stream: Stream,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        let tables = self.tables();
        let log = tables.events.get(&stream).into_iter().flatten();
        Ok(log.filter(|event| event.seq > after).take(limit as usize).cloned().collect())
    }

    async fn last_seq(&self, stream: Stream) -> Result<u64, StoreError> {
        Ok(self.tables().events.get(&stream).map_or(0, |log| log.len() as u64))
    }
}
