use std::time::Duration;

use super::*;
use crate::domain::event::{JobEvent, RequeueReason, UnloadReason};
use crate::domain::jobs::job::{BlobKey, Job, JobId, Status};
use crate::domain::jobs::options::Priority;
use crate::domain::model::models::ModelNo;
use crate::model::State;
use crate::observe::Observed;
use crate::ports::{Cancelled, JobStore, SubmitError};
use crate::testing::world::{Setting, World, names, new_job};
use crate::testing::{FakeEngine, POISON, Scripted};

fn with_chunks(script: impl IntoIterator<Item = Scripted>) -> Setting {
    Setting { engine: FakeEngine::default().script_chunks(script), ..Setting::default() }
}

fn is_chunk_start(event: &JobEvent, wanted: u32) -> bool {
    matches!(event, JobEvent::Progress { chunk, .. } if *chunk == wanted)
}

async fn submit_urgent(world: &World) -> JobId {
    let mut urgent = new_job();
    urgent.options.priority = Priority::Interactive;
    world.jobs.submit(urgent).await.unwrap().id
}

/// See [`FakeRecordings`](crate::testing::FakeRecordings).
async fn submit_blob(world: &World, name: &str) -> Job {
    let mut job = new_job();
    job.audio.blob = BlobKey(name.into());
    world.jobs.submit(job).await.unwrap()
}

#[actix::test]
async fn a_job_loads_the_model_and_runs_chunk_by_chunk() {
    let world = World::start(Setting::default());
    let job = world.submit().await;
    let events = world.to_the_end(job.id).await;
    let expected = [
        "queued",
        "started",
        "progress",
        "segment",
        "progress",
        "segment",
        "progress",
        "segment",
        "completed",
    ];
    assert_eq!(names(&events), expected);
    let done = world.job(job.id).await;
    assert_eq!((done.status, done.attempts), (Status::Completed, 1));
    let progress = done.progress.unwrap();
    assert_eq!((progress.percent, progress.chunk, progress.chunks_total), (100.0, 3, 3));
    let segments = world.store.segments(job.id).await.unwrap();
    assert_eq!(segments.iter().map(|s| (s.id, s.start)).collect::<Vec<_>>(), [(0, 0.0), (1, 1.0), (2, 2.0)]);
}

#[actix::test]
async fn a_wrong_early_chunk_is_decoded_again_as_planned() {
    let world = World::start(Setting::default());
    let job = submit_blob(&world, "misleading").await;
    world.to_the_end(job.id).await;
    let segments = world.store.segments(job.id).await.unwrap();
    assert_eq!(segments.iter().map(|s| s.text.as_str()).collect::<Vec<_>>(), [" 16000 samples."; 3]);
}

#[actix::test]
async fn a_silent_recording_completes_without_the_engine() {
    let world = World::start(Setting { chunks: 0, ..Setting::default() });
    let job = world.submit().await;
    assert_eq!(names(&world.to_the_end(job.id).await), ["queued", "started", "completed"]);
    assert_eq!(world.engine.chunks(), 0);
}

#[actix::test]
async fn an_unload_gives_the_job_back_at_its_last_finished_chunk() {
    let world = World::start(Setting {
        unload_hold: Duration::from_secs(3600),
        ..with_chunks([Scripted::Succeed, Scripted::Block])
    });
    let job = world.submit().await;
    world.until_event(job.id, |event| is_chunk_start(event, 2)).await;
    let hold = Some(Duration::from_secs(3600));
    let status = world.model.unload(UnloadReason::Request, hold).await.unwrap();
    assert_eq!(status.state(), State::Unloading);
    world.engine.open();
    world.until_state(State::Unloaded).await;
    let waiting = world.job(job.id).await;
    assert_eq!((waiting.status, waiting.progress.map(|p| p.chunk)), (Status::Queued, Some(3)));

    world.model.load(ModelNo::default(), None).await.unwrap();
    let events = world.to_the_end(job.id).await;
    assert_eq!(events.iter().filter(|event| matches!(event, JobEvent::Segment { .. })).count(), 3);
    assert!(events.contains(&JobEvent::Requeued { reason: RequeueReason::ModelUnloading }));
}

#[actix::test]
async fn an_unload_does_not_wait_for_a_recording_to_be_read() {
    for blob in ["endless", "stuck"] {
        let world = World::start(Setting { unload_hold: Duration::from_secs(3600), ..Setting::default() });
        let job = submit_blob(&world, blob).await;
        world.until_event(job.id, |event| matches!(event, JobEvent::Started { .. })).await;
        let hold = Some(Duration::from_secs(3600));
        world.model.unload_and_wait(UnloadReason::Request, hold).await.unwrap();
        world.until_event(job.id, |event| matches!(event, JobEvent::Requeued { .. })).await;
        assert_eq!(world.job(job.id).await.status, Status::Queued, "{blob}");
    }
}

#[actix::test]
async fn an_unload_does_not_wait_for_a_full_disk() {
    let world = World::start(with_chunks([Scripted::Succeed, Scripted::Block]));
    let job = world.submit().await;
    world.until_event(job.id, |event| is_chunk_start(event, 2)).await;
    world.store.fill_disk(true);
    world.engine.open();
    // The third is begun while the second cannot be written down.
    world.engine.until_chunk(3).await;
    let hold = Some(Duration::from_secs(3600));
    world.model.unload_and_wait(UnloadReason::Request, hold).await.unwrap();
    assert_eq!(world.job(job.id).await.status, Status::Running, "as the store still has it");
    world.store.fill_disk(false);
    world.until_event(job.id, |event| matches!(event, JobEvent::Requeued { .. })).await;
    world.model.load(ModelNo::default(), None).await.unwrap();
    let events = world.to_the_end(job.id).await;
    assert_eq!(events.iter().filter(|event| matches!(event, JobEvent::Segment { .. })).count(), 3);
}

#[actix::test]
async fn a_finished_job_completes_once_stored_whatever_the_model_does() {
    let world = World::start(Setting { chunks: 1, ..with_chunks([Scripted::Block]) });
    let job = world.submit().await;
    world.until_event(job.id, |event| is_chunk_start(event, 1)).await;
    world.engine.open();
    world.until_event(job.id, |event| matches!(event, JobEvent::Segment { .. })).await;
    world.store.fill_disk(true);
    let hold = Some(Duration::from_secs(3600));
    world.model.unload_and_wait(UnloadReason::Request, hold).await.unwrap();
    world.store.fill_disk(false);
    assert_eq!(names(&world.to_the_end(job.id).await).last(), Some(&"completed"));
    assert_eq!(world.engine.loads(), 1, "nothing was done again");
}

#[actix::test]
async fn cancel_while_reading_frees_the_worker() {
    for blob in ["endless", "stuck"] {
        let world = World::start(Setting::default());
        let job = submit_blob(&world, blob).await;
        world.until_event(job.id, |event| matches!(event, JobEvent::Started { .. })).await;
        world.jobs.cancel(job.id).await.unwrap();
        let next = world.submit().await;
        world.to_the_end(next.id).await;
        assert_eq!(world.job(next.id).await.status, Status::Completed, "{blob}");
    }
}

#[actix::test]
async fn condition_on_previous_passes_the_text_before_a_chunk() {
    let world = World::start(Setting::default());
    world.to_the_end(world.submit().await.id).await;
    assert_eq!(world.engine.prompts(), [None, None, None]);

    let world = World::start(Setting { condition_on_previous: true, ..Setting::default() });
    let mut prompted = new_job();
    prompted.options.prompt = Some("Ada.".into());
    let job = world.jobs.submit(prompted).await.unwrap();
    world.to_the_end(job.id).await;
    let prompts = ["Ada.", "Ada. 16000 samples.", "Ada. 16000 samples. 16000 samples."];
    assert_eq!(world.engine.prompts(), prompts.map(|prompt| Some(prompt.to_owned())));
}

#[actix::test]
async fn a_resumed_job_gets_the_same_prompts() {
    let world = World::start(Setting {
        unload_hold: Duration::from_secs(3600),
        condition_on_previous: true,
        ..with_chunks([Scripted::Succeed, Scripted::Block])
    });
    let job = world.submit().await;
    world.until_event(job.id, |event| is_chunk_start(event, 2)).await;
    world.model.unload(UnloadReason::Request, Some(Duration::from_secs(3600))).await.unwrap();
    world.engine.open();
    world.until_state(State::Unloaded).await;
    world.model.load(ModelNo::default(), None).await.unwrap();
    let events = world.to_the_end(job.id).await;
    assert!(events.contains(&JobEvent::Requeued { reason: RequeueReason::ModelUnloading }));
    let prompts = [None, Some("16000 samples."), Some("16000 samples. 16000 samples.")];
    assert_eq!(world.engine.prompts(), prompts.map(|prompt| prompt.map(str::to_owned)));
}

#[actix::test]
async fn jobs_that_name_no_language_may_be_in_those_of_the_settings() {
    let [de, fr] = ["de", "fr"].map(|code| code.parse().unwrap());
    let world = World::start(Setting { languages: vec![de, fr], ..Setting::default() });
    let taken_in = async |language, languages: &[_]| {
        let mut job = new_job();
        (job.options.language, job.options.languages) = (language, languages.to_vec());
        world.jobs.submit(job).await.unwrap().options.languages
    };
    assert_eq!(taken_in(None, &[]).await, [de, fr]);
    assert_eq!(taken_in(None, &[fr]).await, [fr]);
    assert_eq!(taken_in(Some(de), &[]).await, []);
}

#[actix::test]
async fn a_cancelled_job_is_cancelled_at_once_and_keeps_what_it_has() {
    let world = World::start(with_chunks([Scripted::Succeed, Scripted::Block]));
    let job = world.submit().await;
    world.until_event(job.id, |event| is_chunk_start(event, 2)).await;
    let Cancelled::Now { job: cancelled, .. } = world.jobs.cancel(job.id).await.unwrap() else { panic!() };
    assert_eq!(cancelled.status, Status::Cancelled);
    assert_eq!(names(&world.to_the_end(job.id).await).last(), Some(&"cancelled"));
    assert_eq!(world.store.segments(job.id).await.unwrap().len(), 1);
    world.until_model(|status| status.idle_since().is_some()).await;
    assert!(matches!(world.jobs.cancel(job.id).await.unwrap(), Cancelled::Removed { .. }));
    assert!(matches!(world.jobs.cancel(job.id).await.unwrap(), Cancelled::NotFound));
}

#[actix::test]
async fn a_queued_job_is_cancelled_without_running() {
    let world = World::start(with_chunks([Scripted::Block]));
    let running = world.submit().await;
    world.until_event(running.id, |event| is_chunk_start(event, 1)).await;
    let queued = world.submit().await;
    world.jobs.cancel(queued.id).await.unwrap();
    assert_eq!(names(&world.to_the_end(queued.id).await), ["queued", "cancelled"]);
    world.engine.open();
    world.to_the_end(running.id).await;
}

#[actix::test]
async fn an_engine_that_exits_costs_one_chunk_and_not_the_job() {
    let world = World::start(with_chunks([Scripted::Succeed, Scripted::Exit]));
    let job = world.submit().await;
    let events = world.to_the_end(job.id).await;
    let expected = [
        "queued",
        "started",
        "progress",
        "segment",
        "progress",
        "requeued",
        "started",
        "progress",
        "segment",
        "progress",
        "segment",
        "completed",
    ];
    assert_eq!(names(&events), expected);
    assert_eq!(world.engine.loads(), 2);
    assert_eq!(world.job(job.id).await.attempts, 2);
}

#[actix::test]
async fn three_engine_crashes_fail_the_job_and_not_the_next() {
    let world = World::start(with_chunks([Scripted::Exit, Scripted::Exit, Scripted::Exit]));
    let (poison, next) = (world.submit().await, world.submit().await);
    world.to_the_end(poison.id).await;
    assert_eq!(world.job(poison.id).await.error.unwrap().code, "engine_crashed");
    world.to_the_end(next.id).await;
    assert_eq!(world.job(next.id).await.status, Status::Completed);
}

#[actix::test]
async fn a_job_pays_for_no_crash_but_its_own() {
    let world = World::start(Setting { workers: 2, ..with_chunks([Scripted::Block, Scripted::Block]) });
    let innocent = world.submit().await;
    world.engine.until_chunk(1).await;
    let mut poison = new_job();
    poison.options.prompt = Some(POISON.to_owned());
    let poison = world.jobs.submit(poison).await.unwrap();
    world.engine.until_chunk(3).await;
    world.engine.open();
    world.to_the_end(poison.id).await;
    assert_eq!(world.job(poison.id).await.error.unwrap().code, "engine_crashed");
    assert_eq!(world.engine.poisoned(), [1, 0, 0], "alone in the engine after the first crash");
    world.to_the_end(innocent.id).await;
    assert_eq!(world.job(innocent.id).await.status, Status::Completed);
}

#[actix::test]
async fn a_shortage_under_one_job_is_no_crash_of_the_one_beside_it() {
    let script = std::iter::repeat_n([Scripted::Block, Scripted::OutOfMemory], 3).flatten();
    let world = World::start(Setting { workers: 2, ..with_chunks(script) });
    let jobs = [world.submit().await.id, world.submit().await.id];
    for _ in 0..3 {
        world.until_state(State::WaitingForGpu).await;
        world.model.load_and_wait(ModelNo::default(), None).await.unwrap();
    }
    for id in jobs {
        let events = world.to_the_end(id).await;
        assert!(!events.contains(&JobEvent::Requeued { reason: RequeueReason::EngineExited }), "{events:?}");
        assert_eq!(world.job(id).await.status, Status::Completed);
    }
}

#[actix::test]
async fn out_of_memory_requeues_the_job_and_the_model_waits() {
    let world = World::start(with_chunks([Scripted::Succeed, Scripted::OutOfMemory]));
    let job = world.submit().await;
    world.until_state(State::WaitingForGpu).await;
    world.until_event(job.id, |event| matches!(event, JobEvent::Requeued { .. })).await;
    assert_eq!(world.job(job.id).await.status, Status::Queued);
    world.model.load(ModelNo::default(), None).await.unwrap();
    world.to_the_end(job.id).await;
    assert_eq!(world.store.segments(job.id).await.unwrap().len(), 3);
}

#[actix::test]
async fn a_recording_that_cannot_be_decoded_fails_with_its_reason() {
    let world = World::start(Setting::default());
    let job = submit_blob(&world, "bad").await;
    world.to_the_end(job.id).await;
    assert_eq!(world.job(job.id).await.error.unwrap().code, "corrupt_audio");
}

#[actix::test]
async fn interactive_jobs_go_first_and_a_full_queue_takes_no_more() {
    let world = World::start(Setting { max_queued: 2, ..with_chunks([Scripted::Block]) });
    let running = world.submit().await;
    world.until_event(running.id, |event| is_chunk_start(event, 1)).await;
    let batch = world.submit().await;
    let interactive = submit_urgent(&world).await;
    let refused = world.jobs.submit(new_job()).await;
    assert!(matches!(refused, Err(SubmitError::QueueFull { queued: 2 })));
    assert_eq!(world.store.place(batch.id).await.unwrap().map(|p| p.position), Some(2));
    world.engine.open();
    world.to_the_end(batch.id).await;
    let (first, second) = (world.job(interactive).await, world.job(batch.id).await);
    assert!(first.finished_at.unwrap() <= second.started_at.unwrap());
}

#[actix::test]
async fn crashes_are_counted_on_one_chunk_at_a_time() {
    use Scripted::{Exit, Succeed};
    let world = World::start(with_chunks([Exit, Exit, Succeed, Exit, Exit, Succeed]));
    let job = world.submit().await;
    world.to_the_end(job.id).await;
    assert_eq!(world.job(job.id).await.status, Status::Completed);
}

#[actix::test]
async fn a_batch_job_gives_way_at_its_next_chunk_and_resumes_there() {
    let world = World::start(with_chunks([Scripted::Block]));
    let batch = world.submit().await;
    world.until_event(batch.id, |event| is_chunk_start(event, 1)).await;
    let urgent = submit_urgent(&world).await;
    world.engine.open();
    let events = world.to_the_end(batch.id).await;
    let expected = [
        "queued",
        "started",
        "progress",
        "segment",
        "requeued",
        "started",
        "progress",
        "segment",
        "progress",
        "segment",
        "completed",
    ];
    assert_eq!(names(&events), expected);
    assert!(events.contains(&JobEvent::Requeued { reason: RequeueReason::Preempted }));
    let (first, second) = (world.job(urgent).await, world.job(batch.id).await);
    assert!(first.finished_at.unwrap() <= second.finished_at.unwrap());
    assert_eq!(world.engine.loads(), 1, "no second model, and no second load");
}

#[actix::test]
async fn an_interactive_job_gives_way_to_none() {
    let world = World::start(with_chunks([Scripted::Block]));
    let first = submit_urgent(&world).await;
    world.until_event(first, |event| is_chunk_start(event, 1)).await;
    let second = submit_urgent(&world).await;
    world.engine.open();
    assert!(!names(&world.to_the_end(first).await).contains(&"requeued"));
    world.to_the_end(second).await;
}

#[actix::test]
async fn a_flood_of_interactive_jobs_does_not_starve_a_batch_job() {
    let world = World::start(with_chunks([Scripted::Block]));
    let batch = world.submit().await;
    world.until_event(batch.id, |event| is_chunk_start(event, 1)).await;
    let mut urgent = vec![];
    for _ in 0..30 {
        urgent.push(submit_urgent(&world).await);
    }
    world.engine.open();
    world.to_the_end(batch.id).await;
    let claimed = world.store.claimed();
    let before = claimed.iter().rposition(|id| *id == batch.id).unwrap();
    let over = claimed[..before].iter().filter(|id| urgent.contains(id)).count();
    assert!(over <= 4 * 3, "three chunks, and at most four interactive jobs before each: {over}");
}

#[actix::test]
async fn repeated_kills_fail_the_job_only_in_the_end() {
    let world = World::start(with_chunks(std::iter::repeat_n(Scripted::Block, 12)));
    let job = world.submit().await;
    for kills in 1..=12 {
        world
            .until_event(job.id, |event| matches!(event, JobEvent::Started { attempt } if *attempt == kills))
            .await;
        world.engine.until_chunk(kills as usize).await;
        assert!(world.engine.kill());
    }
    let events = world.to_the_end(job.id).await;
    assert_eq!(names(&events).iter().filter(|name| **name == "requeued").count(), 11);
    assert_eq!(world.job(job.id).await.error.unwrap().code, "engine_crashed");
}

#[actix::test]
async fn a_stop_gives_running_jobs_back() {
    let world = World::start(with_chunks([Scripted::Block]));
    let job = world.submit().await;
    world.until_event(job.id, |event| is_chunk_start(event, 1)).await;
    world.jobs.stop(Duration::ZERO).await;
    assert_eq!(world.job(job.id).await.status, Status::Queued);
    let events = world.until_event(job.id, |event| matches!(event, JobEvent::Requeued { .. })).await;
    assert_eq!(events.last(), Some(&JobEvent::Requeued { reason: RequeueReason::Shutdown }));
}

#[actix::test]
async fn jobs_wait_for_a_failed_model_unless_set_to_fail() {
    let broken = || FakeEngine::default().script_loads([Scripted::Broken]);
    let world = World::start(Setting { engine: broken(), ..Setting::default() });
    let job = world.submit().await;
    world.until_state(State::Failed).await;
    assert_eq!(world.job(job.id).await.status, Status::Queued);

    let world = World::start(Setting {
        engine: broken(),
        on_model_failed: OnModelFailed::Fail,
        ..Setting::default()
    });
    let job = world.submit().await;
    world.to_the_end(job.id).await;
    assert_eq!(world.job(job.id).await.error.unwrap().code, "model_failed");
}

#[actix::test]
async fn an_operator_sees_where_a_job_is_and_which_worker_has_it() {
    let world = World::start(Setting { workers: 2, ..with_chunks([Scripted::Succeed, Scripted::Block]) });
    let job = world.submit().await;
    world.until_event(job.id, |event| is_chunk_start(event, 2)).await;
    world.engine.until_chunk(2).await;
    let running = loop {
        let Observed::State(jobs) = world.jobs.observe().await else { panic!("the actor is not blocked") };
        let [running] = &jobs.running[..] else { panic!("one job runs: {jobs:?}") };
        if !running.is_saving {
            break running.clone();
        }
    };
    assert_eq!((running.id, running.priority, running.attempt), (job.id, Priority::Batch, 1));
    assert_eq!((running.step, running.chunk, running.is_cancelled), (Step::Decoding, Some(2), false));
    let workers = world.jobs.observe_workers();
    let busy: Vec<_> = workers.iter().map(|work| work.as_ref().map(|work| (work.job, work.chunk))).collect();
    assert_eq!(busy, [Some((job.id, 2)), None]);
    let waiting = world.submit().await;
    world.jobs.cancel(waiting.id).await.unwrap();
    let queue = QueueSnapshot { queued: 0, running: 1, has_interactive: false, has_batch: false };
    assert_eq!(world.jobs.observe_queue().await, Observed::State(queue));
    world.engine.open();
    world.to_the_end(job.id).await;
    while world.jobs.observe_workers().iter().any(Option::is_some) {
        tokio::task::yield_now().await;
    }
}

#[actix::test]
async fn an_operator_sees_a_run_that_waits_for_the_store() {
    let world = World::start(with_chunks([Scripted::Block]));
    let job = world.submit().await;
    world.engine.until_chunk(1).await;
    world.until_event(job.id, |event| is_chunk_start(event, 1)).await;
    world.store.fill_disk(true);
    world.engine.open();
    loop {
        let Observed::State(jobs) = world.jobs.observe().await else { panic!("the actor is not blocked") };
        if jobs.running.iter().any(|running| running.is_saving && running.chunk > Some(1)) {
            break;
        }
    }
    world.store.fill_disk(false);
    world.to_the_end(job.id).await;
}
