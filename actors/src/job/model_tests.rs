//! Jobs for different models.

use std::sync::atomic::Ordering;

use super::*;
use crate::domain::event::{JobEvent, RequeueReason};
use crate::domain::jobs::job::{JobId, NewJob, Status};
use crate::domain::jobs::options::Priority;
use crate::domain::jobs::overtakes::MOST_JOBS;
use crate::domain::model::lifecycle::Demand;
use crate::model::State;
use crate::ports::{JobStore, Terms};
use crate::testing::world::{Setting, World, names, new_job};
use crate::testing::{FakeEngine, MemoryStore, Scripted};

const LARGE: &str = "large";

/// Two models, and a queue before the first search: the jobs name their models, none being the default one.
async fn two_models(chunks: usize, jobs: &[(Priority, Option<&str>)]) -> (World, Vec<JobId>) {
    let store = MemoryStore::default();
    let mut ids = vec![];
    for (priority, model) in jobs {
        let new = wanting(*priority, *model);
        ids.push(new.id);
        store.submit(new, Terms { max_queued: 1000, reuse: None }).await.unwrap();
    }
    (World::start(Setting { models: vec![LARGE], chunks, store, ..Setting::default() }), ids)
}

fn wanting(priority: Priority, model: Option<&str>) -> NewJob {
    let mut new = new_job();
    (new.options.priority, new.options.model) = (priority, model.map(str::to_owned));
    new
}

#[actix::test]
async fn a_job_runs_on_the_model_it_asked_for() {
    let (world, ids) = two_models(2, &[(Priority::Batch, Some(LARGE)), (Priority::Batch, None)]).await;
    for id in &ids {
        world.to_the_end(*id).await;
    }
    let text = async |id| world.store.segments(id).await.unwrap()[0].text.clone();
    assert!(text(ids[0]).await.contains("by large"), "{}", text(ids[0]).await);
    assert!(!text(ids[1]).await.contains("by large"));
    assert_eq!((world.engine.loads(), world.engine.overlaps()), (2, 0));
}

#[actix::test]
async fn a_job_of_the_new_default_model_runs_as_unnamed_ones() {
    let queue = [None, Some(LARGE), Some("fake"), None].map(|model| (Priority::Batch, model));
    let (world, ids) = two_models(1, &queue).await;
    for id in &ids {
        assert_eq!(names(&world.to_the_end(*id).await).last(), Some(&"completed"));
    }
    assert_eq!(world.store.claimed(), [ids[0], ids[2], ids[3], ids[1]]);
    assert_eq!(world.engine.loads(), 2);
}

#[actix::test]
async fn jobs_of_one_model_run_together_and_none_waits_for_ever() {
    // In turns, as they came.
    let queue: Vec<_> = (0..20).map(|n| (Priority::Batch, (n % 2 == 1).then_some(LARGE))).collect();
    let (world, ids) = two_models(1, &queue).await;
    for id in &ids {
        world.to_the_end(*id).await;
    }
    assert_eq!(world.engine.loads(), 3);
    let starts = world.store.claimed();
    let place = |job: usize| starts.iter().position(|started| *started == ids[job]).unwrap();
    assert_eq!(place(0), 0);
    assert_eq!(place(1), 1 + MOST_JOBS as usize, "as many passed it as may");
    assert!((2..=16).step_by(2).all(|job| place(job) < place(1)));
    assert!(place(18) > place(1));
}

#[actix::test]
async fn an_interactive_job_gets_its_model_at_the_next_chunk() {
    let engine = FakeEngine::default().script_chunks([Scripted::Block, Scripted::Block]);
    let setting = Setting { models: vec![LARGE], engine, ..Setting::default() };
    let world = World::start(setting);
    let batch = world.jobs.submit(wanting(Priority::Batch, None)).await.unwrap();
    world.engine.until_chunk(1).await;
    let urgent = world.jobs.submit(wanting(Priority::Interactive, Some(LARGE))).await.unwrap();
    world.engine.behave();
    world.to_the_end(urgent.id).await;
    let events = world.to_the_end(batch.id).await;
    assert_eq!(world.store.claimed(), [batch.id, urgent.id, batch.id], "it waits for its model to come back");
    let requeued =
        |event: &&JobEvent| matches!(event, JobEvent::Requeued { reason: RequeueReason::Preempted });
    assert_eq!(events.iter().filter(requeued).count(), 1);
    let segments = world.store.segments(batch.id).await.unwrap();
    assert!(segments.len() == 3 && segments.iter().all(|s| !s.text.contains("by large")), "{segments:?}");
    assert_eq!((world.engine.loads(), world.engine.overlaps()), (3, 0));
}

#[actix::test]
async fn a_job_goes_down_only_with_a_failure_that_came_after_it() {
    let engine = FakeEngine::default().script_loads([Scripted::Broken, Scripted::Block]);
    let on_model_failed = OnModelFailed::Fail;
    let world = World::start(Setting { models: vec![LARGE], engine, on_model_failed, ..Setting::default() });
    let failing = world.jobs.submit(wanting(Priority::Batch, None)).await.unwrap();
    world.to_the_end(failing.id).await;
    assert_eq!(world.job(failing.id).await.error.unwrap().code, "model_failed");
    // The model's actor handles the next job only after a long load.
    let large = world.jobs.submit(wanting(Priority::Batch, Some(LARGE))).await.unwrap();
    world.engine.until_load(2).await;
    let mended = world.jobs.submit(wanting(Priority::Batch, None)).await.unwrap();
    world.engine.open();
    for job in [large, mended] {
        world.to_the_end(job.id).await;
        assert_eq!(world.job(job.id).await.status, Status::Completed);
    }
}

#[actix::test]
async fn a_model_that_cannot_be_loaded_holds_up_only_its_own_jobs() {
    let store = MemoryStore::default();
    let terms = || Terms { max_queued: 1000, reuse: None };
    let stuck = wanting(Priority::Interactive, Some(LARGE));
    let well = wanting(Priority::Batch, None);
    let (stuck_id, well_id) = (stuck.id, well.id);
    store.submit(stuck, terms()).await.unwrap();
    store.submit(well, terms()).await.unwrap();
    let engine = FakeEngine::default().script_loads([Scripted::Broken]);
    let world = World::start(Setting { engine, models: vec![LARGE], store, ..Setting::default() });
    assert_eq!(names(&world.to_the_end(well_id).await).last(), Some(&"completed"));
    assert_eq!(world.job(stuck_id).await.status, Status::Queued);
    let large = world.model.find(Some(LARGE)).unwrap();
    world.model.load_and_wait(large, None).await.unwrap();
    assert_eq!(names(&world.to_the_end(stuck_id).await).last(), Some(&"completed"));
}

#[actix::test]
async fn a_model_waiting_for_memory_does_not_block_other_models() {
    let engine = FakeEngine::default().script_loads([Scripted::OutOfMemory]);
    let world = World::start(Setting { engine, models: vec![LARGE], ..Setting::default() });
    let large = world.model.find(Some(LARGE)).unwrap();
    world.probe.free_bytes.store(0, Ordering::SeqCst);
    let stuck = world.jobs.submit(wanting(Priority::Interactive, Some(LARGE))).await.unwrap();
    world.until_model(|status| status.state_of(large) == State::WaitingForGpu).await;
    let well = world.jobs.submit(wanting(Priority::Batch, None)).await.unwrap();
    assert_eq!(names(&world.to_the_end(well.id).await).last(), Some(&"completed"));
    assert_eq!(names(&world.to_the_end(stuck.id).await).last(), Some(&"completed"));
    assert_eq!(world.store.claimed(), [well.id, stuck.id]);
}

#[actix::test]
async fn every_client_that_is_turned_away_is_passed_by_as_many() {
    let store = MemoryStore::default();
    for _ in 0..=MOST_JOBS {
        let terms = Terms { max_queued: 1000, reuse: None };
        store.submit(wanting(Priority::Batch, None), terms).await.unwrap();
    }
    let engine = FakeEngine::default().script_chunks([Scripted::Block]);
    let world = World::start(Setting { engine, models: vec![LARGE], chunks: 1, store, ..Setting::default() });
    let default = world.model.find(None).unwrap();
    let large = world.model.find(Some(LARGE)).unwrap();
    world.engine.until_chunk(1).await;
    world.model.demand(Demand::TurnedAway, large);
    world.until_model(|status| status.wanted_next == Some(large)).await;
    world.engine.open();
    world.until_model(|status| status.model == large && status.state() == State::Ready).await;
    world.model.load_and_wait(default, None).await.unwrap();
    world.engine.next_chunk(Scripted::Block);
    let first = world.jobs.submit(wanting(Priority::Batch, None)).await.unwrap();
    world.engine.until_chunk(MOST_JOBS as usize + 2).await;
    let second = world.jobs.submit(wanting(Priority::Batch, None)).await.unwrap();
    world.model.demand(Demand::TurnedAway, large);
    world.until_model(|status| status.wanted_next == Some(large)).await;
    world.engine.open();
    world.until_model(|status| status.model == large && status.state() == State::Ready).await;
    for id in [first.id, second.id] {
        assert_eq!(world.job(id).await.status, Status::Completed);
    }
}

#[actix::test]
async fn on_model_failed_fail_fails_only_jobs_of_that_model() {
    let engine = FakeEngine::default().script_loads([Scripted::Broken]);
    let on_model_failed = OnModelFailed::Fail;
    let world = World::start(Setting { engine, models: vec![LARGE], on_model_failed, ..Setting::default() });
    let bad = world.jobs.submit(wanting(Priority::Batch, Some(LARGE))).await.unwrap();
    let good = world.jobs.submit(wanting(Priority::Batch, None)).await.unwrap();
    assert_eq!(names(&world.to_the_end(bad.id).await).last(), Some(&"failed"));
    assert_eq!(names(&world.to_the_end(good.id).await).last(), Some(&"completed"));
    assert_eq!(world.job(bad.id).await.error.unwrap().code, "model_failed");
}

#[actix::test]
async fn a_job_of_an_unlisted_model_fails_at_the_start() {
    let (world, ids) = two_models(1, &[(Priority::Batch, Some("unlisted")), (Priority::Batch, None)]).await;
    world.to_the_end(ids[1]).await;
    world.to_the_end(ids[0]).await;
    let error = world.job(ids[0]).await.error.unwrap();
    assert_eq!(error.code, "unknown_model");
    assert!(error.message.contains("unlisted"));
}

#[actix::test]
async fn a_refused_client_gets_its_model_despite_an_endless_queue() {
    let queue: Vec<_> = (0..12).map(|_| (Priority::Batch, None)).collect();
    let store = MemoryStore::default();
    for (priority, model) in &queue {
        let terms = Terms { max_queued: 1000, reuse: None };
        store.submit(wanting(*priority, *model), terms).await.unwrap();
    }
    let engine = FakeEngine::default().script_chunks([Scripted::Block]);
    let world = World::start(Setting { engine, models: vec![LARGE], chunks: 1, store, ..Setting::default() });
    world.engine.until_chunk(1).await;
    let large = world.model.find(Some(LARGE)).unwrap();
    world.model.demand(Demand::TurnedAway, large);
    world.until_model(|status| status.wanted_next == Some(large)).await;
    world.engine.behave();
    world.until_model(|status| status.model == large && status.state() == State::Ready).await;
    let done = world.store.counts().await.unwrap();
    assert_eq!((done.queued, done.running), (12 - 1 - u64::from(MOST_JOBS), 0), "eight more had run before");
}

#[actix::test]
async fn results_are_reused_for_the_same_model_only() {
    let setting = Setting { models: vec![LARGE], reuse_results: true, ..Setting::default() };
    let world = World::start(setting);
    let first = world.jobs.submit(wanting(Priority::Batch, None)).await.unwrap();
    world.to_the_end(first.id).await;
    let other = world.jobs.submit(wanting(Priority::Batch, Some(LARGE))).await.unwrap();
    assert_eq!(other.reused_from, None);
    world.to_the_end(other.id).await;
    let again = world.jobs.submit(wanting(Priority::Batch, Some(LARGE))).await.unwrap();
    assert_eq!(again.reused_from, Some(other.id));
    let back = world.jobs.submit(wanting(Priority::Batch, None)).await.unwrap();
    assert_eq!(back.reused_from, Some(first.id), "though another model is loaded");
}

#[actix::test]
async fn a_job_with_a_reserved_model_runs_after_the_overtake_limit() {
    let (world, ids) = two_models(1, &[(Priority::Batch, None); 1]).await;
    world.to_the_end(ids[0]).await;
    let large = world.model.find(Some(LARGE)).unwrap();
    world.model.load_and_wait(large, None).await.unwrap();
    let waiting = world.jobs.submit(wanting(Priority::Batch, None)).await.unwrap();
    for _ in 0..=MOST_JOBS {
        world.model.load_and_wait(large, None).await.unwrap();
        let mine = world.jobs.submit(wanting(Priority::Batch, Some(LARGE))).await.unwrap();
        world.to_the_end(mine.id).await;
    }
    world.to_the_end(waiting.id).await;
}

#[actix::test]
async fn a_job_runs_at_the_place_that_was_computed() {
    let of = |n: usize| match n % 3 {
        0 => (Priority::Batch, None),
        1 => (Priority::Batch, Some(LARGE)),
        _ => (if n.is_multiple_of(2) { Priority::Interactive } else { Priority::Batch }, Some(LARGE)),
    };
    let engine = FakeEngine::default().script_loads([Scripted::Block]);
    let world = World::start(Setting { engine, models: vec![LARGE], chunks: 1, ..Setting::default() });
    let first = world.submit().await;
    world.engine.until_load(1).await;
    let mut ids = vec![first.id];
    for n in 0..24 {
        let (priority, model) = of(n);
        ids.push(world.jobs.submit(wanting(priority, model)).await.unwrap().id);
    }
    let mut places = vec![];
    for id in &ids {
        places.push((world.jobs.place(*id).await.unwrap().unwrap().position, *id));
    }
    places.sort();
    world.engine.open();
    for id in &ids {
        world.to_the_end(*id).await;
    }
    let place_of = |id: &JobId| places.iter().position(|(_, job)| job == id).unwrap();
    let started: Vec<_> = world.store.claimed().iter().map(place_of).collect();
    assert!(started.is_sorted(), "{started:?}");
}
