use std::sync::atomic::Ordering;

use super::*;
use crate::domain::event::{ModelEvent, UnloadReason};
use crate::domain::stay::Stay;
use crate::testing::world::{Setting, World};
use crate::testing::{FakeEngine, Scripted};

fn world(loads: impl IntoIterator<Item = Scripted>) -> World {
    World::start(Setting { engine: FakeEngine::default().script_loads(loads), ..Setting::default() })
}

#[actix::test]
async fn the_status_is_readable_during_a_load_and_many_loads_are_one() {
    let world = world([Scripted::Block]);
    let loads = futures_util::future::join_all((0..5).map(|_| world.model.load(None))).await;
    assert!(loads.into_iter().all(|status| status.unwrap().state() == State::Loading));
    assert_eq!(world.model.state(), State::Loading);
    world.engine.open();
    assert_eq!(world.model.load_and_wait(None).await.unwrap().state(), State::Ready);
    assert_eq!(world.engine.loads(), 1);
}

#[actix::test]
async fn an_unload_during_a_load_gives_it_up() {
    let world = world([Scripted::Block]);
    world.model.load(None).await.unwrap();
    world.engine.until_load(1).await;
    let status = world.model.unload(UnloadReason::Request, None).await.unwrap();
    assert_eq!(status.state(), State::Unloaded);
    let told = world.model_events(3).await;
    assert!(!told.iter().any(|event| matches!(event, ModelEvent::ModelReady { .. })), "{told:?}");
}

#[actix::test]
async fn a_load_that_does_not_listen_still_never_becomes_ready() {
    let world = world([Scripted::BlockDeaf]);
    world.model.load(None).await.unwrap();
    world.engine.until_load(1).await;
    let unload = world.model.unload(UnloadReason::Request, None);
    world.engine.open();
    assert_eq!(unload.await.unwrap().state(), State::Unloaded);
    let told = world.model_events(3).await;
    assert!(!told.iter().any(|event| matches!(event, ModelEvent::ModelReady { .. })), "{told:?}");
}

#[actix::test]
async fn a_load_after_an_unload_during_a_load_loads_again() {
    let world = world([Scripted::Block]);
    world.model.load(None).await.unwrap();
    world.engine.until_load(1).await;
    let unload = world.model.unload(UnloadReason::Request, None);
    let (_, loaded) = futures_util::join!(unload, world.model.load_and_wait(None));
    assert_eq!(loaded.unwrap().state(), State::Ready);
}

#[actix::test]
async fn a_lease_keeps_the_model_and_its_last_one_lets_it_go() {
    let world = world([]);
    world.model.load_and_wait(None).await.unwrap();
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
    world.model.load(None).await.unwrap();
    world.until_state(State::Unloaded).await;
    let told = world.model_events(4).await;
    assert!(matches!(told[2], ModelEvent::ModelUnloading { reason: UnloadReason::Idle }), "{told:?}");
}

#[actix::test]
async fn too_little_memory_waits_and_free_memory_loads() {
    let world = world([Scripted::OutOfMemory, Scripted::OutOfMemory]);
    let status = world.model.load_and_wait(None).await.unwrap();
    assert_eq!(status.shortage().map(|s| (s.attempts, s.needed_bytes, s.free_bytes)), Some((1, 100, 10)));
    let status = world.model.load_and_wait(None).await.unwrap();
    assert_eq!(status.shortage().map(|s| s.attempts), Some(2), "asking tries at once");
    world.probe.free_bytes.store(100, Ordering::SeqCst);
    world.until_state(State::Ready).await;
}

#[actix::test]
async fn a_bad_file_fails_and_asking_again_tries_again() {
    let world = world([Scripted::Broken]);
    let status = world.model.load_and_wait(None).await.unwrap();
    assert_eq!(status.failure().map(|f| f.code), Some("model_corrupt"));
    assert_eq!(world.model.load_and_wait(None).await.unwrap().state(), State::Ready);
}

#[actix::test]
async fn a_panic_in_the_engine_is_a_failed_load_and_the_actor_lives() {
    let world = world([Scripted::Panic]);
    assert_eq!(world.model.load_and_wait(None).await.unwrap().state(), State::Failed);
    assert_eq!(world.model.load_and_wait(None).await.unwrap().state(), State::Ready);
}
