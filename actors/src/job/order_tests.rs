//! The table of `search`, row by row.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;

use super::jobs_to_fail::JobsToFail;
use super::on_model_failed::OnModelFailed;
use super::run::Deps;
use super::search::{Found, Order, search};
use crate::clock::Clock;
use crate::domain::event::{JobEvent, RequeueReason, UnloadReason};
use crate::domain::jobs::job::{JobId, Status};
use crate::domain::jobs::options::Priority::{self, Batch, Interactive};
use crate::domain::jobs::overtakes::{Line, MOST_JOBS, Overtakes};
use crate::domain::jobs::turns::Turns;
use crate::domain::model::lifecycle::{Demand, Policy};
use crate::domain::model::models::ModelNo;
use crate::domain::model::stay::Stay;
use crate::domain::services::tests::{READY, peer};
use crate::domain::services::{Peer, ReportedPhase};
use crate::isolation::Isolation;
use crate::model::{Lease, ModelHandle, ModelParts, ServedModels, State};
use crate::notifier::{NotifierHandle, NotifierSettings};
use crate::peers::PeersHandle;
use crate::ports::{Claim, Ending, Engine, Peers, StoreError, Terms};
use crate::testing::world::{Setting, World, names, new_job};
use crate::testing::{FakeEngine, FakeProbe, FakeRecordings, MemoryStore, Scripted, TransportFake};
use crate::worker::{WorkerActor, WorkerBoard};

const LARGE: Option<&str> = Some("large");
/// The default model, by its name: for the store it differs from no name.
const FAKE: Option<&str> = Some("fake");

/// Ends a test whose model never comes.
const HANG_GUARD: Duration = Duration::from_secs(30);

type Row = (&'static str, fn() -> LocalBoxFuture<'static, ()>);

/// The first column of the table, each with what shows the second.
const ROWS: &[Row] = &[
    ("jobs of both priorities wait", || {
        Box::pin(async {
            let queue = Queue::with_model(None).await;
            queue.submit("", Batch, None).await;
            let interactive = queue.submit("", Interactive, None).await;
            assert_eq!(queue.next().await, Next::Job(interactive));
        })
    }),
    ("four interactive jobs in a row were taken and a batch job waits", || {
        Box::pin(async {
            let mut queue = Queue::with_model(None).await;
            queue.submit("", Interactive, None).await;
            let batch = queue.submit("", Batch, None).await;
            let mut turns = Turns::default();
            (0..4).for_each(|_| turns.taken(Interactive));
            queue.order.turn = turns.next();
            assert_eq!(queue.next().await, Next::Job(batch));
        })
    }),
    ("one owner has several jobs of a priority", || {
        Box::pin(async {
            let queue = Queue::with_model(None).await;
            let first = queue.submit("a", Batch, None).await;
            queue.submit("a", Batch, None).await;
            assert_eq!(queue.next().await, Next::Job(first));
        })
    }),
    ("several owners have jobs of a priority", || {
        Box::pin(async {
            let queue = Queue::with_model(None).await;
            queue.submit("a", Batch, None).await;
            let served = queue.claim(Batch, None).await;
            queue.deps.store.end(served.fence, Ending::Completed).await.unwrap();
            queue.submit("a", Batch, None).await;
            let of_another = queue.submit("b", Batch, None).await;
            assert_eq!(queue.next().await, Next::Job(of_another));
        })
    }),
    ("a job of the priority was begun before and given back", || {
        Box::pin(async {
            let queue = Queue::with_model(None).await;
            queue.submit("a", Batch, None).await;
            let begun = queue.submit("b", Batch, FAKE).await;
            let claim = queue.claim(Batch, FAKE).await;
            queue.deps.store.requeue(claim.fence, RequeueReason::Preempted).await.unwrap();
            assert_eq!(queue.next().await, Next::Job(begun));
        })
    }),
    ("the first job is for another model and jobs of the loaded one wait in its line", || {
        Box::pin(async {
            let queue = Queue::with_model(None).await;
            queue.submit("", Batch, LARGE).await;
            let of_loaded = queue.submit("", Batch, None).await;
            assert_eq!(queue.next().await, Next::Job(of_loaded));
        })
    }),
    ("as many have overtaken the first job as may", || {
        Box::pin(async {
            let mut queue = Queue::with_model(None).await;
            let first = queue.submit("", Batch, LARGE).await;
            queue.submit("", Batch, None).await;
            queue.overtaken(Line::Batch);
            assert_eq!(queue.next().await, Next::Swap(Batch));
            queue.until_ready("large").await;
            assert_eq!(queue.next().await, Next::Job(first));
        })
    }),
    ("the first job is interactive and only batch jobs are for the loaded model", || {
        Box::pin(async {
            let queue = Queue::with_model(None).await;
            queue.submit("", Batch, None).await;
            let first = queue.submit("", Interactive, LARGE).await;
            assert_eq!(queue.next().await, Next::Swap(Interactive));
            queue.until_ready("large").await;
            assert_eq!(queue.next().await, Next::Job(first));
        })
    }),
    ("a client was turned away and asked to retry for another model", || {
        Box::pin(async {
            let mut queue = Queue::with_model(None).await;
            let (first, lease) = (queue.submit("", Batch, None).await, queue.lease().await);
            queue.submit("", Batch, None).await;
            let large = queue.deps.model.find(LARGE).unwrap();
            queue.deps.model.demand(Demand::TurnedAway, large);
            queue.deps.model.watch().wait_for(|status| status.wanted_next == Some(large)).await.unwrap();
            assert_eq!(queue.next_under(Some(lease.clone())).await, Next::Job(first));
            queue.overtaken(Line::Client);
            assert_eq!(queue.next_under(Some(lease)).await, Next::Nothing);
            queue.until_ready("large").await;
        })
    }),
    ("the loaded model is kept for a client that was asked to retry or asked for it", || {
        Box::pin(async {
            let mut queue = Queue::with_model(None).await;
            queue.submit("", Interactive, None).await;
            let of_client = queue.submit("", Batch, LARGE).await;
            let large = queue.deps.model.find(LARGE).unwrap();
            queue.deps.model.load_and_wait(large, None).await.unwrap();
            queue.overtaken(Line::Interactive);
            assert_eq!(queue.next_under(None).await, Next::Job(of_client));
        })
    }),
    ("the model of the first job waits for memory", || {
        Box::pin(async {
            let queue = Queue::with_loads([Scripted::OutOfMemory]);
            queue.try_large(State::WaitingForGpu).await;
            queue.submit("", Batch, LARGE).await;
            let other = queue.submit("", Batch, None).await;
            assert_eq!(queue.next_under(None).await, Next::Nothing, "its model is to be loaded first");
            queue.until_ready("fake").await;
            assert_eq!(queue.next().await, Next::Job(other));
        })
    }),
    ("the model of the first job cannot be loaded", || {
        Box::pin(async {
            let queue = Queue::with_loads([Scripted::Broken]);
            queue.try_large(State::Failed).await;
            let failed = queue.submit("", Batch, LARGE).await;
            queue.runs_another_model().await;
            assert_eq!(queue.status(failed).await, Status::Queued);
        })
    }),
    ("the same with on_model_failed = \"fail\"", || {
        Box::pin(async {
            let mut queue = Queue::with_loads([Scripted::Broken]);
            queue.order.on_model_failed = OnModelFailed::Fail;
            queue.try_large(State::Failed).await;
            let failed = queue.submit("", Batch, LARGE).await;
            queue.runs_another_model().await;
            assert_eq!(queue.status(failed).await, Status::Failed);
        })
    }),
    ("the same while its file is being downloaded", || {
        Box::pin(async {
            let mut queue = Queue::with_loads([Scripted::Pulling]);
            queue.order.on_model_failed = OnModelFailed::Fail;
            queue.try_large(State::Failed).await;
            let waiting = queue.submit("", Batch, LARGE).await;
            queue.runs_another_model().await;
            assert_eq!(queue.status(waiting).await, Status::Queued);
        })
    }),
    ("the same after a new job for that model was taken in", || {
        Box::pin(async {
            let mut queue = Queue::with_loads([Scripted::Broken]);
            queue.order.on_model_failed = OnModelFailed::Fail;
            queue.try_large(State::Failed).await;
            let new = queue.submit("", Batch, LARGE).await;
            let large = queue.deps.model.find(LARGE).unwrap();
            queue.deps.jobs_to_fail.expect_another_try(large, queue.deps.model.status().failures(large));
            queue.runs_another_model().await;
            assert_eq!(queue.status(new).await, Status::Queued);
        })
    }),
    ("the memory was asked for with a hold", || {
        Box::pin(async {
            let queue = Queue::with_model(None).await;
            let job = queue.submit("", Batch, None).await;
            let hold = Duration::from_secs(60);
            queue.deps.model.unload_and_wait(UnloadReason::Request, Some(hold)).await.unwrap();
            assert_eq!(queue.next_under(None).await, Next::Nothing);
            queue.deps.model.ticked().await;
            assert_eq!(queue.deps.model.state(), State::Unloaded);
            queue.clock.step(hold);
            assert_eq!(queue.next_under(None).await, Next::Nothing, "its model is to be loaded first");
            queue.until_ready("fake").await;
            assert_eq!(queue.next().await, Next::Job(job));
        })
    }),
    ("the model of the first job is loaded on another worker that has room", || {
        Box::pin(async {
            let mut queue = Queue::with_loads([]);
            queue.submit("", Batch, LARGE).await;
            let other = queue.submit("", Batch, None).await;
            queue.share(true, vec![worker_of_large(0)]);
            assert_eq!(queue.next_under(None).await, Next::Nothing, "its model is to be loaded first");
            queue.until_ready("fake").await;
            assert_eq!(queue.next().await, Next::Job(other));
            assert_eq!(queue.next().await, Next::Nothing);
        })
    }),
    ("this worker does not serve the model of the first job", || {
        Box::pin(async {
            let mut queue = Queue::serving(ServedModels::Only(vec!["fake".into()]));
            queue.submit("", Batch, LARGE).await;
            let other = queue.submit("", Batch, None).await;
            queue.share(true, vec![]);
            assert_eq!(queue.next_under(None).await, Next::Nothing, "its model is to be loaded first");
            queue.until_ready("fake").await;
            assert_eq!(queue.next().await, Next::Job(other));
            assert_eq!(queue.next().await, Next::Nothing);
            assert_eq!(queue.deps.model.state(), State::Ready, "and stays");
        })
    }),
    ("its model is not loaded, jobs run on the loaded one, and another worker is idle", || {
        Box::pin(async {
            let mut queue = Queue::with_model(None).await;
            queue.submit("", Batch, LARGE).await;
            let under_way = queue.lease().await;
            queue.share(true, vec![idle_worker_of_large()]);
            assert_eq!(queue.next().await, Next::Nothing);
            queue.share(true, vec![worker_of_large(1)]);
            assert_eq!(queue.next().await, Next::Swap(Batch));
            drop(under_way);
        })
    }),
    ("no worker has the model loaded, or those that have it are busy", || {
        Box::pin(async {
            let mut queue = Queue::with_loads([]);
            let first = queue.submit("", Batch, LARGE).await;
            for others in [vec![], vec![worker_of_large(1)]] {
                queue.share(false, others);
                assert_eq!(queue.next_under(None).await, Next::Nothing);
                assert_eq!(queue.deps.model.state(), State::Unloaded, "it is another one's turn");
            }
            queue.share(true, vec![worker_of_large(1)]);
            assert_eq!(queue.next_under(None).await, Next::Nothing);
            queue.until_ready("large").await;
            assert_eq!(queue.next().await, Next::Job(first));
        })
    }),
    ("all workers are busy and an interactive job waits for a worker that runs a batch job", || {
        Box::pin(async {
            let engine = FakeEngine::default().script_chunks([Scripted::Block]);
            let world = World::start(Setting { engine, ..Setting::default() });
            let batch = world.submit().await.id;
            world.engine.until_chunk(1).await;
            let interactive = world.jobs.submit(wanting("", Interactive, None)).await.unwrap().id;
            world.engine.open();
            world.to_the_end(batch).await;
            assert_eq!(world.store.claimed(), [batch, interactive, batch]);
        })
    }),
    ("all workers are busy and the model of the interactive job cannot be loaded", || {
        Box::pin(async {
            let engine =
                FakeEngine::default().script_loads([Scripted::Broken]).script_chunks([Scripted::Block]);
            let world = World::start(Setting { engine, models: vec!["large"], ..Setting::default() });
            let large = world.model.find(LARGE).unwrap();
            let stuck = world.jobs.submit(wanting("", Interactive, LARGE)).await.unwrap();
            world.until_model(|status| status.state_of(large) == State::Failed).await;
            let batch = world.jobs.submit(wanting("", Batch, None)).await.unwrap();
            world.engine.until_chunk(1).await;
            // Looks at the waiting jobs.
            world.jobs.submit(wanting("", Batch, None)).await.unwrap();
            world.jobs.cancel(JobId::new()).await.unwrap();
            world.engine.open();
            let events = world.to_the_end(batch.id).await;
            let requeued = events.iter().any(|event| matches!(event, JobEvent::Requeued { .. }));
            assert!(!requeued, "{:?}", names(&events));
            assert_eq!(world.job(stuck.id).await.status, Status::Queued);
        })
    }),
];

#[actix::test]
async fn the_next_job_is_the_one_of_the_table() {
    let documented = include_str!("search.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    let documented: Vec<_> = documented.filter_map(|row| row.split(" | ").next()).skip(2).collect();
    let tested: Vec<_> = ROWS.iter().map(|(situation, _)| *situation).collect();
    assert_eq!(documented, tested, "every row has its test");
    for (_, shown) in ROWS {
        shown().await;
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Job(JobId),
    /// The first job, of that priority, has its model loaded first.
    Swap(Priority),
    Nothing,
}

/// A store that several services share.
struct Sharing {
    is_my_turn: bool,
}

#[async_trait]
impl Peers for Sharing {
    fn own_id(&self) -> Option<&str> {
        Some("this one")
    }

    async fn take_duty(&self, _: &str, _: Duration) -> Result<bool, StoreError> {
        Ok(self.is_my_turn)
    }
}

/// With one place for a job.
fn worker_of_large(jobs: usize) -> Peer {
    let mut other = peer("another", READY, jobs, 1000);
    if let Some(worker) = &mut other.report.worker {
        worker.models[0].id = "large".into();
    }
    other
}

fn idle_worker_of_large() -> Peer {
    let mut other = worker_of_large(0);
    if let Some(worker) = &mut other.report.worker {
        worker.models[0].phase = ReportedPhase::Unloaded { held_secs: None };
    }
    other
}

/// A queue and a model that only the test drives.
struct Queue {
    deps: Deps,
    order: Order,
    clock: Clock,
}

impl Queue {
    /// No model is loaded, and none is promised to a client.
    fn with_loads(loads: impl IntoIterator<Item = Scripted>) -> Self {
        Self::with(ServedModels::All, loads)
    }

    fn serving(served: ServedModels) -> Self {
        Self::with(served, [])
    }

    fn with(served: ServedModels, loads: impl IntoIterator<Item = Scripted>) -> Self {
        let (clock, store) = (Clock::start(), Arc::new(MemoryStore::default()));
        let (transport, _) = TransportFake::new(0, 500);
        let notifier = NotifierHandle::start(
            NotifierSettings::default(),
            store.clone(),
            move || Box::new(transport),
            |_, _| {},
        );
        let engine = FakeEngine::default().script_loads(loads);
        let large: Arc<dyn Engine> = Arc::new(engine.another("large"));
        let policy = Policy {
            idle_timeout: Stay::For(Duration::from_secs(3600)),
            poll_interval: Duration::from_secs(3600),
            unload_hold: Duration::ZERO,
            yield_below_free_bytes: None,
        };
        let parts = ModelParts {
            engines: vec![Arc::new(engine), large],
            memory: Arc::new(FakeProbe::default()),
            served,
            policy,
            notifier: notifier.clone(),
            clock: clock.clone(),
        };
        let deps = Deps {
            peers: PeersHandle::new(store.clone()).0,
            store,
            recordings: Arc::new(FakeRecordings { chunks: 1 }),
            workers: WorkerActor::start(WorkerBoard::new(1)),
            model: ModelHandle::start(parts, |_, _| {}),
            notifier,
            isolation: Isolation::default(),
            jobs_to_fail: JobsToFail::default(),
            condition_on_previous: false,
        };
        let order = Order {
            turn: Turns::default().next(),
            overtakes: Overtakes::default(),
            on_model_failed: OnModelFailed::Wait,
        };
        Self { deps, order, clock }
    }

    /// Among other services with these reports.
    fn share(&mut self, is_my_turn: bool, others: Vec<Peer>) {
        let (peers, sender) = PeersHandle::new(Arc::new(Sharing { is_my_turn }));
        sender.0.send_replace(Arc::new(others));
        self.deps.peers = peers;
    }

    async fn with_model(name: Option<&str>) -> Self {
        let queue = Self::with_loads([]);
        let model = queue.deps.model.find(name).unwrap();
        queue.deps.model.load_and_wait(model, None).await.unwrap();
        queue
    }

    async fn submit(&self, owner: &str, priority: Priority, model: Option<&str>) -> JobId {
        let terms = Terms { max_queued: 1000, reuse: None };
        self.deps.store.submit(wanting(owner, priority, model), terms).await.unwrap().0.id
    }

    async fn claim(&self, priority: Priority, model: Option<&str>) -> Claim {
        self.deps.store.claim(priority, model).await.unwrap().unwrap().0
    }

    /// Who is next for a worker that comes back with its lease: the model has had work, and is kept for no client.
    async fn next(&self) -> Next {
        let lease = self.lease().await;
        self.next_under(Some(lease)).await
    }

    async fn next_under(&self, lease: Option<Arc<Lease>>) -> Next {
        match search(self.deps.clone(), self.order, lease).await {
            Found::Work(claim, ..) => Next::Job(claim.job.id),
            Found::Swap(priority) => Next::Swap(priority),
            Found::Nothing => Next::Nothing,
            Found::Changed | Found::Later => panic!("nothing else changes this queue"),
        }
    }

    async fn lease(&self) -> Arc<Lease> {
        Arc::new(self.deps.model.acquire().await.unwrap())
    }

    fn overtaken(&mut self, line: Line) {
        (0..MOST_JOBS).for_each(|_| self.order.overtakes.record_job(line));
    }

    async fn try_large(&self, outcome: State) {
        let large = self.deps.model.find(LARGE).unwrap();
        assert_eq!(self.deps.model.load_and_wait(large, None).await.unwrap().state(), outcome);
    }

    async fn until_ready(&self, name: &str) {
        let model: ModelNo = self.deps.model.find(Some(name)).unwrap();
        let mut status = self.deps.model.watch();
        let ready = status.wait_for(|status| status.model == model && status.state() == State::Ready);
        actix::clock::timeout(HANG_GUARD, ready).await.expect("its load was asked for").unwrap();
    }

    /// A job of the default model is next, once that is loaded.
    async fn runs_another_model(&self) {
        let other = self.submit("", Batch, None).await;
        self.next_under(None).await;
        self.until_ready("fake").await;
        assert_eq!(self.next().await, Next::Job(other));
    }

    async fn status(&self, id: JobId) -> Status {
        self.deps.store.job(id).await.unwrap().unwrap().status
    }
}

fn wanting(owner: &str, priority: Priority, model: Option<&str>) -> crate::domain::jobs::job::NewJob {
    let mut new = new_job();
    new.owner = owner.into();
    (new.options.priority, new.options.model) = (priority, model.map(str::to_owned));
    new
}
