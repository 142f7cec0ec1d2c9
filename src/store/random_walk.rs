//! Many random walks through a store, each step compared with a model that fits on a page.

use std::collections::BTreeMap;

use actors::domain::event::{RequeueReason, Stream};
use actors::domain::job::{JobError, JobId, Status};
use actors::domain::options::Priority;
use actors::ports::{Cancelled, Ending, Fence, JobCounts, Store, StoreError};

use super::SqliteStore;
use super::conformance::{NO_LIMIT, checkpoint, new_job, plan, progress};

const CHUNKS: u64 = 4;

/// A job as the model sees it.
#[derive(Debug)]
struct Expected {
    status: Status,
    /// Priority and time of submission: its place in the queue, the id deciding between equals.
    place: (u8, i64),
    fence: Option<Fence>,
    attempts: u32,
    planned: bool,
    chunks: u32,
    segments: usize,
    events: u64,
}

/// Numbers that look random and are the same every time (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

struct Walk<'a> {
    store: &'a dyn Store,
    jobs: BTreeMap<JobId, Expected>,
    /// Every fence ever held, with no regard to whether it still is.
    fences: Vec<Fence>,
    dice: Dice,
}

impl Walk<'_> {
    async fn step(&mut self) {
        match self.dice.below(10) {
            0 | 1 => self.submit().await,
            2 | 3 => self.claim().await,
            4..=6 => self.checkpoint().await,
            7 => self.end().await,
            8 => self.requeue().await,
            _ => match self.dice.below(4) {
                0 => self.recover().await,
                _ => self.cancel().await,
            },
        }
        self.compare().await;
    }

    async fn submit(&mut self) {
        let (priority, rank) =
            if self.dice.below(3) == 0 { (Priority::Interactive, 0) } else { (Priority::Batch, 1) };
        let (job, _) = self.store.submit(new_job(priority), NO_LIMIT).await.unwrap();
        let expected = Expected {
            status: Status::Queued,
            place: (rank, job.created_at.0),
            fence: None,
            attempts: 0,
            planned: false,
            chunks: 0,
            segments: 0,
            events: 1,
        };
        self.jobs.insert(job.id, expected);
    }

    async fn claim(&mut self) {
        let queued = self.jobs.iter_mut().filter(|(_, job)| job.status == Status::Queued);
        let next = queued.min_by_key(|(id, job)| (job.place, **id));
        let claimed = self.store.claim(Priority::Interactive).await.unwrap();
        let (Some((id, job)), Some((claim, _))) = (next, &claimed) else {
            assert!(claimed.is_none(), "the model has nothing queued");
            return;
        };
        (job.status, job.attempts, job.events) = (Status::Running, job.attempts + 1, job.events + 1);
        assert_eq!((claim.job.id, claim.job.attempts), (*id, job.attempts));
        assert_eq!((claim.chunks_done, claim.segments_done as usize), (job.chunks, job.segments));
        job.fence = Some(claim.fence);
        self.fences.push(claim.fence);
        if !job.planned {
            let plan = plan(CHUNKS);
            self.store.planned(claim.fence, &plan, progress(0, &plan)).await.unwrap();
            job.planned = true;
        }
    }

    /// Some fence, mostly one that is held, with the job if it is.
    fn pick(&mut self) -> Option<(Fence, Option<&mut Expected>)> {
        if self.fences.is_empty() {
            return None;
        }
        let oldest = self.fences.len().saturating_sub(5) * usize::from(self.dice.below(4) > 0);
        let index = oldest + self.dice.below(self.fences.len() - oldest);
        let fence = self.fences[index];
        let held = self.jobs.get_mut(&fence.id).filter(|job| job.fence == Some(fence));
        Some((fence, held))
    }

    async fn checkpoint(&mut self) {
        let (store, segments) = (self.store, self.dice.below(4) as u32);
        let Some((fence, held)) = self.pick() else { return };
        let chunk = held.as_ref().map_or(0, |job| job.chunks);
        if u64::from(chunk) >= CHUNKS {
            return;
        }
        let answer = store.checkpoint(fence, checkpoint(chunk, &plan(CHUNKS), 0..segments)).await;
        let Some(job) = held else { return assert_lost(answer) };
        assert_eq!(answer.unwrap().len(), segments as usize);
        job.chunks += 1;
        job.segments += segments as usize;
        job.events += u64::from(segments);
    }

    async fn end(&mut self) {
        let (store, good) = (self.store, self.dice.below(2) == 0);
        let Some((fence, held)) = self.pick() else { return };
        let broken = JobError { code: "x".into(), message: "y".into() };
        let (ending, status) = if good {
            (Ending::Completed, Status::Completed)
        } else {
            (Ending::Failed(broken), Status::Failed)
        };
        let answer = store.end(fence, ending).await;
        let Some(job) = held else { return assert_lost(answer) };
        assert_eq!(answer.unwrap().len(), 1);
        job.leave(status);
    }

    async fn requeue(&mut self) {
        let store = self.store;
        let Some((fence, held)) = self.pick() else { return };
        let answer = store.requeue(fence, RequeueReason::OutOfMemory).await;
        let Some(job) = held else { return assert_lost(answer) };
        assert_eq!(answer.unwrap().len(), 1);
        job.leave(Status::Queued);
    }

    async fn cancel(&mut self) {
        let Some(id) = self.jobs.keys().nth(self.dice.below(self.jobs.len().max(1))).copied() else { return };
        let Some(job) = self.jobs.get_mut(&id) else { return };
        match self.store.cancel(id).await.unwrap() {
            Cancelled::Now { .. } if !job.status.has_ended() => job.leave(Status::Cancelled),
            Cancelled::Removed { .. } if job.status.has_ended() => drop(self.jobs.remove(&id)),
            unexpected => panic!("{unexpected:?} for {job:?}"),
        }
    }

    async fn recover(&mut self) {
        let events = self.store.recover().await.unwrap();
        let running = self.jobs.values_mut().filter(|job| job.status == Status::Running);
        assert_eq!(events.len(), running.map(|job| job.leave(Status::Queued)).count());
    }

    async fn compare(&self) {
        let count = |status| self.jobs.values().filter(|job| job.status == status).count() as u64;
        let counts = JobCounts { queued: count(Status::Queued), running: count(Status::Running) };
        assert_eq!(self.store.counts().await.unwrap(), counts);
        for (id, expected) in &self.jobs {
            let job = self.store.job(*id).await.unwrap().unwrap();
            assert_eq!((job.status, job.attempts), (expected.status, expected.attempts), "{expected:?}");
            assert_eq!(self.store.segments(*id).await.unwrap().len(), expected.segments, "{expected:?}");
            assert_eq!(self.store.last_seq(Stream::Job(*id)).await.unwrap(), expected.events, "{expected:?}");
            let ahead = self.jobs.iter().filter(|(other, job)| {
                job.status == Status::Queued && (job.place, **other) < (expected.place, *id)
            });
            let place = (expected.status == Status::Queued).then_some(ahead.count() as u64 + 1);
            assert_eq!(self.store.place(*id).await.unwrap().map(|p| p.position), place);
        }
    }
}

impl Expected {
    fn leave(&mut self, status: Status) {
        (self.status, self.fence) = (status, None);
        self.events += 1;
    }
}

fn assert_lost<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    assert!(matches!(answer, Err(StoreError::LeaseLost)), "{answer:?}");
}

#[tokio::test]
async fn random_walks_go_where_the_model_says() {
    for seed in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path()).await.unwrap();
        let mut walk = Walk { store: &store, jobs: BTreeMap::new(), fences: vec![], dice: Dice(seed) };
        for _ in 0..60 {
            walk.step().await;
        }
    }
}
