//! What every engine of the store must do for webhooks, tested through the ports alone: by
//! SQLite, by PostgreSQL and by the store in memory that the actors are tested with.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use actors::domain::event::{ModelEvent, OfModel, RequeueReason, UnloadReason};
use actors::domain::jobs::job::{Job, JobError, NewJob, Status};
use actors::domain::jobs::options::Priority;
use actors::domain::jobs::origin::{Api, Origin};
use actors::domain::time::Timestamp;
use actors::domain::webhook::retry::Failures;
use actors::domain::webhook::{MessageId, Secret, SigningKey};
use actors::ports::{
    Attempt, Backlog, Between, DeliveryQuery, Ending, KEPT, OLD_SECRET_VALID, Outgoing, Sent, SentState,
    Store, SubmitError, Subscriber, SubscriberState, TRIES_KEPT, Verdict,
};
use actors::testing::MemoryStore;
use tempfile::TempDir;
use uuid::Uuid;

use super::conformance::{NO_LIMIT, at_most, claim_next, new_job};
use crate::store::{Clock, SqlStore};

/// A fresh store, and a way to let time pass for it.
struct Bench {
    store: Arc<dyn Store>,
    pass: Box<dyn Fn(Duration)>,
    _dir: Option<TempDir>,
}

/// A clock, and a way to let time pass by it.
fn clock() -> (Clock, Box<dyn Fn(Duration)>) {
    let now = Arc::new(AtomicI64::new(1_700_000_000_000));
    let read = now.clone();
    let pass = move |time: Duration| {
        now.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    };
    (Arc::new(move || Timestamp(read.load(Ordering::SeqCst))), Box::new(pass))
}

async fn sqlite() -> Option<Bench> {
    let dir = tempfile::tempdir().unwrap();
    let (clock, pass) = clock();
    let store = SqlStore::open_with(dir.path(), clock).await.unwrap();
    Some(Bench { store: Arc::new(store), pass, _dir: Some(dir) })
}

async fn postgres() -> Option<Bench> {
    let (clock, pass) = clock();
    let (store, dir) = super::postgres::open_with(clock).await?;
    Some(Bench { store: Arc::new(store), pass, _dir: Some(dir) })
}

async fn memory() -> Option<Bench> {
    let store = Arc::new(MemoryStore::default());
    let clock = store.clone();
    Some(Bench { store, pass: Box::new(move |time| clock.let_pass(time)), _dir: None })
}

macro_rules! promises {
    ($($promise:ident)*) => {
        promises!(@ by_sqlite sqlite $($promise)*);
        promises!(@ by_postgres postgres $($promise)*);
        promises!(@ by_memory memory $($promise)*);
    };
    (@ $by:ident $store:ident $($promise:ident)*) => {
        mod $by {
            $(#[tokio::test]
            async fn $promise() {
                let Some(bench) = super::$store().await else { return };
                super::$promise(&bench).await;
            })*
        }
    };
}

promises!(
    the_end_of_a_job_and_its_message_are_one_change
    a_job_s_url_becomes_a_subscriber_with_the_job_or_not_at_all
    every_active_subscriber_gets_the_models_messages
    messages_are_due_host_by_host_the_longest_due_first
    a_message_that_failed_is_due_again_after_its_pause
    a_delivered_message_is_not_due_and_its_subscriber_is_well
    a_subscriber_that_is_off_gets_no_messages_until_it_is_on
    a_removed_receiver_leaves_nothing
    a_removed_subscriber_gets_messages_of_its_own_jobs_only
    after_a_change_of_the_secret_both_sign_for_a_day
    deliveries_are_listed_newest_first_with_their_last_tries
    a_message_can_be_delivered_again
    messages_of_a_span_of_time_can_be_delivered_again
    old_messages_are_forgotten_unless_they_are_pending
    an_unknown_subscriber_has_no_messages
    the_backlog_is_what_is_pending_and_how_old_it_is
    a_job_s_message_has_the_trace_of_its_request
);

const URL: &str = "https://a.example/hook";
const SECOND: Duration = Duration::from_secs(1);
const OK: Attempt = Attempt { status: Some(204), took: Duration::from_millis(7), error: None };

fn refused() -> Attempt {
    Attempt { status: Some(500), took: SECOND, error: Some("answered with status 500".into()) }
}

fn again(pause: Duration) -> Verdict {
    Verdict::Again { failures: Failures { scheduled: 1, asked: 2 }, pause }
}

impl Bench {
    async fn subscribe(&self, url: &str) -> Subscriber {
        self.store.subscribe("", url, None).await.unwrap()
    }

    async fn subscriber(&self, id: Uuid) -> Subscriber {
        self.store.subscriber(id).await.unwrap().expect("it is there")
    }

    async fn record_event(&self, event: ModelEvent) {
        self.store
            .append_model_event(OfModel { model: "base.en".into(), worker: None, event })
            .await
            .unwrap();
    }

    async fn ready(&self) {
        self.record_event(ModelEvent::ModelReady { load_secs: 1.5 }).await;
    }

    /// A test message; each is made a second after the other.
    async fn test(&self, subscriber: Uuid) -> Sent {
        (self.pass)(SECOND);
        self.store.send_test(subscriber).await.unwrap().expect("the subscriber is there")
    }

    async fn submit(&self, webhook_url: Option<&str>) -> Job {
        let webhook_url = webhook_url.map(str::to_owned);
        let new = NewJob { webhook_url, ..new_job(Priority::Batch) };
        self.store.submit(new, NO_LIMIT).await.unwrap().0
    }

    async fn due(&self) -> Vec<Outgoing> {
        let mut due = vec![];
        for (host, _) in self.store.hosts().await.unwrap() {
            due.extend(self.store.due(&host, 100).await.unwrap());
        }
        due
    }

    async fn due_kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = self.due().await.iter().map(|o| json(o)["type"].to_string()).collect();
        kinds.sort();
        kinds
    }

    async fn record(&self, id: MessageId, attempt: Attempt, verdict: Verdict) {
        self.store.record(id, attempt, verdict).await.unwrap();
    }

    async fn deliveries(&self, subscriber: Uuid) -> Vec<Sent> {
        self.store.deliveries(DeliveryQuery { subscriber, before: None, limit: 100 }).await.unwrap()
    }
}

fn json(message: &Outgoing) -> serde_json::Value {
    serde_json::from_str(&message.body).unwrap()
}

async fn the_end_of_a_job_and_its_message_are_one_change(bench: &Bench) {
    let store = &bench.store;
    for (ending, status) in [
        (Ending::Completed, Status::Completed),
        (Ending::Failed(JobError { code: "x".into(), message: "y".into() }), Status::Failed),
    ] {
        bench.submit(None).await;
        let job = bench.submit(Some(URL)).await;
        let (without, _) = claim_next(store.as_ref(), Priority::Interactive).await.unwrap();
        store.end(without.fence, ending.clone()).await.unwrap();
        let (claim, _) = claim_next(store.as_ref(), Priority::Interactive).await.unwrap();
        store.requeue(claim.fence, RequeueReason::Shutdown).await.unwrap();
        assert_eq!(bench.due().await, [], "nothing has ended");
        let (claim, _) = claim_next(store.as_ref(), Priority::Interactive).await.unwrap();
        let ended = store.end(claim.fence, ending).await.unwrap();
        let due = bench.due().await;
        let body = json(&due[0]);
        assert_eq!((due.len(), due[0].url.as_str()), (1, URL));
        assert_eq!(body["type"], format!("job_{status}"));
        assert_eq!(body["data"]["job_id"], job.id.to_string());
        assert_eq!(body["data"]["status"], status.name());
        assert_eq!(body["data"]["links"]["transcript"], format!("/jobs/{}/transcript", job.id));
        assert_eq!(body["data"].as_object().unwrap().len(), 3, "and no transcript");
        let at: jiff::Timestamp = body["timestamp"].as_str().unwrap().parse().unwrap();
        assert!((at.as_millisecond() - ended[0].at.0).abs() < 1000, "{body}");
        bench.record(due[0].id, OK, Verdict::Delivered).await;
    }
    let waiting = bench.submit(Some(URL)).await;
    store.cancel(waiting.id).await.unwrap();
    assert_eq!(bench.due_kinds().await, [r#""job_cancelled""#]);
    store.cancel(waiting.id).await.unwrap();
    assert_eq!(bench.due().await.len(), 1, "its removal sends nothing");
}

async fn the_backlog_is_what_is_pending_and_how_old_it_is(bench: &Bench) {
    let store = bench.store.as_ref();
    assert_eq!(store.backlog().await.unwrap(), Backlog::default());
    let subscriber = bench.subscribe(URL).await.id;
    let first = bench.test(subscriber).await;
    let second = bench.test(subscriber).await;
    (bench.pass)(SECOND);
    let backlog = |messages, oldest| Backlog { messages, oldest };
    assert_eq!(store.backlog().await.unwrap(), backlog(2, 2 * SECOND));
    store.record(first.id, OK, Verdict::Delivered).await.unwrap();
    assert_eq!(store.backlog().await.unwrap(), backlog(1, SECOND));
    store.record(second.id, refused(), again(60 * SECOND)).await.unwrap();
    assert_eq!(store.backlog().await.unwrap(), backlog(1, SECOND), "it is tried again");
}

async fn a_job_s_message_has_the_trace_of_its_request(bench: &Bench) {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let origin = Origin { api: Api::Jobs, traceparent: parent.parse().ok() };
    let new = NewJob { origin, webhook_url: Some(URL.into()), ..new_job(Priority::Batch) };
    let (job, _) = bench.store.submit(new, NO_LIMIT).await.unwrap();
    bench.ready().await;
    bench.store.cancel(job.id).await.unwrap();
    let traces: Vec<_> = bench.due().await.into_iter().map(|message| message.traceparent).collect();
    assert_eq!(traces.iter().flatten().map(|trace| trace.as_str()).collect::<Vec<_>>(), [parent]);
    assert_eq!(traces.len(), 2, "the model's message has none");
}

async fn a_job_s_url_becomes_a_subscriber_with_the_job_or_not_at_all(bench: &Bench) {
    let full = NewJob { webhook_url: Some(URL.into()), ..new_job(Priority::Batch) };
    let refused = bench.store.submit(full, at_most(0)).await;
    assert!(matches!(refused, Err(SubmitError::QueueFull { .. })));
    assert_eq!(bench.store.subscribers().await.unwrap(), []);
    bench.submit(Some(URL)).await;
    bench.submit(Some(URL)).await;
    let all = bench.store.subscribers().await.unwrap();
    assert_eq!(all.iter().map(|s| s.url.as_str()).collect::<Vec<_>>(), [URL]);
    assert_eq!((all[0].state, &all[0].signed_with), (SubscriberState::Active, &SigningKey::Service));
}

async fn every_active_subscriber_gets_the_models_messages(bench: &Bench) {
    let (a, b) = (bench.subscribe(URL).await, bench.subscribe("http://b.example:81/").await);
    bench.record_event(ModelEvent::ModelLoading).await;
    assert_eq!(bench.due().await, []);
    bench.ready().await;
    let unloaded = ModelEvent::ModelUnloaded { reason: UnloadReason::Idle };
    bench.record_event(unloaded).await;
    let due = bench.due().await;
    assert_eq!(due.len(), 4);
    for subscriber in [a, b] {
        let of_it: Vec<_> = due.iter().filter(|message| message.url == subscriber.url).map(json).collect();
        assert_eq!(of_it[0]["type"], "model_ready");
        assert_eq!(of_it[0]["data"], serde_json::json!({ "model": "base.en", "load_secs": 1.5 }));
        assert_eq!(of_it[1]["type"], "model_unloaded");
        assert_eq!(of_it[1]["data"], serde_json::json!({ "model": "base.en", "reason": "idle" }));
        let sent = bench.deliveries(subscriber.id).await;
        assert_eq!(
            sent.iter().map(|m| m.kind.as_str()).collect::<Vec<_>>(),
            ["model_unloaded", "model_ready"]
        );
    }
}

async fn messages_are_due_host_by_host_the_longest_due_first(bench: &Bench) {
    let a = bench.subscribe("http://a.example/1").await;
    let a2 = bench.subscribe("http://a.example/2").await;
    let b = bench.subscribe("http://a.example:8080/").await;
    let mut ids = vec![];
    for id in [a.id, b.id, a2.id, a.id] {
        ids.push(bench.test(id).await.id);
    }
    let mut hosts = bench.store.hosts().await.unwrap();
    hosts.sort();
    assert_eq!(hosts, [("a.example".into(), Duration::ZERO), ("a.example:8080".into(), Duration::ZERO)]);
    let due = |host, limit| bench.store.due(host, limit);
    let of = |messages: Vec<Outgoing>| messages.iter().map(|message| message.id).collect::<Vec<_>>();
    assert_eq!(of(due("a.example", 100).await.unwrap()), [ids[0], ids[2], ids[3]]);
    assert_eq!(of(due("a.example", 2).await.unwrap()), [ids[0], ids[2]]);
    assert_eq!(of(due("a.example:8080", 2).await.unwrap()), [ids[1]]);
    assert_eq!(of(due("c.example", 2).await.unwrap()), []);
}

async fn a_message_that_failed_is_due_again_after_its_pause(bench: &Bench) {
    let subscriber = bench.subscribe(URL).await;
    let id = bench.test(subscriber.id).await.id;
    bench.record(id, refused(), again(60 * SECOND)).await;
    assert_eq!(bench.due().await, []);
    let (host, due_in) = bench.store.hosts().await.unwrap().remove(0);
    assert_eq!(host, "a.example");
    assert!(due_in > 50 * SECOND && due_in <= 60 * SECOND, "{due_in:?}");
    let troubled = bench.subscriber(subscriber.id).await;
    assert!(troubled.failing_since.is_some());

    (bench.pass)(61 * SECOND);
    let due = bench.due().await.remove(0);
    assert_eq!((due.id, due.failures), (id, Failures { scheduled: 1, asked: 2 }));
    assert!(due.trying >= 61 * SECOND && due.failing.unwrap() >= 61 * SECOND, "{due:?}");
    bench.record(id, refused(), again(60 * SECOND)).await;
    let since = bench.subscriber(subscriber.id).await.failing_since;
    assert_eq!(since, troubled.failing_since, "the first failure counts");

    bench.record(id, refused(), Verdict::GivenUp).await;
    assert_eq!(bench.store.hosts().await.unwrap(), []);
    let sent = bench.deliveries(subscriber.id).await.remove(0);
    assert_eq!((sent.state, sent.next_try_at, sent.attempts.len()), (SentState::Failed, None, 3));
}

async fn a_delivered_message_is_not_due_and_its_subscriber_is_well(bench: &Bench) {
    let subscriber = bench.subscribe(URL).await;
    let (first, second) = (bench.test(subscriber.id).await.id, bench.test(subscriber.id).await.id);
    bench.record(first, refused(), again(SECOND)).await;
    bench.record(second, OK, Verdict::Delivered).await;
    assert_eq!(bench.subscriber(subscriber.id).await, subscriber);
    (bench.pass)(2 * SECOND);
    let due = bench.due().await;
    assert_eq!((due.len(), due[0].id, due[0].failing), (1, first, None));
}

async fn a_subscriber_that_is_off_gets_no_messages_until_it_is_on(bench: &Bench) {
    let subscriber = bench.subscribe(URL).await;
    let (first, second) = (bench.test(subscriber.id).await.id, bench.test(subscriber.id).await.id);
    let running = bench.submit(Some(URL)).await;
    bench.record(first, refused(), Verdict::SwitchOff).await;
    assert_eq!(bench.subscriber(subscriber.id).await.state, SubscriberState::Off);
    bench.ready().await;
    bench.store.cancel(running.id).await.unwrap();
    assert_eq!(bench.store.hosts().await.unwrap(), [], "neither what was pending nor what is new");
    assert!(bench.deliveries(subscriber.id).await.iter().all(|message| message.state == SentState::Failed));

    // What is asked for by hand goes out, and a success switches it on.
    bench.store.redeliver(subscriber.id, second).await.unwrap().unwrap();
    bench.record(second, OK, Verdict::Delivered).await;
    assert_eq!(bench.subscriber(subscriber.id).await, subscriber);

    bench.record(first, refused(), Verdict::SwitchOff).await;
    assert_eq!(bench.subscribe(URL).await, subscriber, "as does subscribing again");
    bench.record(first, refused(), Verdict::SwitchOff).await;
    bench.submit(Some(URL)).await;
    assert_eq!(bench.subscriber(subscriber.id).await, subscriber, "and a new job");
    bench.ready().await;
    assert_eq!(bench.due_kinds().await, [r#""model_ready""#]);

    // An active one with failures keeps their count.
    bench.record(first, refused(), again(SECOND)).await;
    assert!(bench.subscribe(URL).await.failing_since.is_some());
}

async fn a_removed_receiver_leaves_nothing(bench: &Bench) {
    let (subscriber, other) = (bench.subscribe(URL).await, bench.subscribe("http://b.example/").await);
    let first = bench.test(subscriber.id).await.id;
    bench.test(subscriber.id).await;
    let kept = bench.test(other.id).await.id;
    bench.record(first, refused(), Verdict::Gone).await;
    assert_eq!(bench.store.subscribers().await.unwrap(), [other]);
    assert_eq!(bench.due().await.iter().map(|message| message.id).collect::<Vec<_>>(), [kept]);
    bench.record(first, OK, Verdict::Delivered).await;
    assert_eq!(bench.deliveries(subscriber.id).await, []);
}

async fn a_removed_subscriber_gets_messages_of_its_own_jobs_only(bench: &Bench) {
    let job = bench.submit(Some(URL)).await;
    let subscriber = bench.store.subscribers().await.unwrap().remove(0);
    bench.ready().await;
    assert!(bench.store.unsubscribe(subscriber.id).await.unwrap());
    assert!(!bench.store.unsubscribe(subscriber.id).await.unwrap());
    assert_eq!(bench.due().await, []);
    bench.ready().await;
    bench.store.cancel(job.id).await.unwrap();
    let due = bench.due().await;
    assert_eq!(bench.due_kinds().await, [r#""job_cancelled""#]);
    assert_eq!((&due[0].keys, due[0].failing), (&vec![SigningKey::Service], None));
    bench.record(due[0].id, refused(), Verdict::Gone).await;
    assert_eq!(bench.store.hosts().await.unwrap(), []);
}

async fn after_a_change_of_the_secret_both_sign_for_a_day(bench: &Bench) {
    let own = |text: &str| SigningKey::Own(Secret::new(text));
    let subscriber = bench.subscribe(URL).await;
    bench.test(subscriber.id).await;
    assert_eq!(bench.due().await[0].keys, [SigningKey::Service]);
    let changed = bench.store.change_secret(subscriber.id, Secret::new("one")).await.unwrap().unwrap();
    assert_eq!(changed.signed_with, own("one"));
    assert!(changed.old_secret_until.is_some());
    assert_eq!(bench.due().await[0].keys, [own("one"), SigningKey::Service]);
    let again = bench.store.subscribe("", URL, Some(Secret::new("two"))).await.unwrap();
    assert_eq!((again.id, &again.signed_with), (subscriber.id, &own("two")));
    assert_eq!(bench.due().await[0].keys, [own("two"), own("one")]);
    let new = bench.store.subscribe("", "http://b.example/", Some(Secret::new("three"))).await.unwrap();
    assert_eq!((&new.signed_with, new.old_secret_until), (&own("three"), None));
    (bench.pass)(OLD_SECRET_VALID + SECOND);
    assert_eq!(bench.due().await[0].keys, [own("two")]);
    assert_eq!(bench.store.change_secret(Uuid::now_v7(), Secret::new("x")).await.unwrap(), None);
}

async fn deliveries_are_listed_newest_first_with_their_last_tries(bench: &Bench) {
    let (subscriber, other) = (bench.subscribe(URL).await, bench.subscribe("http://b.example/").await);
    let mut ids = vec![];
    for _ in 0..3 {
        ids.insert(0, bench.test(subscriber.id).await.id);
        bench.test(other.id).await;
    }
    for try_number in 1..=TRIES_KEPT + 3 {
        let status = Some(u16::try_from(try_number).unwrap());
        bench.record(ids[1], Attempt { status, ..refused() }, again(SECOND)).await;
    }
    let mut listed = vec![];
    let mut query = DeliveryQuery { subscriber: subscriber.id, before: None, limit: 2 };
    loop {
        let page = bench.store.deliveries(query).await.unwrap();
        let Some(last) = page.last() else { break };
        query.before = Some(last.id);
        listed.extend(page);
    }
    assert_eq!(listed.iter().map(|message| message.id).collect::<Vec<_>>(), ids);
    let statuses: Vec<_> = listed[1].attempts.iter().map(|(_, attempt)| attempt.status.unwrap()).collect();
    assert_eq!(statuses, (4..=23).collect::<Vec<u16>>());
    let (_, last) = listed[1].attempts.last().unwrap();
    assert_eq!(*last, Attempt { status: Some(23), ..refused() });
    assert_eq!(listed[0].attempts, []);
    assert_eq!((listed[0].state, listed[0].next_try_at), (SentState::Pending, Some(listed[0].created_at)));
}

async fn a_message_can_be_delivered_again(bench: &Bench) {
    let (subscriber, other) = (bench.subscribe(URL).await, bench.subscribe("http://b.example/").await);
    let id = bench.test(subscriber.id).await.id;
    bench.record(id, refused(), again(3600 * SECOND)).await;
    (bench.pass)(SECOND);
    let pending = bench.store.redeliver(subscriber.id, id).await.unwrap().unwrap();
    assert_eq!((pending.state, pending.attempts.len()), (SentState::Pending, 1));
    let due = bench.due().await.remove(0);
    assert_eq!((due.id, due.failures), (id, Failures::default()));
    assert!(due.trying < SECOND, "it starts over");
    bench.record(id, OK, Verdict::Delivered).await;
    bench.store.redeliver(subscriber.id, id).await.unwrap().unwrap();
    assert_eq!(bench.due().await[0].id, id, "also a delivered one");
    assert_eq!(bench.store.redeliver(other.id, id).await.unwrap(), None);
    assert_eq!(bench.store.redeliver(subscriber.id, MessageId::new()).await.unwrap(), None);
}

async fn messages_of_a_span_of_time_can_be_delivered_again(bench: &Bench) {
    let (subscriber, other) = (bench.subscribe(URL).await, bench.subscribe("http://b.example/").await);
    let mut sent = vec![];
    for _ in 0..4 {
        sent.push(bench.test(subscriber.id).await);
        bench.record(bench.test(other.id).await.id, OK, Verdict::Delivered).await;
    }
    bench.record(sent[0].id, OK, Verdict::Delivered).await;
    bench.record(sent[1].id, OK, Verdict::Delivered).await;
    bench.record(sent[2].id, refused(), Verdict::GivenUp).await;
    bench.record(sent[3].id, refused(), Verdict::GivenUp).await;
    let span = Between { since: sent[1].created_at, until: sent[3].created_at };
    assert_eq!(bench.store.redeliver_all(subscriber.id, span).await.unwrap(), 2);
    let due: Vec<_> = bench.due().await.iter().map(|message| message.id).collect();
    assert_eq!(due, [sent[1].id, sent[2].id]);
    assert_eq!(bench.store.redeliver_all(subscriber.id, span).await.unwrap(), 0, "they are pending");
}

async fn old_messages_are_forgotten_unless_they_are_pending(bench: &Bench) {
    let subscriber = bench.subscribe(URL).await;
    let old = bench.test(subscriber.id).await.id;
    let pending = bench.test(subscriber.id).await.id;
    bench.record(old, OK, Verdict::Delivered).await;
    assert_eq!(bench.store.forget_old().await.unwrap(), 0);
    (bench.pass)(KEPT + SECOND);
    let new = bench.test(subscriber.id).await.id;
    bench.record(new, OK, Verdict::Delivered).await;
    assert_eq!(bench.store.forget_old().await.unwrap(), 1);
    let left: Vec<_> = bench.deliveries(subscriber.id).await.iter().map(|message| message.id).collect();
    assert_eq!(left, [new, pending]);
}

async fn an_unknown_subscriber_has_no_messages(bench: &Bench) {
    let unknown = Uuid::now_v7();
    assert_eq!(bench.store.send_test(unknown).await.unwrap(), None);
    assert_eq!(bench.deliveries(unknown).await, []);
    assert_eq!(bench.store.subscriber(unknown).await.unwrap(), None);
    let span = Between { since: Timestamp(0), until: Timestamp(i64::MAX) };
    assert_eq!(bench.store.redeliver_all(unknown, span).await.unwrap(), 0);
    bench.record(MessageId::new(), OK, Verdict::Delivered).await;
}
