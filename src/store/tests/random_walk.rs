//! Many random histories, applied to a database of either engine and to the store in memory: both answer the same at every step.

use std::sync::Arc;
use std::time::Duration;

use actors::clock::Clock;
use actors::domain::event::{Recorded, RequeueReason, Stream};
use actors::domain::jobs::job::{Idempotency, JobError, JobId, KeyLife, NewJob};
use actors::domain::jobs::options::Priority;
use actors::domain::jobs::overtakes::Overtakes;
use actors::domain::jobs::queue::{Queued, place};
use actors::ports::{
    Cancelled, Ending, EventLog, Fence, Head, JobCounts, JobQuery, JobStore, QueuePlace, StoreError,
    SubmitError, Terms,
};
use actors::testing::MemoryStore;
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::conformance::{checkpoint, new_job, plan, progress};
use crate::store::SqlStore;

const CHUNKS: u64 = 4;
const MOST_QUEUED: u64 = 8;

#[derive(Debug, Clone)]
enum Step {
    Submit {
        owner: &'static str,
        priority: Priority,
        model: Option<&'static str>,
        /// A key, and which of two requests is sent under it.
        once: Option<(&'static str, &'static str)>,
        reuse: bool,
    },
    /// The next of all, or of those for a model.
    Claim(Priority, Option<Option<&'static str>>),
    /// Of the fences ever held, counted back from the latest, with so many segments, of the chunk so many before the
    /// second next.
    Checkpoint(usize, u32, u32),
    End(usize, bool),
    Requeue(usize, RequeueReason),
    /// Of the jobs ever taken in, counted round.
    Cancel(usize),
    Recover,
    /// So many of the fences ever held, from the latest on.
    Renew(usize),
    Pass(Duration),
    RemoveEnded(Duration),
}

fn model() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![2 => Just(None), 1 => Just(Some("large"))]
}

fn step() -> BoxedStrategy<Step> {
    let priority = || prop_oneof![Just(Priority::Batch), Just(Priority::Interactive)];
    let owner = prop_oneof![Just(""), Just("a"), Just("b")];
    let key = (prop_oneof![Just("k"), Just("l")], prop_oneof![3 => Just("x"), 1 => Just("y")]);
    let once = prop_oneof![3 => Just(None), 1 => key.prop_map(Some)];
    let reason = prop_oneof![
        Just(RequeueReason::EngineExited),
        Just(RequeueReason::EngineKilled),
        Just(RequeueReason::Preempted),
    ];
    let hours = || (0..48_u64).prop_map(|hours| Duration::from_secs(hours * 3600));
    // Mostly the latest, which is held.
    let fence = || prop_oneof![3 => 0..2_usize, 1 => 0..20_usize];
    prop_oneof![
        6 => (owner, priority(), model(), once, any::<bool>()).prop_map(
            |(owner, priority, model, once, reuse)| Step::Submit { owner, priority, model, once, reuse }
        ),
        5 => (priority(), proptest::option::of(model())).prop_map(|(turn, of)| Step::Claim(turn, of)),
        6 => (fence(), 0..4_u32, prop_oneof![1 => Just(0), 6 => Just(1), 1 => Just(2)])
            .prop_map(|(fence, segments, before)| Step::Checkpoint(fence, segments, before)),
        2 => (fence(), any::<bool>()).prop_map(|(fence, good)| Step::End(fence, good)),
        2 => (fence(), reason).prop_map(|(fence, reason)| Step::Requeue(fence, reason)),
        2 => (0..30_usize).prop_map(Step::Cancel),
        1 => Just(Step::Recover),
        2 => (0..3_usize).prop_map(Step::Renew),
        1 => hours().prop_map(Step::Pass),
        1 => hours().prop_map(Step::RemoveEnded),
    ]
    .boxed()
}

/// Steps in any order: which of them are possible is for the stores to say.
struct AnyOrder;

impl ReferenceStateMachine for AnyOrder {
    type State = ();
    type Transition = Step;

    fn init_state() -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn transitions((): &()) -> BoxedStrategy<Step> {
        step()
    }

    fn apply((): (), _: &Step) {}
}

#[derive(Debug, Clone, Copy)]
enum Engine {
    Sqlite,
    Postgres,
}

struct Walk {
    runtime: Arc<Runtime>,
    store: SqlStore,
    model: MemoryStore,
    clock: Clock,
    jobs: Vec<JobId>,
    /// Those ever held.
    fences: Vec<Fence>,
    _dir: TempDir,
}

impl Walk {
    /// Nothing without the engine.
    fn start(engine: Engine) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let clock = Clock::standing();
        let of_store = clock.clone();
        let of_store: crate::store::Clock = Arc::new(move || of_store.wall_now());
        let (store, dir) = runtime.block_on(async {
            match engine {
                Engine::Sqlite => {
                    let dir = tempfile::tempdir().unwrap();
                    Some((SqlStore::open_with(dir.path(), of_store).await.unwrap(), dir))
                }
                Engine::Postgres => super::postgres::open_with(of_store).await,
            }
        })?;
        let model = MemoryStore::with_clock(clock.clone());
        Some(Self {
            runtime: Arc::new(runtime),
            store,
            model,
            clock,
            jobs: vec![],
            fences: vec![],
            _dir: dir,
        })
    }

    fn fence(&self, back: usize) -> Option<Fence> {
        self.fences.len().checked_sub(back + 1).map(|index| self.fences[index])
    }
}

/// What two stores must agree on, errors by their kind.
#[derive(Debug, PartialEq)]
enum Said<T> {
    Done(T),
    LeaseLost,
    QueueFull,
    KeyReused,
    Refused,
}

fn sorted(mut events: Vec<Recorded>) -> Vec<Recorded> {
    events.sort_by_key(|recorded| format!("{:?}", recorded.stream()));
    events
}

fn said<T>(answer: Result<T, StoreError>) -> Said<T> {
    match answer {
        Ok(done) => Said::Done(done),
        Err(StoreError::LeaseLost) => Said::LeaseLost,
        Err(StoreError::DiskFull | StoreError::Unreachable(_) | StoreError::Failed(_)) => Said::Refused,
    }
}

async fn take(walk: &mut Walk, step: Step) {
    let Walk { store, model, .. } = walk;
    match step {
        Step::Submit { owner, priority, model: wanted, once, reuse } => {
            let once = once
                .map(|(key, fingerprint)| (key.to_owned(), fingerprint.to_owned()))
                .map(|(key, fingerprint)| Idempotency { key, fingerprint, life: KeyLife::Day });
            let mut job = NewJob { owner: owner.into(), once, ..new_job(priority) };
            job.options.model = wanted.map(str::to_owned);
            let terms = Terms { max_queued: MOST_QUEUED, reuse: reuse.then(|| plan(CHUNKS).made_with) };
            let submitted = |answer: Result<_, SubmitError>| match answer {
                Ok(taken) => Said::Done(taken),
                Err(SubmitError::QueueFull { .. }) => Said::QueueFull,
                Err(SubmitError::KeyReused) => Said::KeyReused,
                Err(SubmitError::Store(error)) => said(Err(error)),
            };
            let answer = submitted(store.submit(job.clone(), terms.clone()).await);
            assert_eq!(answer, submitted(model.submit(job, terms).await));
            if let Said::Done((job, _)) = answer
                && !walk.jobs.contains(&job.id)
            {
                walk.jobs.push(job.id);
            }
        }
        Step::Claim(turn, of) => {
            let models = match of {
                Some(one) => vec![one.map(str::to_owned)],
                None => vec![Some("large".to_owned()), None],
            };
            let head = store.head(turn, &models).await.unwrap();
            assert_eq!(head, model.head(turn, &models).await.unwrap());
            let Some(Head { priority, model: wanted }) = head else { return };
            let mine = store.claim(priority, wanted.as_deref()).await.unwrap();
            let theirs = model.claim(priority, wanted.as_deref()).await.unwrap();
            let Some((claim, events)) = mine else {
                assert!(theirs.is_none(), "the model has nothing queued");
                return;
            };
            let (expected, as_events) = theirs.expect("the database has something queued, the model has not");
            assert_eq!((&claim.job, events), (&expected.job, as_events));
            assert_eq!(
                (claim.chunks_done, claim.segments_done),
                (expected.chunks_done, expected.segments_done)
            );
            assert_eq!((&claim.plan, claim.exits), (&expected.plan, expected.exits));
            if claim.plan.is_none() {
                let plan = plan(CHUNKS);
                for (store, fence) in [(store as &dyn JobStore, claim.fence), (model, expected.fence)] {
                    store.planned(fence, &plan, progress(0, &plan)).await.unwrap();
                }
            }
            assert_eq!(claim.fence, expected.fence);
            walk.fences.push(claim.fence);
        }
        Step::Checkpoint(back, segments, before) => {
            let Some(fence) = walk.fence(back) else { return };
            let done = walk.model.job(fence.id).await.unwrap().and_then(|job| job.progress);
            let next = done.map_or(0, |progress| (progress.processed_secs / 30.0).round() as u32);
            let chunk = (next + 1).saturating_sub(before);
            if u64::from(chunk) >= CHUNKS {
                return;
            }
            let done = checkpoint(chunk, &plan(CHUNKS), 0..segments);
            let answer = said(walk.store.checkpoint(fence, done.clone()).await);
            assert_eq!(answer, said(walk.model.checkpoint(fence, done).await));
        }
        Step::End(back, good) => {
            let Some(fence) = walk.fence(back) else { return };
            let broken = JobError { code: "x".into(), message: "y".into() };
            let ending = if good { Ending::Completed } else { Ending::Failed(broken) };
            let answer = said(walk.store.end(fence, ending.clone()).await);
            assert_eq!(answer, said(walk.model.end(fence, ending).await));
        }
        Step::Requeue(back, reason) => {
            let Some(fence) = walk.fence(back) else { return };
            let answer = said(walk.store.requeue(fence, reason).await);
            assert_eq!(answer, said(walk.model.requeue(fence, reason).await));
        }
        Step::Cancel(which) => {
            let Some(index) = which.checked_rem(walk.jobs.len()) else { return };
            let id = walk.jobs[index];
            let outcome = |cancelled| match cancelled {
                Cancelled::Now { job, events } => (Some(job), Some(events), None),
                Cancelled::Removed { blob } => (None, None, Some(blob)),
                Cancelled::NotFound => (None, None, None),
            };
            let answer = outcome(walk.store.cancel(id).await.unwrap());
            assert_eq!(answer, outcome(walk.model.cancel(id).await.unwrap()));
        }
        Step::Renew(latest) => {
            let held = &walk.fences[walk.fences.len().saturating_sub(latest)..];
            let answer = sorted(walk.store.renew(held).await.unwrap());
            assert_eq!(answer, sorted(walk.model.renew(held).await.unwrap()));
        }
        Step::Recover => {
            let answer = sorted(walk.store.recover().await.unwrap());
            assert_eq!(answer, sorted(walk.model.recover().await.unwrap()));
        }
        Step::Pass(time) => walk.clock.step(time),
        Step::RemoveEnded(keep) => {
            let removed = |mut blobs: Vec<actors::domain::jobs::job::BlobKey>| {
                blobs.sort_by(|a, b| a.0.cmp(&b.0));
                blobs
            };
            let answer = removed(walk.store.remove_ended(keep, 100).await.unwrap());
            assert_eq!(answer, removed(walk.model.remove_ended(keep, 100).await.unwrap()));
        }
    }
}

/// Everything that can be read.
async fn compare(walk: &Walk) {
    let Walk { store, model, .. } = walk;
    assert_eq!(store.counts().await.unwrap(), model.counts().await.unwrap());
    let of_all = store.counts_by_model().await.unwrap();
    let sum = |count: fn(&JobCounts) -> u64| of_all.iter().map(|(_, of_it)| count(of_it)).sum();
    let sums = JobCounts { queued: sum(|of_it| of_it.queued), running: sum(|of_it| of_it.running) };
    assert_eq!(sums, store.counts().await.unwrap());
    assert_eq!(store.waiting().await.unwrap(), model.waiting().await.unwrap());
    let sorted = |mut models: Vec<Option<String>>| {
        models.sort();
        models
    };
    let (mine, theirs) = (store.models_waited_for().await.unwrap(), model.models_waited_for().await.unwrap());
    assert_eq!(sorted(mine), sorted(theirs));
    for owner in ["", "a", "b"] {
        let query = JobQuery { owner: owner.into(), limit: 100, ..JobQuery::default() };
        assert_eq!(store.jobs(query.clone()).await.unwrap(), model.jobs(query).await.unwrap());
    }
    let by_id = |mut queue: Vec<Queued>| {
        queue.sort_by_key(|queued| queued.id);
        queue
    };
    let queue = store.queue(MOST_QUEUED as u32 + 100).await.unwrap().map(by_id).unwrap();
    let as_if_of_one_model = |queued: &Queued| Queued { model: None, ..queued.clone() };
    let of_one_model: Vec<_> = queue.iter().map(as_if_of_one_model).collect();
    for id in walk.jobs.iter().copied() {
        let computed =
            place(of_one_model.clone(), None, Overtakes::default(), id).map(|place| place.position);
        assert_eq!(store.place(id).await.unwrap().map(|place| place.position), computed);
        let stream = Stream::Job(id);
        let (mine, theirs) = (store.place(id).await.unwrap(), model.place(id).await.unwrap());
        let position = |place: &Option<QueuePlace>| place.as_ref().map(|place| place.position);
        assert_eq!(position(&mine), position(&theirs));
        // Sums of fractions differ in their last digits with their order.
        let secs = |place: Option<QueuePlace>| place.map_or(0.0, |place| place.audio_secs_ahead);
        let (mine, theirs) = (secs(mine), secs(theirs));
        assert!((mine - theirs).abs() < 1e-6, "{mine} s ahead, {theirs} in the model");
        assert_eq!(store.segments(id).await.unwrap(), model.segments(id).await.unwrap());
        let log = store.events_after(stream, 0, u32::MAX).await.unwrap();
        assert_eq!(log, model.events_after(stream, 0, u32::MAX).await.unwrap());
    }
}

impl Walk {
    fn step(mut self, step: Step) -> Self {
        let runtime = self.runtime.clone();
        runtime.block_on(async {
            take(&mut self, step).await;
            compare(&self).await;
        });
        self
    }
}

macro_rules! walk_on {
    ($engine:ident) => {
        struct $engine;

        impl StateMachineTest for $engine {
            type SystemUnderTest = Option<Walk>;
            type Reference = AnyOrder;

            fn init_test((): &()) -> Option<Walk> {
                Walk::start(Engine::$engine)
            }

            fn apply(walk: Option<Walk>, (): &(), step: Step) -> Option<Walk> {
                walk.map(|walk| walk.step(step))
            }
        }
    };
}

walk_on!(Sqlite);
walk_on!(Postgres);

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_database_does_what_the_model_does(sequential 1..60 => Sqlite);
}

prop_state_machine! {
    // Each reads everything after each step, over a socket.
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn postgres_does_what_the_model_does(sequential 1..60 => Postgres);
}
