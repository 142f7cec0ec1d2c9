//! Where transcription blocks: one thread a worker, nothing but the call into the engine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::mpsc;

use crate::domain::transcript::ChunkTranscript;
use crate::isolation::InEngine;
use crate::model::Lease;
use crate::ports::{Batch, CancelToken, EngineFault};

/// Transcribe one batch. The lease is held for as long as the engine works on it.
#[derive(Message)]
#[rtype(result = "Result<Vec<ChunkTranscript>, EngineFault>")]
pub struct Transcribe {
    pub lease: Arc<Lease>,
    pub batch: Batch,
    pub cancel: CancelToken,
    /// Told the fraction of the batch that is done, 0 to 1.
    pub progress: mpsc::UnboundedSender<f32>,
    pub in_engine: InEngine,
}

/// N of these share one mailbox, which never holds more than N messages: the queue is the store's.
pub struct WorkerActor;

impl WorkerActor {
    /// Starts `count` workers, each on a thread of its own.
    pub fn start(count: usize) -> Addr<WorkerActor> {
        SyncArbiter::start(count, || WorkerActor)
    }
}

impl Actor for WorkerActor {
    type Context = SyncContext<Self>;
}

impl Handler<Transcribe> for WorkerActor {
    type Result = Result<Vec<ChunkTranscript>, EngineFault>;

    fn handle(&mut self, msg: Transcribe, _: &mut Self::Context) -> Self::Result {
        let Transcribe { lease, batch, cancel, progress, in_engine: _in_engine } = msg;
        let mut tell = |fraction| {
            // The caller may be gone: the result contains everything.
            let _ = progress.send(fraction);
        };
        catch_unwind(AssertUnwindSafe(|| lease.model().transcribe(&batch, &cancel, &mut tell)))
            .unwrap_or_else(|_| Err(EngineFault::Died { detail: "the engine panicked".into() }))
    }
}
