//! Many random lives of a service over fakes: whatever happens, in whatever order, no job that was taken in is
//! lost, and in the end nothing of the model is left.

use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::{System, SystemRunner};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use crate::domain::event::{Event, ModelEvent, OfModel, Stream, UnloadReason};
use crate::domain::jobs::job::{JobId, Status};
use crate::domain::jobs::options::Priority;
use crate::domain::model::lifecycle::Demand;
use crate::domain::model::models::ModelNo;
use crate::domain::model::stay::Stay;
use crate::model::State;
use crate::ports::{EventLog, JobStore};
use crate::testing::world::{Setting, World, new_job};
use crate::testing::{FakeEngine, Scripted};

const CHUNKS: usize = 3;
/// A job fails when its engine crashes this often in a row on one chunk.
const CRASHES_ALLOWED: usize = 3;
/// Less free than this, and an idle model makes room.
const YIELD_BELOW: u64 = 50;
const PLENTY: u64 = 1_000;
/// Nothing in here takes this long: a walk that is stuck should say where.
const HANG_GUARD: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
enum Step {
    Load(ModelNo, Option<Stay>),
    Unload {
        hold: Option<Duration>,
    },
    Submit {
        priority: Priority,
        model: Option<&'static str>,
        keep_alive: Option<Stay>,
    },
    /// A job that is answered 503.
    TurnedAway(ModelNo),
    /// One of those submitted, counted round.
    Cancel(usize),
    /// SIGKILL, if the engine's process is there.
    Kill,
    NextLoad(Scripted),
    NextChunk(Scripted),
    /// Unblocks one step.
    Open,
    Free(u64),
    /// Time passes, and the model's actor notices.
    Clock(Duration),
}

fn stay() -> impl Strategy<Value = Option<Stay>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Stay::NOT_AT_ALL)),
        1 => Just(Some(Stay::For(Duration::from_secs(5)))),
        1 => Just(Some(Stay::Forever)),
    ]
}

fn model() -> impl Strategy<Value = ModelNo> {
    prop_oneof![2 => Just(ModelNo(0)), 1 => Just(ModelNo(1))]
}

fn step() -> BoxedStrategy<Step> {
    let priority = prop_oneof![Just(Priority::Batch), Just(Priority::Interactive)];
    let load = prop_oneof![
        Just(Scripted::Block),
        Just(Scripted::OutOfMemory),
        Just(Scripted::Broken),
        Just(Scripted::Panic),
    ];
    let chunk = prop_oneof![
        3 => Just(Scripted::Succeed),
        2 => Just(Scripted::Block),
        1 => Just(Scripted::OutOfMemory),
        2 => Just(Scripted::Exit),
        1 => Just(Scripted::Panic),
    ];
    prop_oneof![
        3 => (model(), stay()).prop_map(|(model, stay)| Step::Load(model, stay)),
        3 => prop_oneof![Just(None), Just(Some(Duration::from_secs(30)))].prop_map(|hold| Step::Unload { hold }),
        5 => (priority, proptest::option::of(Just("other")), stay()).prop_map(
            |(priority, model, keep_alive)| Step::Submit { priority, model, keep_alive }
        ),
        1 => model().prop_map(Step::TurnedAway),
        2 => (0..8_usize).prop_map(Step::Cancel),
        2 => Just(Step::Kill),
        2 => load.prop_map(Step::NextLoad),
        4 => chunk.prop_map(Step::NextChunk),
        2 => Just(Step::Open),
        1 => prop_oneof![Just(PLENTY), Just(YIELD_BELOW - 1)].prop_map(Step::Free),
        3 => (1..7200_u64).prop_map(|secs| Step::Clock(Duration::from_secs(secs))),
    ]
    .boxed()
}

/// All that a walk must remember: what it was made of says nothing of where it leads.
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

struct Walk {
    system: SystemRunner,
    world: World,
    seen: Seen,
}

/// The steps of a walk so far.
#[derive(Default)]
struct Seen {
    accepted: Vec<JobId>,
    cancelled: Vec<JobId>,
    /// Chunks that may have crashed under a job, at most.
    crashes: usize,
}

impl Walk {
    fn start() -> Self {
        let system = System::new();
        let world = system.block_on(async {
            World::start(Setting {
                engine: FakeEngine::default(),
                models: vec!["other"],
                idle_timeout: Stay::For(Duration::from_secs(300)),
                yield_below_free_bytes: Some(YIELD_BELOW),
                unload_hold: Duration::from_secs(30),
                chunks: CHUNKS,
                workers: 2,
                ..Setting::default()
            })
        });
        world.probe.free_bytes.store(PLENTY, Ordering::SeqCst);
        Self { system, world, seen: Seen::default() }
    }

    async fn step(world: &World, seen: &mut Seen, step: Step) {
        let Seen { accepted, cancelled, crashes } = seen;
        match step {
            Step::Load(model, keep_alive) => drop(world.model.load(model, keep_alive).await.unwrap()),
            Step::Unload { hold } => drop(world.model.unload(UnloadReason::Request, hold).await.unwrap()),
            Step::Submit { priority, model, keep_alive } => {
                let mut job = new_job();
                (job.options.priority, job.options.keep_alive) = (priority, keep_alive);
                job.options.model = model.map(str::to_owned);
                accepted.push(world.jobs.submit(job).await.unwrap().id);
            }
            Step::TurnedAway(model) => world.model.demand(Demand::TurnedAway, model),
            Step::Cancel(which) => {
                if let Some(id) = which.checked_rem(accepted.len()).and_then(|index| accepted.get(index)) {
                    world.jobs.cancel(*id).await.unwrap();
                    cancelled.push(*id);
                }
            }
            // Both workers may have a chunk.
            Step::Kill => *crashes += if world.engine.kill() { 2 } else { 0 },
            Step::NextLoad(scripted) => world.engine.next_load(scripted),
            Step::NextChunk(scripted) => {
                *crashes += if matches!(scripted, Scripted::Exit | Scripted::Panic) { 2 } else { 0 };
                world.engine.next_chunk(scripted);
            }
            Step::Open => world.engine.open(),
            Step::Free(bytes) => world.probe.free_bytes.store(bytes, Ordering::SeqCst),
            Step::Clock(by) => {
                world.clock.step(by);
                world.model.tick();
            }
        }
    }

    /// Everything goes well from here on: every job comes to its end, and then the model goes.
    async fn come_to_rest(world: &World, seen: &Seen) {
        let Seen { accepted, cancelled, crashes } = seen;
        let mut failed = 0;
        world.engine.behave();
        world.probe.free_bytes.store(PLENTY, Ordering::SeqCst);
        for id in accepted {
            Self::until_over(world, *id).await;
            let Some(job) = world.store.job(*id).await.unwrap() else {
                assert!(cancelled.contains(id), "a job is missing that was not removed");
                continue;
            };
            let segments = world.store.segments(*id).await.unwrap();
            let in_order = segments.iter().zip(0..).all(|(segment, n)| segment.id == n);
            assert!(in_order, "a segment is missing or double: {segments:?}");
            match job.status {
                Status::Completed => assert_eq!(segments.len(), CHUNKS),
                Status::Cancelled => assert!(cancelled.contains(id), "it was not cancelled"),
                Status::Failed => {
                    assert_eq!(job.error.unwrap().code, "engine_crashed");
                    failed += 1;
                }
                Status::Queued | Status::Running => panic!("a job is not over: {job:?}"),
            }
        }
        assert!(failed * CRASHES_ALLOWED <= *crashes, "{failed} jobs failed of {crashes} crashes");
        let unloaded = world.model.unload_and_wait(UnloadReason::Request, None).await.unwrap();
        assert_eq!(unloaded.state(), State::Unloaded);
        assert!(!world.engine.is_loaded(), "a model is left in memory");
        assert_eq!(world.engine.overlaps(), 0, "two models at once");
    }

    /// Asks for the job's model until the job is over: a failure that was under way may still arrive. Time passes, so
    /// that no model is kept for long for those who do not come.
    async fn until_over(world: &World, id: JobId) {
        loop {
            let job = match world.store.job(id).await.unwrap() {
                Some(job) if !job.status.has_ended() => job,
                Some(_) | None => return,
            };
            let wanted = world.model.find(job.options.model.as_deref()).unwrap();
            world.model.demand(Demand::NewJob, wanted);
            world.clock.step(Duration::from_secs(1));
            world.model.ticked().await;
            tokio::task::yield_now().await;
        }
    }

    async fn check_model_events(world: &World) {
        world.notifier.catch_up().await;
        let recorded = world.store.events_after(Stream::Model, 0, u32::MAX).await.unwrap();
        let events: Vec<_> = recorded.into_iter().map(|recorded| recorded.event).collect();
        let mut before = "nothing";
        for event in &events {
            let Event::Model(OfModel { event, .. }) = event else {
                panic!("a job's event in the model's stream")
            };
            let name = event.name();
            let follows = match event {
                ModelEvent::ModelLoading => ["nothing", "model_unloaded", "model_failed"].contains(&before),
                ModelEvent::ModelReady { .. } | ModelEvent::ModelFailed { .. } => {
                    ["model_loading", "model_waiting_for_gpu"].contains(&before)
                }
                ModelEvent::ModelWaitingForGpu { .. } => {
                    ["model_loading", "model_ready", "model_waiting_for_gpu"].contains(&before)
                }
                ModelEvent::ModelUnloading { .. } => {
                    ["model_loading", "model_ready", "model_waiting_for_gpu"].contains(&before)
                }
                ModelEvent::ModelUnloaded { .. } => {
                    ["model_unloading", "model_ready", "model_failed"].contains(&before)
                }
            };
            assert!(follows, "{name} after {before}: {events:?}");
            before = name;
        }
    }
}

impl StateMachineTest for Walk {
    type SystemUnderTest = Self;
    type Reference = AnyOrder;

    fn init_test((): &()) -> Self {
        Self::start()
    }

    fn apply(mut walk: Self, (): &(), step: Step) -> Self {
        let Self { system, world, seen } = &mut walk;
        system.block_on(async {
            let stepped = Self::step(world, seen, step.clone());
            tokio::time::timeout(HANG_GUARD, stepped).await.unwrap_or_else(|_| panic!("stuck at {step:?}"));
            for id in &seen.accepted {
                let known = world.store.job(*id).await.unwrap().is_some();
                assert!(known || seen.cancelled.contains(id), "a job that was taken in is missing");
            }
        });
        walk
    }

    fn teardown(walk: Self, (): ()) {
        let Self { system, world, seen } = walk;
        system.block_on(async {
            let rest = Self::come_to_rest(&world, &seen);
            let rested = tokio::time::timeout(HANG_GUARD, rest).await;
            assert!(rested.is_ok(), "never at rest: {:?}", world.model.status());
            Self::check_model_events(&world).await;
        });
        drop(world);
        System::current().stop();
        system.run().unwrap();
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_loses_a_job_or_leaves_a_model(sequential 1..25 => Walk);
}
