use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::domain::event::{Event, ModelEvent, OfModel, Stream, UnloadReason};
use crate::domain::jobs::job::Status;
use crate::domain::model::lifecycle::Demand;
use crate::domain::model::models::ModelNo;
use crate::domain::model::stay::Stay;
use crate::ports::EventLog;
use crate::testing::world::{Setting, World};
use crate::testing::{FakeEngine, Scripted};

fn world(loads: impl IntoIterator<Item = Scripted>) -> World {
    World::start(Setting { engine: FakeEngine::default().script_loads(loads), ..Setting::default() })
}

#[actix::test]
async fn the_status_is_readable_during_a_load_and_many_loads_are_one() {
    let world = world([Scripted::Block]);
    let loads =
        futures_util::future::join_all((0..5).map(|_| world.model.load(ModelNo::default(), None))).await;
    assert!(loads.into_iter().all(|status| status.unwrap().state() == State::Loading));
    assert_eq!(world.model.state(), State::Loading);
    world.engine.open();
    assert_eq!(world.model.load_and_wait(ModelNo::default(), None).await.unwrap().state(), State::Ready);
    assert_eq!(world.engine.loads(), 1);
}

#[actix::test]
async fn an_unload_during_a_load_gives_it_up() {
    let world = world([Scripted::Block]);
    world.model.load(ModelNo::default(), None).await.unwrap();
    world.engine.until_load(1).await;
    let status = world.model.unload(UnloadReason::Request, None).await.unwrap();
    assert_eq!(status.state(), State::Unloaded);
    let events = world.model_events(3).await;
    assert!(!events.iter().any(|event| matches!(event, ModelEvent::ModelReady { .. })), "{events:?}");
}

#[actix::test]
async fn a_load_that_does_not_listen_still_never_becomes_ready() {
    let world = world([Scripted::BlockDeaf]);
    world.model.load(ModelNo::default(), None).await.unwrap();
    world.engine.until_load(1).await;
    let unload = world.model.unload(UnloadReason::Request, None);
    let (unloaded, ()) = futures_util::join!(unload, async { world.engine.open() });
    assert_eq!(unloaded.unwrap().state(), State::Unloaded);
    let events = world.model_events(3).await;
    assert!(!events.iter().any(|event| matches!(event, ModelEvent::ModelReady { .. })), "{events:?}");
}

#[actix::test]
async fn nothing_is_loaded_any_more_once_the_service_goes() {
    let world = world([]);
    world.model.load_and_wait(ModelNo::default(), None).await.unwrap();
    world.model.unload_and_wait(UnloadReason::Shutdown, None).await.unwrap();
    let asked = world.model.load_and_wait(ModelNo::default(), None).await.unwrap();
    assert_eq!((asked.state(), world.engine.loads()), (State::Unloaded, 1));
    world.model.unload(UnloadReason::Request, None).await.unwrap();
    // A job that is still taken in waits for the next start.
    let job = world.submit().await;
    world.model.ticked().await;
    assert_eq!((world.job(job.id).await.status, world.engine.loads()), (Status::Queued, 1));
}

#[actix::test]
async fn a_load_after_an_unload_during_a_load_loads_again() {
    let world = world([Scripted::Block]);
    world.model.load(ModelNo::default(), None).await.unwrap();
    world.engine.until_load(1).await;
    let unload = world.model.unload(UnloadReason::Request, None);
    let (_, loaded) = futures_util::join!(unload, world.model.load_and_wait(ModelNo::default(), None));
    assert_eq!(loaded.unwrap().state(), State::Ready);
}

#[actix::test]
async fn a_lease_keeps_the_model_and_its_last_one_lets_it_go() {
    let world = world([]);
    world.model.load_and_wait(ModelNo::default(), None).await.unwrap();
    let lease = world.model.acquire().await.unwrap();
    let status = world.model.unload(UnloadReason::Request, None).await.unwrap();
    assert_eq!(status.state(), State::Unloading);
    assert!(world.model.acquire().await.is_err(), "no new work");
    assert_eq!(world.engine.unloads(), 0);
    drop(lease);
    world.until_state(State::Unloaded).await;
    assert_eq!(world.engine.unloads(), 1);
}

#[actix::test]
async fn an_idle_model_goes_by_itself() {
    let world = World::start(Setting { idle_timeout: Stay::NOT_AT_ALL, ..Setting::default() });
    world.model.load(ModelNo::default(), None).await.unwrap();
    world.until_state(State::Unloaded).await;
    let events = world.model_events(4).await;
    assert!(matches!(events[2], ModelEvent::ModelUnloading { reason: UnloadReason::Idle }), "{events:?}");
}

#[actix::test]
async fn too_little_memory_waits_and_free_memory_loads() {
    let world = world([Scripted::OutOfMemory, Scripted::OutOfMemory]);
    let status = world.model.load_and_wait(ModelNo::default(), None).await.unwrap();
    assert_eq!(status.shortage().map(|s| (s.attempts, s.needed_bytes, s.free_bytes)), Some((1, 100, 10)));
    let status = world.model.load_and_wait(ModelNo::default(), None).await.unwrap();
    assert_eq!(status.shortage().map(|s| s.attempts), Some(2), "asking tries at once");
    world.probe.free_bytes.store(100, Ordering::SeqCst);
    world.until_state(State::Ready).await;
}

#[actix::test]
async fn a_bad_file_fails_and_asking_again_tries_again() {
    let world = world([Scripted::Broken]);
    let status = world.model.load_and_wait(ModelNo::default(), None).await.unwrap();
    assert_eq!(status.failure().map(|f| f.code), Some("model_corrupt"));
    assert_eq!(world.model.load_and_wait(ModelNo::default(), None).await.unwrap().state(), State::Ready);
}

#[actix::test]
async fn a_panic_in_the_engine_is_a_failed_load_and_the_actor_lives() {
    let world = world([Scripted::Panic]);
    assert_eq!(world.model.load_and_wait(ModelNo::default(), None).await.unwrap().state(), State::Failed);
    assert_eq!(world.model.load_and_wait(ModelNo::default(), None).await.unwrap().state(), State::Ready);
}

fn two_models(loads: impl IntoIterator<Item = Scripted>) -> World {
    let engine = FakeEngine::default().script_loads(loads);
    World::start(Setting { engine, models: vec!["large"], ..Setting::default() })
}

const DEFAULT: ModelNo = ModelNo(0);
const LARGE: ModelNo = ModelNo(1);

#[actix::test]
async fn models_are_found_by_name_and_the_default_by_api_aliases() {
    let world = two_models([]);
    assert_eq!(world.model.names(), ["fake", "large"]);
    for (name, number) in [
        (None, Some(DEFAULT)),
        (Some("fake"), Some(DEFAULT)),
        (Some("whisper-1"), Some(DEFAULT)),
        (Some("large"), Some(LARGE)),
        (Some("small"), None),
    ] {
        assert_eq!(world.model.find(name), number, "{name:?}");
    }
}

#[actix::test]
async fn a_model_asked_for_by_name_takes_the_place_of_the_other_one() {
    let world = two_models([]);
    world.model.load_and_wait(DEFAULT, None).await.unwrap();
    let status = world.model.load_and_wait(LARGE, Some(Stay::For(Duration::from_secs(7)))).await.unwrap();
    assert_eq!((status.model, status.state()), (LARGE, State::Ready));
    assert_eq!(status.facts().map(|facts| facts.id.as_str()), Some("large"));
    assert_eq!((status.state_of(DEFAULT), status.state_of(LARGE)), (State::Unloaded, State::Ready));
    assert_eq!((world.engine.loads(), world.engine.unloads(), world.engine.overlaps()), (2, 1, 0));
    let status = world
        .until_model(|status| status.unloads_at.is_some_and(|at| at < status.since + Duration::from_secs(60)))
        .await;
    assert_eq!(status.model, LARGE, "and is kept for as long as was asked");
    world.notifier.catch_up().await;
    let events = world.store.events_after(Stream::Model, 0, 100).await.unwrap();
    let names = events.iter().filter_map(|recorded| match &recorded.event {
        Event::Model(OfModel { model, event, .. }) => Some(format!("{model} {}", event.name())),
        Event::Job(..) => None,
    });
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "fake model_loading",
            "fake model_ready",
            "fake model_unloading",
            "fake model_unloaded",
            "large model_loading",
            "large model_ready",
        ]
    );
}

#[actix::test]
async fn work_on_the_model_there_is_ends_before_another_one_comes() {
    let world = two_models([]);
    world.model.load_and_wait(DEFAULT, None).await.unwrap();
    let lease = world.model.acquire().await.unwrap();
    assert_eq!(lease.number(), DEFAULT);
    let status = world.model.load(LARGE, None).await.unwrap();
    assert_eq!((status.model, status.state()), (DEFAULT, State::Unloading));
    assert_eq!(world.engine.loads(), 1);
    drop(lease);
    let status = world.until_state(State::Ready).await;
    assert_eq!((status.model, world.engine.overlaps()), (LARGE, 0));
}

#[actix::test]
async fn keep_alive_does_not_carry_over_to_the_next_model() {
    let idle_timeout = Stay::For(Duration::from_secs(600));
    let world = World::start(Setting { models: vec!["large"], idle_timeout, ..Setting::default() });
    world.model.load_and_wait(DEFAULT, None).await.unwrap();
    let lease = world.model.acquire().await.unwrap();
    world.model.load(LARGE, None).await.unwrap();
    world.model.keep_alive(&lease, Stay::Forever);
    drop(lease);
    let status = world.until_state(State::Ready).await;
    assert_eq!(status.model, LARGE);
    assert!(status.unloads_at.is_some(), "{status:?}");
}

#[actix::test]
async fn a_model_that_cannot_be_loaded_says_so_beside_one_that_can() {
    let world = two_models([Scripted::Broken]);
    let status = world.model.load_and_wait(DEFAULT, None).await.unwrap();
    assert_eq!(status.failure().map(|f| f.code), Some("model_corrupt"));
    let status = world.model.load_and_wait(LARGE, None).await.unwrap();
    assert_eq!((status.state(), status.state_of(DEFAULT)), (State::Ready, State::Failed));
    assert_eq!(status.of(DEFAULT).retry_after(std::time::Instant::now()), 60);
    let status = world.model.load_and_wait(DEFAULT, None).await.unwrap();
    assert_eq!((status.model, status.state()), (DEFAULT, State::Ready), "asking again tries again");
}

#[actix::test]
async fn a_model_that_waits_for_memory_gives_way_to_one_that_may_fit() {
    let world = two_models([Scripted::OutOfMemory]);
    assert_eq!(world.model.load_and_wait(LARGE, None).await.unwrap().state(), State::WaitingForGpu);
    let status = world.model.load_and_wait(DEFAULT, None).await.unwrap();
    assert_eq!(
        (status.model, status.state(), status.state_of(LARGE)),
        (DEFAULT, State::Ready, State::Unloaded)
    );
}

#[actix::test]
async fn an_operator_sees_leases_epoch_and_waiting_loads() {
    let world = World::start(Setting {
        engine: FakeEngine::default().script_loads([Scripted::OutOfMemory]),
        models: vec!["large"],
        ..Setting::default()
    });
    world.model.load_and_wait(DEFAULT, None).await.unwrap();
    let waiting = world.model.observe();
    assert_eq!((waiting.state, waiting.epoch, waiting.leases), ("waiting_for_gpu", 0, 0));
    let load = waiting.waiting_load.unwrap();
    assert_eq!((load.attempts, load.needed_bytes, load.free_bytes), (1, 100, 10));
    world.model.load_and_wait(DEFAULT, None).await.unwrap();
    let lease = world.model.acquire().await.unwrap();
    world.model.demand(Demand::TurnedAway, LARGE);
    world.until_model(|status| status.wanted_next == Some(LARGE)).await;
    let ready = world.model.observe();
    assert_eq!((ready.state, ready.model.as_deref(), ready.leases), ("ready", Some("fake"), 1));
    assert_eq!(ready.wanted_next.as_deref(), Some("large"));
    world.model.unload(UnloadReason::Request, None).await.unwrap();
    let unloading = world.model.observe();
    assert_eq!((unloading.state, unloading.leases, unloading.epoch), ("unloading", 1, 1));
    drop(lease);
}

#[actix::test]
async fn an_operator_sees_that_the_actor_is_blocked() {
    let world = world([Scripted::Block]);
    world.model.load(DEFAULT, None).await.unwrap();
    let longer_than_beats = 0.4;
    while world.model.observe().heartbeat_secs_ago <= longer_than_beats {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.model.observe().state, "loading");
    world.engine.open();
    while world.model.observe().heartbeat_secs_ago > longer_than_beats {
        tokio::task::yield_now().await;
    }
}
