//! Where transcription blocks: one thread a worker, nothing but the call into the engine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix::prelude::*;
use serde::Serialize;
use tokio::sync::mpsc;
use tracing::error;

use crate::domain::jobs::job::JobId;
use crate::domain::jobs::origin::TraceParent;
use crate::domain::transcript::ChunkTranscript;
use crate::isolation::InEngine;
use crate::measures::measures;
use crate::model::Lease;
use crate::observe::secs_since;
use crate::ports::{Batch, CancelToken, EngineFault, record_span};

/// Transcribe one batch. The lease is held for as long as the engine works on it.
#[derive(Message)]
#[rtype(result = "Result<Vec<ChunkTranscript>, EngineFault>")]
pub struct Transcribe {
    pub job: JobId,
    /// The first of the batch, from 1.
    pub chunk: u32,
    pub lease: Arc<Lease>,
    pub batch: Batch,
    pub cancel: CancelToken,
    /// Gets the fraction of the batch that is done, 0 to 1.
    pub progress: mpsc::UnboundedSender<f32>,
    pub in_engine: InEngine,
    /// Of the job's request.
    pub traceparent: Option<TraceParent>,
}

/// What each worker is busy with, readable while the workers block.
#[derive(Clone)]
pub(crate) struct WorkerBoard(Arc<Mutex<Vec<Option<Work>>>>);

#[derive(Debug, Clone, Copy)]
struct Work {
    job: JobId,
    chunk: u32,
    since: Instant,
}

/// The work of a busy worker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BusyWith {
    pub job: JobId,
    /// The first of the batch, from 1.
    pub chunk: u32,
    pub secs: f64,
}

impl WorkerBoard {
    pub(crate) fn new(workers: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![None; workers])))
    }

    /// One entry for each worker; `None` for an idle one.
    pub(crate) fn read(&self) -> Vec<Option<BusyWith>> {
        let now = Instant::now();
        let busy =
            |work: &Work| BusyWith { job: work.job, chunk: work.chunk, secs: secs_since(work.since, now) };
        self.entries().iter().map(|entry| entry.as_ref().map(busy)).collect()
    }

    /// Shows the work until the guard is dropped.
    fn begin(&self, job: JobId, chunk: u32) -> Entry<'_> {
        let mut entries = self.entries();
        let free = entries.iter().position(Option::is_none);
        if let Some(entry) = free.and_then(|free| entries.get_mut(free)) {
            *entry = Some(Work { job, chunk, since: Instant::now() });
        }
        Entry { board: self, index: free }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Option<Work>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Entry<'a> {
    board: &'a WorkerBoard,
    index: Option<usize>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(index) = self.index
            && let Some(entry) = self.board.entries().get_mut(index)
        {
            *entry = None;
        }
    }
}

/// N of these share one mailbox, which never holds more than N messages: the queue is the store's.
pub struct WorkerActor {
    board: WorkerBoard,
}

impl WorkerActor {
    pub(crate) const NAME: &str = "workers";

    /// Starts as many workers as the board has entries, each on a thread of its own.
    pub(crate) fn start(board: WorkerBoard) -> Addr<WorkerActor> {
        let workers = board.entries().len();
        SyncArbiter::start(workers, move || WorkerActor { board: board.clone() })
    }
}

impl Actor for WorkerActor {
    type Context = SyncContext<Self>;
}

impl Handler<Transcribe> for WorkerActor {
    type Result = Result<Vec<ChunkTranscript>, EngineFault>;

    fn handle(&mut self, msg: Transcribe, _: &mut Self::Context) -> Self::Result {
        let Transcribe { job, chunk, lease, batch, cancel, progress, in_engine: _in_engine, traceparent } =
            msg;
        let _entry = self.board.begin(job, chunk);
        let mut report = |fraction| {
            // The receiver may be dropped: the result contains everything.
            let _ = progress.send(fraction);
        };
        let begun = Instant::now();
        let decoded =
            catch_unwind(AssertUnwindSafe(|| lease.model().transcribe(&batch, &cancel, &mut report)));
        if let Ok(Ok(transcripts)) = &decoded {
            let took = begun.elapsed();
            measure(&lease, transcripts, took);
            record_span("chunks", traceparent.as_ref(), took, || {
                let count = transcripts.len();
                vec![("job.id", job.to_string()), ("first", chunk.to_string()), ("count", count.to_string())]
            });
        }
        decoded.unwrap_or_else(|_| {
            error!(actor = Self::NAME, job.id = %job, chunk, "the engine panicked");
            Err(EngineFault::Exited { detail: "the engine panicked".into() })
        })
    }
}

fn measure(lease: &Lease, transcripts: &[ChunkTranscript], took: Duration) {
    let model = lease.model().facts().id;
    let of_one = took.as_secs_f64() / transcripts.len().max(1) as f64;
    let chunks = measures().chunk.with_label_values(&[model.as_str()]);
    transcripts.iter().for_each(|_| chunks.observe(of_one));
    let redecodes = transcripts.iter().map(|chunk| u64::from(chunk.redecodes)).sum();
    measures().redecodes.with_label_values(&[model.as_str()]).inc_by(redecodes);
}
