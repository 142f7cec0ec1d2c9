use std::sync::Arc;

use super::*;
use crate::domain::jobs::job::Status;
use crate::domain::model::lifecycle::Failure;
use crate::domain::model::models::ModelNo;
use crate::domain::model::pulls::{PullCancelled, Pulls};
use crate::job::OnModelFailed;
use crate::model::State;
use crate::ports::JobStore;
use crate::testing::world::{Setting, World};
use crate::testing::{FakeEngine, FakeShelf, Scripted};

fn pulls() -> (Arc<FakeShelf>, PullHandle) {
    let shelf = Arc::new(FakeShelf::default());
    (shelf.clone(), PullHandle::new(shelf))
}

async fn until(pulls: &PullHandle, wanted: impl FnMut(&Pulls) -> bool) {
    pulls.watch().wait_for(wanted).await.unwrap();
}

async fn until_state(pulls: &PullHandle, name: &str, state: &str) {
    until(pulls, |pulls| pulls.find(name).is_some_and(|pull| pull.state.name() == state)).await;
}

fn broken() -> Failure {
    Failure { code: "pull_failed", message: "the disk is on fire".into() }
}

#[actix::test]
async fn a_download_reports_its_bytes_and_its_end() {
    let (shelf, pulls) = pulls();
    let asked = pulls.ask("base").unwrap();
    assert_eq!((asked.state.name(), asked.total_bytes), ("pulling", Some(10)));
    until(&pulls, |pulls| pulls.find("base").unwrap().bytes == 4).await;
    shelf.finish(Ok(()));
    until_state(&pulls, "base", "done").await;
    assert_eq!(pulls.list().len(), 1);
    assert_eq!(pulls.ask("unknown"), None);
}

#[actix::test]
async fn a_cancelled_download_makes_room_for_another() {
    let (shelf, pulls) = pulls();
    for name in ["tiny", "base", "small"] {
        pulls.ask(name).unwrap();
    }
    assert!(matches!(pulls.cancel("tiny"), Some(PullCancelled::Now(_))));
    until(&pulls, |pulls| pulls.find("small").unwrap().bytes == 4).await;
    for _ in 0..2 {
        shelf.finish(Ok(()));
    }
    until_state(&pulls, "base", "done").await;
    until_state(&pulls, "small", "done").await;
    until_state(&pulls, "tiny", "cancelled").await;
}

/// A world whose model is missing at its first load, and downloaded then.
fn world(loads: impl IntoIterator<Item = Scripted>, pulls: &PullHandle) -> World {
    let world = World::start(Setting {
        engine: FakeEngine::default().script_loads(loads),
        on_demand: Some(pulls.clone()),
        on_model_failed: OnModelFailed::Fail,
        ..Setting::default()
    });
    let pulled = Pulled { model: ModelNo::default(), name: "fake".into() };
    actix::spawn(load_pulled(vec![pulled], pulls.clone(), world.model.clone()));
    world
}

#[actix::test]
async fn a_missing_model_is_downloaded_and_then_loaded_for_its_jobs() {
    let (shelf, pulls) = pulls();
    let world = world([Scripted::Missing], &pulls);
    let job = world.submit().await;
    let failed = world.until_state(State::Failed).await;
    assert_eq!(failed.failure().map(|failure| failure.code), Some("model_pulling"));
    assert_eq!(world.store.job(job.id).await.unwrap().unwrap().status, Status::Queued);
    shelf.finish(Ok(()));
    world.until_event(job.id, |event| event.name() == "completed").await;
    assert_eq!(world.engine.loads(), 2);
}

#[actix::test]
async fn a_download_that_fails_is_why_the_model_cannot_be_loaded() {
    let (shelf, pulls) = pulls();
    let world = world([Scripted::Missing, Scripted::Missing, Scripted::Missing], &pulls);
    world.model.load(ModelNo::default(), None).await.unwrap();
    world.until_state(State::Failed).await;
    shelf.finish(Err(broken()));
    let is_why = |code: &'static str| {
        move |status: &crate::model::ModelStatus| status.failure().is_some_and(|failure| failure.code == code)
    };
    let failed = world.until_model(is_why("pull_failed")).await;
    assert!(failed.failure().unwrap().message.contains("the disk is on fire"));
    // The download is asked for again: so is the hub.
    world.model.load(ModelNo::default(), None).await.unwrap();
    world.until_model(is_why("model_pulling")).await;
    shelf.finish(Ok(()));
    world.until_state(State::Ready).await;
}
