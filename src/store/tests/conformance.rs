//! What every engine of the store must do, tested through the ports alone.
//!
//! `conforms!(open)` makes one test of each promise; `open` gives a fresh, empty store together with
//! whatever must stay alive meanwhile, or nothing where its engine is not installed.

use std::time::Duration;

use actors::domain::audio::{Plan, Span};
use actors::domain::event::{
    Event, JobEvent, ModelEvent, OfModel, Recorded, RequeueReason, Stream, UnloadReason,
};
use actors::domain::jobs::engine_exits::EngineExits;
use actors::domain::jobs::job::{Audio, BlobKey, Idempotency, Job, JobError, JobId, KeyLife, NewJob, Status};
use actors::domain::jobs::options::{Options, Priority, Task};
use actors::domain::jobs::origin::{Api, Origin};
use actors::domain::jobs::progress::Progress;
use actors::domain::jobs::words::SearchWords;
use actors::domain::language::Language;
use actors::domain::peaks::Peaks;
use actors::domain::time::Timestamp;
use actors::domain::transcript::edit::EditedSegment;
use actors::domain::transcript::{Decoding, Flag, Segment, Word};
use actors::ports::{
    Cancelled, Checkpoint, Claim, Earlier, Ending, JobCounts, JobQuery, Revised, Store, StoreError,
    SubmitError, Terms, Waiting,
};
use uuid::Uuid;

macro_rules! conforms {
    ($open:path) => {
        $crate::store::tests::conformance::conforms!($open:
            a_submitted_job_comes_back_as_it_was_given
            a_full_queue_takes_no_job
            interactive_jobs_are_claimed_first_and_then_the_oldest
            a_claim_starts_the_job_and_an_empty_queue_gives_none
            a_plan_is_kept_and_chunks_under_another_one_are_forgotten
            a_checkpoint_adds_segments_events_and_progress
            a_checkpoint_out_of_order_changes_nothing
            a_chunk_without_speech_still_counts
            an_end_closes_the_stream
            a_silent_recording_completes_with_no_chunks
            a_failed_job_keeps_its_error_and_its_progress
            a_requeued_job_keeps_its_place_and_its_chunks
            exits_of_the_engine_are_counted_until_the_next_chunk
            the_job_whose_turn_it_is_is_claimed_first
            owners_take_turns
            each_model_has_a_line_and_the_first_of_all_is_found
            owners_take_turns_in_the_line_of_a_model_too
            a_job_can_be_cancelled_in_the_queue
            a_cancelled_worker_has_no_lease
            cancelling_an_ended_job_removes_every_trace
            only_what_ended_long_ago_is_removed
            recovery_requeues_what_was_running
            an_older_claim_writes_nothing
            places_in_the_queue_count_from_one
            jobs_are_listed_newest_first_and_page_by_page
            everyone_lists_their_own_jobs
            a_request_sent_twice_under_one_key_is_one_job
            a_call_sent_again_is_the_same_job_until_its_result_is_old
            a_job_like_an_earlier_one_is_given_its_result
            peaks_are_kept_as_long_as_their_job
            revisions_follow_each_other_and_leave_the_original
            revisions_go_with_their_job
            lists_are_of_several_states_and_of_a_model
            jobs_are_found_by_all_that_is_known_of_them
            a_search_goes_page_by_page_and_stays_with_its_owner
            a_retry_says_of_which_job_it_is_one
            a_list_goes_on_after_its_cursor_was_removed
            events_are_read_in_pieces_without_gap_or_repetition
            events_of_the_model_have_a_numbering_of_their_own
            numbers_without_a_name_in_json_become_zero
            a_subscriber_is_kept_once_for_each_url
            a_subscriber_stays_until_its_last_owner_takes_it_back
        );
    };
    ($open:path: $($promise:ident)*) => {
        $(#[tokio::test]
        async fn $promise() {
            // Without an engine there is nothing to test.
            let Some((store, _alive)) = $open().await else { return };
            $crate::store::tests::conformance::$promise(&store).await;
        })*
    };
}
pub(crate) use conforms;

// ---- what tests are made of ---------------------------------------------------------------------

pub(crate) const NO_LIMIT: Terms = at_most(1_000_000);

pub(crate) const fn at_most(max_queued: u64) -> Terms {
    Terms { max_queued, reuse: None }
}

pub(crate) fn new_job(priority: Priority) -> NewJob {
    NewJob {
        owner: String::new(),
        once: None,
        origin: Origin::default(),
        id: JobId::new(),
        audio: Audio {
            filename: Some("größe.wav".into()),
            bytes: 1234,
            sha256: "00ff".into(),
            duration_secs: None,
            blob: BlobKey(Uuid::now_v7().to_string()),
        },
        options: Options { priority, ..Options::default() },
        metadata: None,
        webhook_url: None,
        retry_of: None,
    }
}

/// As many chunks of 30 s, one behind the other.
pub(crate) fn plan(chunks: u64) -> Plan {
    let span = |n| Span { start: n * 480_000, end: (n + 1) * 480_000 };
    let warnings = (0..chunks % 3).map(|n| format!("\"{n}\" is odd: größer")).collect();
    Plan {
        samples: chunks * 480_000 + 7,
        chunks: (0..chunks).map(span).collect(),
        warnings,
        ..Plan::default()
    }
}

pub(crate) fn progress(done: u32, plan: &Plan) -> Progress {
    let total = u32::try_from(plan.chunks.len()).unwrap();
    Progress::new(done, total, f64::from(done) * 30.0, plan.duration_secs(), None)
}

fn segment(id: u32) -> Segment {
    Segment {
        id,
        start: f64::from(id) + 0.1,
        end: f64::from(id) + 1.0 / 3.0,
        text: format!(" \"{id}\" größer\n"),
        words: Some(vec![Word { word: " a".into(), start: 0.1, end: 0.3, probability: 0.123_456_79 }]),
        flags: vec![Flag::LowConfidence],
        channel: None,
        speaker: None,
        decoding: Decoding {
            tokens: vec![1, 50_257],
            logprobs: vec![-0.333_333_34, 0.0],
            token_bytes: vec![2, 300],
            avg_logprob: -0.333_333_34,
            no_speech_prob: 1e-9,
            temperature: 0.2,
            window_start: 1.0 / 3.0,
        },
    }
}

pub(crate) fn checkpoint(chunk: u32, plan: &Plan, ids: std::ops::Range<u32>) -> Checkpoint {
    let language = "de".parse().ok();
    let (segments, progress) = (ids.map(segment).collect(), progress(chunk + 1, plan));
    Checkpoint { chunk, segments, language, language_probability: Some(0.75), progress }
}

pub(crate) async fn submit(store: &dyn Store, priority: Priority) -> Job {
    store.submit(new_job(priority), NO_LIMIT).await.unwrap().0
}

/// Whose turn it is, or of the other priority.
pub(crate) async fn claim_next(store: &dyn Store, turn: Priority) -> Option<(Claim, Vec<Recorded>)> {
    let head = store.head(turn, &[None]).await.unwrap()?;
    store.claim(head.priority, None).await.unwrap()
}

async fn claim(store: &dyn Store) -> Claim {
    claim_next(store, Priority::Interactive).await.expect("a job is queued").0
}

async fn job(store: &dyn Store, id: JobId) -> Job {
    store.job(id).await.unwrap().expect("the job is there")
}

/// Submits a job, claims it and plans it with this many chunks.
async fn running(store: &dyn Store, chunks: u64) -> (Claim, Plan) {
    submit(store, Priority::Batch).await;
    let claim = claim(store).await;
    let plan = plan(chunks);
    store.planned(claim.fence, &plan, progress(0, &plan)).await.unwrap();
    (claim, plan)
}

async fn log(store: &dyn Store, id: JobId) -> Vec<Recorded> {
    store.events_after(Stream::Job(id), 0, u32::MAX).await.unwrap()
}

async fn kinds(store: &dyn Store, id: JobId) -> Vec<&'static str> {
    let events = log(store, id).await;
    assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "no gap in {events:?}");
    events
        .iter()
        .map(|recorded| match &recorded.event {
            Event::Job(of, event) if *of == id => event.name(),
            Event::Job(..) | Event::Model(_) => panic!("{recorded:?} is in another stream"),
        })
        .collect()
}

fn is_lost<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::LeaseLost))
}

fn crash() -> Ending {
    Ending::Failed(JobError { code: "worker_crashed".into(), message: "it crashed".into() })
}

// ---- the promises -------------------------------------------------------------------------------

pub(crate) async fn a_submitted_job_comes_back_as_it_was_given(store: &dyn Store) {
    let mut new = new_job(Priority::Interactive);
    new.audio.duration_secs = Some(61.25);
    new.metadata = Some(r#"{"b": 1, "a": [null]}"#.into());
    new.webhook_url = Some("https://example.org/hook?x=1".into());
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    new.origin = Origin { api: Api::Asr, traceparent: parent.parse().ok() };
    new.options.language = "yue".parse().ok();
    new.options.task = Task::Translate;
    new.options.prompt = Some("O'Brien; DROP TABLE jobs".into());
    new.options.temperature = Some(0.2);
    new.options.word_timestamps = true;
    new.options.selection.track = "eng".parse().ok();
    (new.options.selection.start, new.options.selection.end) = (84_800, Some(160_000));
    let (job, events) = store.submit(new.clone(), at_most(1)).await.unwrap();

    assert_eq!(
        (job.id, &job.audio, &job.options, &job.metadata),
        (new.id, &new.audio, &new.options, &new.metadata)
    );
    assert_eq!((&job.origin, job.origin.traceparent.is_some()), (&new.origin, true));
    assert_eq!((job.status, job.attempts, &job.webhook_url), (Status::Queued, 0, &new.webhook_url));
    assert_eq!(job.language.map(Language::code), Some("yue"));
    assert_eq!((job.started_at, job.finished_at, job.progress, job.error.clone()), (None, None, None, None));
    assert_eq!(store.job(job.id).await.unwrap(), Some(job.clone()));
    assert_eq!(log(store, job.id).await, events);
    assert_eq!(kinds(store, job.id).await, ["queued"]);
    assert_eq!(store.job(JobId::new()).await.unwrap(), None);
}

pub(crate) async fn a_full_queue_takes_no_job(store: &dyn Store) {
    submit(store, Priority::Batch).await;
    submit(store, Priority::Batch).await;
    let refused = new_job(Priority::Interactive);
    let id = refused.id;
    let answer = store.submit(refused, at_most(2)).await;
    assert!(matches!(answer, Err(SubmitError::QueueFull { queued: 2 })), "{answer:?}");
    assert_eq!(store.job(id).await.unwrap(), None);
    assert_eq!(store.last_seq(Stream::Job(id)).await.unwrap(), 0);
    claim(store).await;
    assert!(store.submit(new_job(Priority::Batch), at_most(2)).await.is_ok(), "a running job does not wait");
}

pub(crate) async fn interactive_jobs_are_claimed_first_and_then_the_oldest(store: &dyn Store) {
    let batch = [submit(store, Priority::Batch).await.id, submit(store, Priority::Batch).await.id];
    let interactive =
        [submit(store, Priority::Interactive).await.id, submit(store, Priority::Interactive).await.id];
    for expected in interactive.into_iter().chain(batch) {
        assert_eq!(claim(store).await.job.id, expected);
    }
}

pub(crate) async fn a_claim_starts_the_job_and_an_empty_queue_gives_none(store: &dyn Store) {
    assert!(claim_next(store, Priority::Interactive).await.is_none());
    let submitted = submit(store, Priority::Batch).await;
    let (claim, events) = claim_next(store, Priority::Interactive).await.unwrap();
    assert_eq!((claim.job.status, claim.job.attempts), (Status::Running, 1));
    assert!(claim.job.started_at.is_some());
    assert_eq!((claim.plan, claim.chunks_done, claim.segments_done, claim.exits.crashes), (None, 0, 0, 0));
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event, Event::Job(submitted.id, JobEvent::Started { attempt: 1 }));
    assert_eq!(job(store, submitted.id).await, claim.job);
    assert_eq!(store.counts().await.unwrap(), JobCounts { queued: 0, running: 1 });
    assert!(claim_next(store, Priority::Interactive).await.is_none(), "it is taken only once");
}

pub(crate) async fn a_plan_is_kept_and_chunks_under_another_one_are_forgotten(store: &dyn Store) {
    let (first, plan) = running(store, 3).await;
    assert_eq!(job(store, first.job.id).await.audio.duration_secs, Some(plan.duration_secs()));
    assert_eq!(job(store, first.job.id).await.warnings, plan.warnings);
    store.checkpoint(first.fence, checkpoint(0, &plan, 0..2)).await.unwrap();
    store.planned(first.fence, &plan, progress(1, &plan)).await.unwrap();
    assert_eq!(store.segments(first.job.id).await.unwrap().len(), 2, "the same plan changes nothing");
    store.requeue(first.fence, RequeueReason::Shutdown).await.unwrap();

    let again = claim(store).await;
    assert_eq!((again.plan, again.chunks_done, again.segments_done), (Some(plan), 1, 2));
    let other = self::plan(2);
    store.planned(again.fence, &other, progress(0, &other)).await.unwrap();
    assert_eq!(job(store, first.job.id).await.warnings, other.warnings);
    assert_eq!(other.warnings.len(), 2);
    assert_eq!(store.segments(again.job.id).await.unwrap(), []);
    store.requeue(again.fence, RequeueReason::Shutdown).await.unwrap();
    let last = claim(store).await;
    assert_eq!((last.plan, last.chunks_done, last.segments_done), (Some(other), 0, 0));
}

pub(crate) async fn a_checkpoint_adds_segments_events_and_progress(store: &dyn Store) {
    let (claim, plan) = running(store, 2).await;
    let id = claim.job.id;
    let note = JobEvent::Progress { percent: 0.0, chunk: 1, chunks_total: 2, eta_secs: None };
    let noted = store.note(claim.fence, note.clone()).await.unwrap();
    assert_eq!(noted.iter().map(|e| &e.event).collect::<Vec<_>>(), [&Event::Job(id, note)]);
    let first = store.checkpoint(claim.fence, checkpoint(0, &plan, 0..2)).await.unwrap();
    let second = store.checkpoint(claim.fence, checkpoint(1, &plan, 2..3)).await.unwrap();

    let expected = [(1, 0), (1, 1), (2, 2)];
    let events: Vec<_> = first.into_iter().chain(second).collect();
    for (event, (chunk, number)) in events.iter().zip(expected) {
        assert_eq!(event.event, Event::Job(id, JobEvent::Segment { chunk, segment: segment(number) }));
    }
    assert_eq!(log(store, id).await[3..], events);
    assert_eq!(kinds(store, id).await, ["queued", "started", "progress", "segment", "segment", "segment"]);
    assert_eq!(store.segments(id).await.unwrap(), [segment(0), segment(1), segment(2)]);
    let job = job(store, id).await;
    assert_eq!((job.progress, job.language.map(Language::code)), (Some(progress(2, &plan)), Some("de")));
    assert_eq!(job.language_probability, Some(0.75));
}

pub(crate) async fn a_checkpoint_out_of_order_changes_nothing(store: &dyn Store) {
    let (claim, plan) = running(store, 3).await;
    store.checkpoint(claim.fence, checkpoint(0, &plan, 0..1)).await.unwrap();
    let repeated = store.checkpoint(claim.fence, checkpoint(0, &plan, 1..2)).await.unwrap();
    assert_eq!(repeated, [], "it is written already");
    let skipped = store.checkpoint(claim.fence, checkpoint(2, &plan, 1..2)).await;
    assert!(matches!(skipped, Err(StoreError::Failed(_))), "{skipped:?}");
    assert_eq!(store.segments(claim.job.id).await.unwrap().len(), 1);
    assert_eq!(kinds(store, claim.job.id).await, ["queued", "started", "segment"]);
}

pub(crate) async fn a_chunk_without_speech_still_counts(store: &dyn Store) {
    let (first, plan) = running(store, 2).await;
    let events = store.checkpoint(first.fence, checkpoint(0, &plan, 0..0)).await.unwrap();
    assert_eq!(events, []);
    store.requeue(first.fence, RequeueReason::Shutdown).await.unwrap();
    let again = claim(store).await;
    assert_eq!((again.chunks_done, again.segments_done), (1, 0));
}

pub(crate) async fn an_end_closes_the_stream(store: &dyn Store) {
    let (claim, plan) = running(store, 1).await;
    store.checkpoint(claim.fence, checkpoint(0, &plan, 0..1)).await.unwrap();
    let events = store.end(claim.fence, Ending::Completed).await.unwrap();
    assert!(events.last().is_some_and(Recorded::is_last));
    let ended = job(store, claim.job.id).await;
    assert_eq!((ended.status, ended.error.clone()), (Status::Completed, None));
    assert!(ended.finished_at.is_some() && ended.started_at == claim.job.started_at);
    let last = ended.progress.unwrap();
    assert_eq!((last.percent, last.chunk, last.chunks_total, last.eta_secs), (100.0, 1, 1, Some(0.0)));

    let note = JobEvent::Progress { percent: 0.0, chunk: 1, chunks_total: 1, eta_secs: None };
    assert!(is_lost(&store.note(claim.fence, note).await));
    assert!(is_lost(&store.end(claim.fence, crash()).await));
    assert!(is_lost(&store.requeue(claim.fence, RequeueReason::Shutdown).await));
    assert!(is_lost(&store.planned(claim.fence, &plan, progress(0, &plan)).await));
    assert!(is_lost(&store.checkpoint(claim.fence, checkpoint(1, &plan, 1..2)).await));
    assert_eq!(kinds(store, claim.job.id).await, ["queued", "started", "segment", "completed"]);
    assert_eq!(job(store, claim.job.id).await, ended);
}

pub(crate) async fn a_silent_recording_completes_with_no_chunks(store: &dyn Store) {
    let (claim, _) = running(store, 0).await;
    store.end(claim.fence, Ending::Completed).await.unwrap();
    let last = job(store, claim.job.id).await.progress.unwrap();
    assert_eq!((last.percent, last.chunk, last.chunks_total, last.eta_secs), (100.0, 0, 0, Some(0.0)));
    assert_eq!(store.segments(claim.job.id).await.unwrap(), []);
}

pub(crate) async fn a_failed_job_keeps_its_error_and_its_progress(store: &dyn Store) {
    let (claim, plan) = running(store, 4).await;
    store.checkpoint(claim.fence, checkpoint(0, &plan, 0..1)).await.unwrap();
    let Ending::Failed(error) = crash() else { panic!("it is a failure") };
    let events = store.end(claim.fence, crash()).await.unwrap();
    assert_eq!(events[0].event, Event::Job(claim.job.id, JobEvent::Failed { error: error.clone() }));
    let failed = job(store, claim.job.id).await;
    assert_eq!((failed.status, failed.error), (Status::Failed, Some(error)));
    assert_eq!(failed.progress, Some(progress(1, &plan)));
    assert_eq!(store.segments(claim.job.id).await.unwrap().len(), 1);
}

pub(crate) async fn a_requeued_job_keeps_its_place_and_its_chunks(store: &dyn Store) {
    let (first, plan) = running(store, 2).await;
    let younger = submit(store, Priority::Batch).await;
    store.checkpoint(first.fence, checkpoint(0, &plan, 0..2)).await.unwrap();
    let events = store.requeue(first.fence, RequeueReason::ModelUnloading).await.unwrap();
    let requeued = JobEvent::Requeued { reason: RequeueReason::ModelUnloading };
    assert_eq!(events[0].event, Event::Job(first.job.id, requeued));
    let waiting = job(store, first.job.id).await;
    assert_eq!((waiting.status, waiting.progress), (Status::Queued, Some(progress(1, &plan))));

    let again = claim(store).await;
    assert_eq!((again.job.id, again.job.attempts, again.chunks_done), (first.job.id, 2, 1));
    assert_eq!((again.job.created_at, again.job.started_at), (first.job.created_at, first.job.started_at));
    assert!(again.fence.epoch > first.fence.epoch);
    assert_eq!(claim(store).await.job.id, younger.id);
}

pub(crate) async fn exits_of_the_engine_are_counted_until_the_next_chunk(store: &dyn Store) {
    let (mut claimed, plan) = running(store, 2).await;
    for crashes in 1..=2 {
        store.requeue(claimed.fence, RequeueReason::EngineExited).await.unwrap();
        claimed = claim(store).await;
        assert_eq!(claimed.exits, EngineExits { crashes, kills: 0 });
    }
    store.requeue(claimed.fence, RequeueReason::EngineKilled).await.unwrap();
    claimed = claim(store).await;
    store.requeue(claimed.fence, RequeueReason::Shutdown).await.unwrap();
    claimed = claim(store).await;
    assert_eq!(claimed.exits, EngineExits { crashes: 2, kills: 1 }, "a stop does not count");
    store.checkpoint(claimed.fence, checkpoint(0, &plan, 0..1)).await.unwrap();
    store.requeue(claimed.fence, RequeueReason::Shutdown).await.unwrap();
    assert_eq!(claim(store).await.exits, EngineExits::default());
}

pub(crate) async fn the_job_whose_turn_it_is_is_claimed_first(store: &dyn Store) {
    assert_eq!(store.waiting().await.unwrap(), Waiting::default());
    let batch = [submit(store, Priority::Batch).await, submit(store, Priority::Batch).await];
    let interactive = submit(store, Priority::Interactive).await;
    assert_eq!(store.waiting().await.unwrap(), Waiting { interactive: true, batch: true });
    let taken = async |turn| claim_next(store, turn).await.unwrap().0.job.id;
    assert_eq!(taken(Priority::Batch).await, batch[0].id);
    assert_eq!(taken(Priority::Interactive).await, interactive.id);
    assert_eq!(store.waiting().await.unwrap(), Waiting { interactive: false, batch: true });
    assert_eq!(taken(Priority::Interactive).await, batch[1].id, "only batch jobs wait");
}

async fn submit_for(store: &dyn Store, owner: &str, priority: Priority, model: Option<&str>) -> JobId {
    let mut new = NewJob { owner: owner.into(), ..new_job(priority) };
    new.options.model = model.map(str::to_owned);
    store.submit(new, NO_LIMIT).await.unwrap().0.id
}

pub(crate) async fn each_model_has_a_line_and_the_first_of_all_is_found(store: &dyn Store) {
    use Priority::{Batch, Interactive};
    let (large, small) = (Some("large".to_owned()), Some("small".to_owned()));
    let all = [None, large.clone(), small.clone()];
    let head = async |turn, models: &[Option<String>]| {
        store.head(turn, models).await.unwrap().map(|head| (head.priority, head.model))
    };
    let taken = async |priority, model| {
        store.claim(priority, model).await.unwrap().map(|(claim, _)| (claim.job.id, claim.fence))
    };
    assert_eq!(head(Interactive, &all).await, None);
    let first = submit_for(store, "", Batch, large.as_deref()).await;
    let second = submit_for(store, "", Batch, None).await;
    let third = submit_for(store, "", Batch, large.as_deref()).await;
    assert_eq!(store.job(first).await.unwrap().unwrap().options.model, large);
    let mut waited_for = store.models_waited_for().await.unwrap();
    waited_for.sort();
    assert_eq!(waited_for, [None, large.clone()]);
    assert_eq!(head(Interactive, &all).await, Some((Batch, large.clone())));
    assert_eq!(head(Interactive, &[None, small.clone()]).await, Some((Batch, None)));
    assert_eq!(head(Interactive, std::slice::from_ref(&small)).await, None);
    assert_eq!(head(Interactive, &[]).await, None);
    let urgent = submit_for(store, "", Interactive, small.as_deref()).await;
    assert_eq!(head(Interactive, &all).await, Some((Interactive, small.clone())));
    assert_eq!(head(Batch, &all).await, Some((Batch, large.clone())));

    assert_eq!(taken(Interactive, None).await, None, "another priority is another line");
    assert_eq!(taken(Batch, None).await.map(|(id, _)| id), Some(second));
    let (id, fence) = taken(Batch, Some("large")).await.unwrap();
    assert_eq!(id, first);
    assert_eq!(taken(Batch, Some("small")).await, None);
    assert_eq!(taken(Interactive, Some("small")).await.map(|(id, _)| id), Some(urgent));
    store.requeue(fence, RequeueReason::Preempted).await.unwrap();
    assert_eq!(taken(Batch, Some("large")).await.map(|(id, _)| id), Some(first), "it keeps its place");
    assert_eq!(taken(Batch, Some("large")).await.map(|(id, _)| id), Some(third));
    assert_eq!(store.models_waited_for().await.unwrap(), []);
}

pub(crate) async fn owners_take_turns_in_the_line_of_a_model_too(store: &dyn Store) {
    let from = async |owner, model| submit_for(store, owner, Priority::Batch, model).await;
    let (large, all) = (Some("large"), [None, Some("large".to_owned())]);
    let a = [from("a", None).await, from("a", large).await, from("a", large).await];
    let b = [from("b", large).await, from("b", None).await];
    let taken = async |model| store.claim(Priority::Batch, model).await.unwrap().unwrap().0.job.id;
    assert_eq!(taken(large).await, a[1], "no owner was served yet: the oldest");
    let head = store.head(Priority::Batch, &all).await.unwrap().unwrap();
    assert_eq!(head.model.as_deref(), large, "it is the turn of b, whose oldest job is for it");
    assert_eq!(taken(large).await, b[0]);
    assert_eq!(taken(None).await, a[0], "and then of a again");
    assert_eq!([taken(None).await, taken(large).await], [b[1], a[2]]);
}

pub(crate) async fn owners_take_turns(store: &dyn Store) {
    let from = async |owner: &str| {
        let job = NewJob { owner: owner.into(), ..new_job(Priority::Batch) };
        store.submit(job, NO_LIMIT).await.unwrap().0.id
    };
    let a = [from("a").await, from("a").await, from("a").await];
    let b = [from("b").await, from("b").await];
    let c = from("c").await;
    let expected = [a[0], b[0], c, a[1], b[1], a[2]];
    for (place, id) in (1..).zip(expected) {
        assert_eq!(store.place(id).await.unwrap().map(|p| p.position), Some(place));
    }
    let first = claim(store).await;
    assert_eq!(first.job.id, a[0]);
    store.requeue(first.fence, RequeueReason::Preempted).await.unwrap();
    assert_eq!(claim(store).await.job.id, a[0], "a turn is not over before the job is");
    for id in &expected[1..] {
        assert_eq!(claim(store).await.job.id, *id);
    }
    let (again, other) = (from("a").await, from("c").await);
    assert_eq!([claim(store).await.job.id, claim(store).await.job.id], [other, again], "a was served last");
}

pub(crate) async fn a_job_can_be_cancelled_in_the_queue(store: &dyn Store) {
    let submitted = submit(store, Priority::Batch).await;
    let Cancelled::Now { job: cancelled, events } = store.cancel(submitted.id).await.unwrap() else {
        panic!("it was queued");
    };
    assert_eq!((cancelled.status, cancelled.started_at), (Status::Cancelled, None));
    assert!(cancelled.finished_at.is_some() && events.last().is_some_and(Recorded::is_last));
    assert_eq!(job(store, submitted.id).await, *cancelled);
    assert!(claim_next(store, Priority::Interactive).await.is_none());
    assert_eq!(kinds(store, submitted.id).await, ["queued", "cancelled"]);
    assert!(matches!(store.cancel(JobId::new()).await.unwrap(), Cancelled::NotFound));
}

pub(crate) async fn a_cancelled_worker_has_no_lease(store: &dyn Store) {
    let (claim, plan) = running(store, 2).await;
    store.checkpoint(claim.fence, checkpoint(0, &plan, 0..2)).await.unwrap();
    assert!(matches!(store.cancel(claim.job.id).await.unwrap(), Cancelled::Now { .. }));
    assert!(is_lost(&store.checkpoint(claim.fence, checkpoint(1, &plan, 2..3)).await));
    assert!(is_lost(&store.end(claim.fence, Ending::Completed).await));
    assert_eq!(store.segments(claim.job.id).await.unwrap().len(), 2, "the segments stay readable");
    assert_eq!(kinds(store, claim.job.id).await, ["queued", "started", "segment", "segment", "cancelled"]);
}

pub(crate) async fn cancelling_an_ended_job_removes_every_trace(store: &dyn Store) {
    let (claim, plan) = running(store, 1).await;
    let other = submit(store, Priority::Batch).await;
    store.checkpoint(claim.fence, checkpoint(0, &plan, 0..3)).await.unwrap();
    store.end(claim.fence, Ending::Completed).await.unwrap();
    let Cancelled::Removed { blob } = store.cancel(claim.job.id).await.unwrap() else {
        panic!("it had ended");
    };
    assert_eq!(blob, claim.job.audio.blob);
    assert_eq!(store.job(claim.job.id).await.unwrap(), None);
    assert_eq!(store.segments(claim.job.id).await.unwrap(), []);
    assert_eq!(log(store, claim.job.id).await, []);
    assert!(matches!(store.cancel(claim.job.id).await.unwrap(), Cancelled::NotFound));
    assert_eq!(job(store, other.id).await, other);
}

async fn ids(store: &dyn Store, query: JobQuery) -> Vec<JobId> {
    store.jobs(query).await.unwrap().into_iter().map(|job| job.id).collect()
}

pub(crate) async fn lists_are_of_several_states_and_of_a_model(store: &dyn Store) {
    let of_model = async |model: Option<&str>| {
        let options = Options { model: model.map(str::to_owned), ..Options::default() };
        store.submit(NewJob { options, ..new_job(Priority::Batch) }, NO_LIMIT).await.unwrap().0.id
    };
    let (a, b) = (of_model(Some("large")).await, of_model(None).await);
    let (c, d) = (of_model(Some("large")).await, of_model(Some("small")).await);
    store.cancel(b).await.unwrap();
    store.cancel(c).await.unwrap();
    let large = || Some("large".to_owned());
    let (queued, cancelled, failed) = (Status::Queued, Status::Cancelled, Status::Failed);
    let table = [
        (vec![], vec![], 10, vec![d, c, b, a]),
        (vec![queued, cancelled, failed], vec![], 10, vec![d, c, b, a]),
        (vec![queued, cancelled], vec![], 3, vec![d, c, b]),
        (vec![cancelled, failed], vec![], 10, vec![c, b]),
        (vec![], vec![large()], 10, vec![c, a]),
        (vec![], vec![None, large()], 2, vec![c, b]),
        (vec![queued], vec![large(), None], 10, vec![a]),
        (vec![failed], vec![large()], 10, vec![]),
    ];
    for (statuses, models, limit, expected) in table {
        let query = JobQuery { statuses, models, limit, ..JobQuery::default() };
        assert_eq!(ids(store, query.clone()).await, expected, "{query:?}");
    }
}

fn search(text: &str) -> JobQuery {
    JobQuery { words: SearchWords::new(text).unwrap(), limit: 10, ..JobQuery::default() }
}

pub(crate) async fn jobs_are_found_by_all_that_is_known_of_them(store: &dyn Store) {
    let metadata = Some(r#"{"case":"Blue Folder 4711"}"#.to_owned());
    let audio = Audio { filename: Some("GR\u{d6}SSE_100%.wav".into()), ..new_job(Priority::Batch).audio };
    let new = NewJob { metadata, audio, ..new_job(Priority::Batch) };
    let id = store.submit(new, NO_LIMIT).await.unwrap().0.id;
    let other = submit(store, Priority::Batch).await.id;
    let (claim, _) = claim_next(store, Priority::Batch).await.unwrap();
    assert_eq!(claim.job.id, id);
    assert_eq!(ids(store, search("\"7\"")).await, [], "nothing was said yet");
    let plan = plan(1);
    store.planned(claim.fence, &plan, progress(0, &plan)).await.unwrap();
    store.checkpoint(claim.fence, checkpoint(0, &plan, 7..9)).await.unwrap();
    store.end(claim.fence, Ending::Completed).await.unwrap();
    let whole = id.to_string();
    for text in [
        "gr\u{f6}sse",
        "100%",
        "folder 4711",
        "4711 BLUE wav",
        "\"7\"",
        "\"8\" GR\u{d6}\u{df}ER",
        &whole,
        &whole[24..],
    ] {
        assert_eq!(ids(store, search(text)).await, [id], "{text}");
    }
    for text in ["green folder", "gr*sse", "100_", "gr?sse", "[g]r", "\"9\"", "folder x4711"] {
        assert_eq!(ids(store, search(text)).await, [], "{text}");
    }
    assert_eq!(ids(store, search("wav")).await, [other, id]);
    assert_eq!(ids(store, search("w")).await, [other, id], "as short as one letter");
    let completed = JobQuery { statuses: vec![Status::Completed], models: vec![None], ..search("wav") };
    assert_eq!(ids(store, completed).await, [id]);

    store.revise(id, 0, "", &edited("Renamed")).await.unwrap();
    assert_eq!(ids(store, search("renamed zo\u{eb}")).await, [id], "as it was last changed");
    assert_eq!(ids(store, search("\"7\"")).await, []);
    store.cancel(id).await.unwrap();
    assert_eq!(ids(store, search("renamed")).await, []);
}

pub(crate) async fn a_search_goes_page_by_page_and_stays_with_its_owner(store: &dyn Store) {
    let mut mine = vec![];
    for n in 0..7 {
        let owner = if n % 3 == 2 { "other" } else { "" };
        let new = NewJob { owner: owner.into(), ..new_job(Priority::Batch) };
        let id = store.submit(new, NO_LIMIT).await.unwrap().0.id;
        if owner.is_empty() {
            mine.insert(0, id);
        }
    }
    let mut found: Vec<JobId> = vec![];
    loop {
        let page = ids(store, JobQuery { limit: 2, before: found.last().copied(), ..search(".wav") }).await;
        if page.is_empty() {
            break;
        }
        found.extend(&page);
        if found.len() == 4 {
            // A cursor whose row was removed is still a place.
            store.cancel(found[3]).await.unwrap();
            store.cancel(found[3]).await.unwrap();
        }
    }
    assert_eq!(found, mine);
}

pub(crate) async fn a_retry_says_of_which_job_it_is_one(store: &dyn Store) {
    let first = submit(store, Priority::Batch).await;
    let new = NewJob { retry_of: Some(first.id), ..new_job(Priority::Batch) };
    let id = store.submit(new, NO_LIMIT).await.unwrap().0.id;
    assert_eq!((first.retry_of, job(store, id).await.retry_of), (None, Some(first.id)));
}

pub(crate) async fn peaks_are_kept_as_long_as_their_job(store: &dyn Store) {
    let id = submit(store, Priority::Batch).await.id;
    assert_eq!(store.peaks(id).await.unwrap(), None);
    let first = Peaks { samples: 16, stretch: 16, levels: vec![65_535] };
    let second = Peaks { samples: 32, stretch: 16, levels: vec![0, 7] };
    for peaks in [&first, &second] {
        store.keep_peaks(id, peaks).await.unwrap();
        assert_eq!(store.peaks(id).await.unwrap().as_ref(), Some(peaks));
    }
    store.cancel(id).await.unwrap();
    assert!(matches!(store.cancel(id).await.unwrap(), Cancelled::Removed { .. }));
    store.keep_peaks(id, &first).await.unwrap();
    assert_eq!(store.peaks(id).await.unwrap(), None);
}

pub(crate) fn edited(text: &str) -> Vec<EditedSegment> {
    let words = Some(vec![Word { word: "a".into(), start: 0.1, end: 0.3, probability: 0.25 }]);
    let (speaker, flags) = (Some("Zo\u{eb}".to_owned()), vec![Flag::LowConfidence]);
    let first = EditedSegment {
        start: 0.5,
        end: 1.0 / 3.0,
        text: text.into(),
        speaker,
        words,
        flags,
        channel: Some(1),
    };
    let second = EditedSegment { speaker: None, words: None, flags: vec![], channel: None, ..first.clone() };
    vec![first, second]
}

pub(crate) async fn revisions_follow_each_other_and_leave_the_original(store: &dyn Store) {
    let (claim, plan) = running(store, 1).await;
    store.checkpoint(claim.fence, checkpoint(0, &plan, 0..3)).await.unwrap();
    store.end(claim.fence, Ending::Completed).await.unwrap();
    let (id, original) = (claim.job.id, store.segments(claim.job.id).await.unwrap());
    assert_eq!(job(store, id).await.revision, 0);
    let Revised::Kept(first) = store.revise(id, 0, "alice", &edited("one")).await.unwrap() else { panic!() };
    assert_eq!((first.number, first.owner.as_str(), first.segments), (1, "alice", 2));
    for base in [0, 2] {
        let late = store.revise(id, base, "bob", &edited("late")).await.unwrap();
        assert_eq!(late, Revised::Outdated { latest: 1 });
    }
    let Revised::Kept(second) = store.revise(id, 1, "", &[]).await.unwrap() else { panic!() };
    assert_eq!(job(store, id).await.revision, 2);
    assert_eq!(store.revisions(id).await.unwrap(), [second, first]);
    assert_eq!(store.revision(id, 1).await.unwrap(), Some(edited("one")));
    assert_eq!(store.revision(id, 2).await.unwrap(), Some(vec![]));
    for other in [0, 3] {
        assert_eq!(store.revision(id, other).await.unwrap(), None);
    }
    assert_eq!(store.segments(id).await.unwrap(), original);
}

pub(crate) async fn revisions_go_with_their_job(store: &dyn Store) {
    let id = submit(store, Priority::Batch).await.id;
    store.cancel(id).await.unwrap();
    store.revise(id, 0, "", &edited("one")).await.unwrap();
    assert!(matches!(store.cancel(id).await.unwrap(), Cancelled::Removed { .. }));
    assert_eq!(store.revise(id, 1, "", &edited("two")).await.unwrap(), Revised::NoJob);
    assert_eq!((store.revision(id, 1).await.unwrap(), store.revisions(id).await.unwrap()), (None, vec![]));
}

pub(crate) async fn only_what_ended_long_ago_is_removed(store: &dyn Store) {
    let (first, _) = running(store, 1).await;
    store.end(first.fence, Ending::Completed).await.unwrap();
    let waiting = submit(store, Priority::Batch).await;
    assert_eq!(store.remove_ended(Duration::from_secs(3600), 10).await.unwrap(), []);
    // Nothing ends in the very millisecond in which it is looked for.
    while store.remove_ended(Duration::ZERO, 10).await.unwrap().is_empty() {}
    assert!(store.job(first.job.id).await.unwrap().is_none());
    assert_eq!(store.events_after(Stream::Job(first.job.id), 0, 10).await.unwrap(), []);
    assert_eq!(store.segments(first.job.id).await.unwrap(), []);
    assert_eq!(job(store, waiting.id).await.status, Status::Queued);
}

pub(crate) async fn recovery_requeues_what_was_running(store: &dyn Store) {
    let (interrupted, plan) = running(store, 2).await;
    store.checkpoint(interrupted.fence, checkpoint(0, &plan, 0..1)).await.unwrap();
    let waiting = submit(store, Priority::Batch).await;
    let events = store.recover().await.unwrap();
    let requeued = JobEvent::Requeued { reason: RequeueReason::Restart };
    let expected = [Event::Job(interrupted.job.id, requeued)];
    assert!(events.iter().map(|recorded| &recorded.event).eq(&expected), "{events:?}");
    assert!(is_lost(&store.end(interrupted.fence, Ending::Completed).await));
    assert_eq!(job(store, waiting.id).await, waiting);
    let again = claim(store).await;
    assert_eq!((again.job.id, again.chunks_done, again.plan), (interrupted.job.id, 1, Some(plan)));
    store.end(again.fence, Ending::Completed).await.unwrap();
    assert_eq!(store.recover().await.unwrap(), []);
}

pub(crate) async fn an_older_claim_writes_nothing(store: &dyn Store) {
    let (old, plan) = running(store, 2).await;
    store.requeue(old.fence, RequeueReason::Shutdown).await.unwrap();
    assert!(is_lost(&store.checkpoint(old.fence, checkpoint(0, &plan, 0..1)).await), "it is queued");
    let new = claim(store).await;
    assert!(is_lost(&store.checkpoint(old.fence, checkpoint(0, &plan, 0..1)).await), "another one has it");
    assert!(is_lost(&store.planned(old.fence, &self::plan(9), progress(0, &plan)).await));
    assert!(is_lost(&store.requeue(old.fence, RequeueReason::Shutdown).await));
    assert!(is_lost(&store.end(old.fence, Ending::Completed).await));
    assert!(is_lost(&store.note(old.fence, JobEvent::Queued).await));
    assert_eq!(job(store, new.job.id).await, new.job);
    store.checkpoint(new.fence, checkpoint(0, &plan, 0..1)).await.unwrap();
}

pub(crate) async fn places_in_the_queue_count_from_one(store: &dyn Store) {
    let (claimed, plan) = running(store, 2).await;
    store.requeue(claimed.fence, RequeueReason::Shutdown).await.unwrap();
    let unknown = submit(store, Priority::Batch).await;
    let last = submit(store, Priority::Batch).await;
    let interactive = submit(store, Priority::Interactive).await;
    let mut places = vec![];
    for id in [interactive.id, claimed.job.id, unknown.id, last.id] {
        let place = store.place(id).await.unwrap().unwrap();
        places.push((place.position, place.audio_secs_ahead));
    }
    let known = plan.duration_secs();
    assert_eq!(places, [(1, 0.0), (2, 0.0), (3, known), (4, known)]);

    let running = claim(store).await;
    assert_eq!(running.job.id, interactive.id);
    assert_eq!(store.place(running.job.id).await.unwrap(), None);
    assert_eq!(store.place(JobId::new()).await.unwrap(), None);
    assert_eq!(store.place(last.id).await.unwrap().unwrap().position, 3, "running jobs are not counted");
}

pub(crate) async fn jobs_are_listed_newest_first_and_page_by_page(store: &dyn Store) {
    let mut expected = vec![];
    for _ in 0..5 {
        expected.insert(0, submit(store, Priority::Batch).await.id);
    }
    let mut listed = vec![];
    let mut query = JobQuery { limit: 2, ..JobQuery::default() };
    loop {
        let page = store.jobs(query.clone()).await.unwrap();
        let Some(last) = page.last() else { break };
        query.before = Some(last.id);
        listed.extend(page.iter().map(|job| job.id));
    }
    assert_eq!(listed, expected);

    let running = claim(store).await.job.id;
    let of = |status| JobQuery { statuses: vec![status], limit: 10, ..JobQuery::default() };
    let ids = |jobs: Vec<Job>| jobs.iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!(ids(store.jobs(of(Status::Running)).await.unwrap()), [running]);
    assert_eq!(ids(store.jobs(of(Status::Queued)).await.unwrap()), expected[..4]);
    assert_eq!(ids(store.jobs(of(Status::Failed)).await.unwrap()), []);
}

pub(crate) async fn everyone_lists_their_own_jobs(store: &dyn Store) {
    let of = |owner: &str| NewJob { owner: owner.into(), ..new_job(Priority::Batch) };
    let (mine, _) = store.submit(of("mine"), NO_LIMIT).await.unwrap();
    store.submit(of("yours"), NO_LIMIT).await.unwrap();
    for status in [None, Some(Status::Queued)] {
        let statuses = status.into_iter().collect();
        let query = JobQuery { owner: "mine".into(), statuses, limit: 10, ..JobQuery::default() };
        assert_eq!(store.jobs(query).await.unwrap(), std::slice::from_ref(&mine));
    }
    assert_eq!(store.jobs(JobQuery { limit: 10, ..JobQuery::default() }).await.unwrap(), []);
}

pub(crate) async fn a_request_sent_twice_under_one_key_is_one_job(store: &dyn Store) {
    let sent = |owner: &str, fingerprint: &str| NewJob {
        owner: owner.into(),
        once: Some(Idempotency { key: "k".into(), fingerprint: fingerprint.into(), life: KeyLife::Day }),
        ..new_job(Priority::Batch)
    };
    assert_eq!(store.sent_under("me", "k").await.unwrap(), None);
    let (job, events) = store.submit(sent("me", "same"), NO_LIMIT).await.unwrap();
    assert_eq!(events.len(), 1);
    let earlier = Earlier { id: job.id, fingerprint: "same".into() };
    assert_eq!(store.sent_under("me", "k").await.unwrap(), Some(earlier));
    assert_eq!(store.sent_under("you", "k").await.unwrap(), None);
    // A full queue is not a reason to refuse what is in it.
    let (again, events) = store.submit(sent("me", "same"), at_most(1)).await.unwrap();
    assert_eq!((again, events.len()), (job.clone(), 0));
    let other = store.submit(sent("me", "other"), NO_LIMIT).await;
    assert!(matches!(other, Err(SubmitError::KeyReused)), "{other:?}");
    let (yours, _) = store.submit(sent("you", "other"), NO_LIMIT).await.unwrap();
    assert_ne!(yours.id, job.id, "keys are their owners' own");
    assert_eq!(store.counts().await.unwrap().queued, 2);
    store.cancel(job.id).await.unwrap();
    let (cancelled, _) = store.submit(sent("me", "same"), NO_LIMIT).await.unwrap();
    assert_eq!((cancelled.id, cancelled.status), (job.id, Status::Cancelled), "as it stands by now");
}

pub(crate) async fn a_call_sent_again_is_the_same_job_until_its_result_is_old(store: &dyn Store) {
    let send = async |completed_after| {
        let life = KeyLife::Result { completed_after: Timestamp(completed_after) };
        let once = Some(Idempotency { key: "k".into(), fingerprint: "f".into(), life });
        store.submit(NewJob { once, ..new_job(Priority::Batch) }, NO_LIMIT).await.unwrap().0
    };
    let first = send(i64::MAX).await;
    assert_eq!(send(i64::MAX).await.id, first.id, "it is queued");
    let claim = claim(store).await;
    assert_eq!(send(i64::MAX).await.id, first.id, "it runs");
    let plan = plan(0);
    store.planned(claim.fence, &plan, progress(0, &plan)).await.unwrap();
    store.end(claim.fence, Ending::Completed).await.unwrap();
    let end = job(store, first.id).await.finished_at.unwrap().0;
    assert_eq!(send(end - 1).await.status, Status::Completed);
    let second = send(end).await;
    assert_ne!(second.id, first.id, "its result is old");
    store.cancel(second.id).await.unwrap();
    let third = send(0).await;
    assert_eq!(third.status, Status::Queued, "a cancelled job is not reused");
    assert_eq!(send(0).await.id, third.id);
}

pub(crate) async fn a_job_like_an_earlier_one_is_given_its_result(store: &dyn Store) {
    let (earlier, plan) = running(store, 1).await;
    store.checkpoint(earlier.fence, checkpoint(0, &plan, 0..2)).await.unwrap();
    store.end(earlier.fence, Ending::Completed).await.unwrap();
    let terms = |made_with: &str| Terms { reuse: Some(made_with.into()), ..NO_LIMIT };
    let (job, events) = store.submit(new_job(Priority::Interactive), terms(&plan.made_with)).await.unwrap();
    let expected = Job {
        id: job.id,
        audio: Audio { blob: job.audio.blob.clone(), ..self::job(store, earlier.job.id).await.audio },
        options: job.options.clone(),
        created_at: job.created_at,
        started_at: None,
        finished_at: Some(job.created_at),
        attempts: 0,
        reused_from: Some(earlier.job.id),
        ..self::job(store, earlier.job.id).await
    };
    assert_eq!((&job, job.options.priority), (&expected, Priority::Interactive));
    assert_eq!(log(store, job.id).await, events);
    assert_eq!(kinds(store, job.id).await, ["queued", "segment", "segment", "completed"]);
    store.cancel(earlier.job.id).await.unwrap();
    assert_eq!(store.segments(job.id).await.unwrap(), [segment(0), segment(1)], "they are its own");

    let mut others = [new_job(Priority::Batch), new_job(Priority::Batch), new_job(Priority::Batch)];
    others[0].owner = "another".into();
    others[1].audio.sha256 = "another".into();
    others[2].options.task = Task::Translate;
    for other in others {
        let (other, _) = store.submit(other, terms(&plan.made_with)).await.unwrap();
        assert_eq!(other.status, Status::Queued, "{other:?}");
    }
    let (other, _) = store.submit(new_job(Priority::Batch), terms("another")).await.unwrap();
    assert_eq!(other.status, Status::Queued);
}

pub(crate) async fn a_list_goes_on_after_its_cursor_was_removed(store: &dyn Store) {
    let oldest = submit(store, Priority::Batch).await.id;
    let cursor = submit(store, Priority::Batch).await.id;
    submit(store, Priority::Batch).await;
    store.cancel(cursor).await.unwrap();
    store.cancel(cursor).await.unwrap();
    let page = store.jobs(JobQuery { before: Some(cursor), limit: 10, ..JobQuery::default() }).await.unwrap();
    assert_eq!(page.iter().map(|job| job.id).collect::<Vec<_>>(), [oldest]);
}

pub(crate) async fn events_are_read_in_pieces_without_gap_or_repetition(store: &dyn Store) {
    let (claim, plan) = running(store, 1).await;
    store.checkpoint(claim.fence, checkpoint(0, &plan, 0..7)).await.unwrap();
    store.end(claim.fence, Ending::Completed).await.unwrap();
    let stream = Stream::Job(claim.job.id);
    let (mut seen, mut after) = (vec![], 0);
    loop {
        let piece = store.events_after(stream, after, 4).await.unwrap();
        assert!(piece.len() <= 4);
        let Some(last) = piece.last() else { break };
        after = last.seq;
        seen.extend(piece);
    }
    assert_eq!(seen, log(store, claim.job.id).await);
    assert_eq!(store.last_seq(stream).await.unwrap(), seen.len() as u64);
    assert_eq!(store.events_after(stream, u64::MAX, 4).await.unwrap(), []);
}

pub(crate) async fn events_of_the_model_have_a_numbering_of_their_own(store: &dyn Store) {
    submit(store, Priority::Batch).await;
    assert_eq!(store.last_seq(Stream::Model).await.unwrap(), 0);
    let events = [
        ModelEvent::ModelLoading,
        ModelEvent::ModelReady { load_secs: 1.0 / 3.0 },
        ModelEvent::ModelUnloaded { reason: UnloadReason::Idle },
    ]
    .map(|event| OfModel { model: "base.en".into(), worker: None, event });
    let mut recorded = vec![];
    for event in &events {
        recorded.push(store.append_model_event(event.clone()).await.unwrap());
    }
    assert_eq!(recorded.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(store.events_after(Stream::Model, 1, 10).await.unwrap(), recorded[1..]);
    assert_eq!(store.last_seq(Stream::Model).await.unwrap(), 3);
}

pub(crate) async fn numbers_without_a_name_in_json_become_zero(store: &dyn Store) {
    let (claim, plan) = running(store, 1).await;
    let mut odd = checkpoint(0, &plan, 0..1);
    odd.segments[0].decoding.avg_logprob = f32::NEG_INFINITY;
    odd.segments[0].words.iter_mut().flatten().for_each(|word| word.probability = f32::NAN);
    store.checkpoint(claim.fence, odd).await.unwrap();
    let read = store.segments(claim.job.id).await.unwrap();
    assert_eq!(read[0].decoding.avg_logprob, 0.0);
    assert_eq!(read[0].words.as_ref().unwrap()[0].probability, 0.0);
}

pub(crate) async fn a_subscriber_is_kept_once_for_each_url(store: &dyn Store) {
    let first = store.subscribe("", "https://a.example/", None).await.unwrap();
    let second = store.subscribe("", "https://b.example/", None).await.unwrap();
    assert_eq!(store.subscribe("", "https://a.example/", None).await.unwrap(), first);
    assert_eq!(store.subscribers().await.unwrap(), [first.clone(), second.clone()]);
    assert!(store.unsubscribe(first.id).await.unwrap());
    assert!(!store.unsubscribe(first.id).await.unwrap());
    assert_eq!(store.subscribers().await.unwrap(), [second]);
}

pub(crate) async fn a_subscriber_stays_until_its_last_owner_takes_it_back(store: &dyn Store) {
    let url = "https://a.example/";
    let owned = |owner: &str| NewJob {
        owner: owner.into(),
        webhook_url: Some(url.into()),
        ..new_job(Priority::Batch)
    };
    for owner in ["bob", "alice", "bob"] {
        store.submit(owned(owner), NO_LIMIT).await.unwrap();
    }
    let theirs = store.subscribers().await.unwrap().remove(0);
    assert_eq!(theirs.owners, ["alice", "bob"]);
    assert!(!store.disown(theirs.id, "carol").await.unwrap(), "it is not hers");
    assert!(store.disown(theirs.id, "alice").await.unwrap());
    assert!(!store.disown(theirs.id, "alice").await.unwrap());
    assert_eq!(store.subscriber(theirs.id).await.unwrap().unwrap().owners, ["bob"]);
    assert!(store.disown(theirs.id, "bob").await.unwrap());
    assert_eq!(store.subscribers().await.unwrap(), []);
}
