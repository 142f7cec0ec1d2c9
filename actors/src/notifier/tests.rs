use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use super::{NotifierHandle, NotifierSettings, NotifierSnapshot, WebhooksSnapshot};
use crate::domain::event::{ModelEvent, Stream, UnloadReason};
use crate::domain::jobs::job::{JobId, NewJob};
use crate::domain::model::models::ModelNo;
use crate::observe::Observed;
use crate::ports::{
    Delivery, DeliveryFailure, DeliveryQuery, JobQuery, JobStore, Outbox, Sent, SentState, SubscriberState,
    SubscriberStore, Terms, WebhookTransport,
};
use crate::testing::world::{Setting, World, new_job};
use crate::testing::{FakeEngine, MemoryStore, Scripted};

#[actix::test]
async fn a_stream_can_be_taken_up_at_any_point() {
    let world = World::start(Setting::default());
    let job = world.submit().await;
    let all = world.to_the_end(job.id).await.len() as u64;
    for after in 0..all + 3 {
        let events: Vec<_> = world.notifier.follow(Stream::Job(job.id), after).collect().await;
        let numbers: Vec<_> = events.into_iter().map(|event| event.unwrap().seq).collect();
        assert_eq!(numbers, (after + 1..=all).collect::<Vec<_>>());
    }
}

#[actix::test]
async fn a_stream_of_a_job_that_was_removed_is_over() {
    let world = World::start(Setting::default());
    let job = world.submit().await;
    world.to_the_end(job.id).await;
    world.jobs.cancel(job.id).await.unwrap();
    assert_eq!(world.notifier.follow(Stream::Job(job.id), 0).count().await, 0);
}

#[actix::test]
async fn many_followers_get_every_event_once_and_in_order() {
    let world = World::start(Setting { chunks: 200, ..Setting::default() });
    let job = world.submit().await;
    let followers = (0..20).map(|_| world.notifier.follow(Stream::Job(job.id), 0).collect::<Vec<_>>());
    for events in futures_util::future::join_all(followers).await {
        let numbers: Vec<_> = events.into_iter().map(|event| event.unwrap().seq).collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64));
        assert_eq!(numbers.len(), 2 + 2 * 200 + 1);
    }
}

#[actix::test]
async fn a_job_s_url_gets_messages_of_the_model_and_of_the_job() {
    let mut world = World::start(Setting::default());
    let mut job = new_job();
    job.webhook_url = Some("http://receiver.example/hook".into());
    world.jobs.submit(job).await.unwrap();
    let sent = world.sent.wait_for(|sent| sent.len() == 2).await.unwrap().clone();
    for kind in ["model_ready", "job_completed"] {
        let of_kind = format!(r#""type":"{kind}""#);
        assert!(sent.iter().any(|message| message.body.contains(&of_kind)), "{kind}: {sent:?}");
    }
    assert_ne!(sent[0].id, sent[1].id);
}

#[actix::test]
async fn a_cancelled_or_failed_job_sends_its_message_too() {
    let engine = FakeEngine::default().script_chunks([Scripted::Broken]);
    let mut world = World::start(Setting { engine, chunks: 1, ..Setting::default() });
    let mut job = new_job();
    job.webhook_url = Some(URL.into());
    world.jobs.submit(job.clone()).await.unwrap();
    let failed = |sent: &Vec<Delivery>| sent.iter().any(|d| d.body.contains(r#""type":"job_failed""#));
    world.sent.wait_for(failed).await.unwrap();

    world.model.unload(UnloadReason::Request, Some(Duration::from_secs(3600))).await.unwrap();
    let terms = Terms { max_queued: 10, reuse: None };
    world.store.submit(NewJob { id: JobId::new(), ..job.clone() }, terms).await.unwrap();
    let waiting = world.store.jobs(JobQuery { limit: 1, ..JobQuery::default() }).await.unwrap().remove(0);
    world.jobs.cancel(waiting.id).await.unwrap();
    let cancelled = |sent: &Vec<Delivery>| sent.iter().any(|d| d.body.contains(r#""type":"job_cancelled""#));
    world.sent.wait_for(cancelled).await.unwrap();
}

#[actix::test]
async fn a_dropped_receiver_is_forgotten() {
    let world = World::start(Setting { failing_webhooks: (1, 410), ..Setting::default() });
    world.store.subscribe("", URL, None).await.unwrap();
    world.model.load_and_wait(ModelNo::default(), None).await.unwrap();
    world.model_events(2).await;
    world.notifier.stop().await;
    assert!(world.store.subscribers().await.unwrap().is_empty());
}

#[actix::test]
async fn a_failed_message_is_retried_when_due_with_the_same_id() {
    let mut world = World::start(Setting { failing_webhooks: (2, 500), ..Setting::default() });
    let subscriber = world.store.subscribe("", URL, None).await.unwrap();
    let sent = world.store.send_test(subscriber.id).await.unwrap().unwrap();
    for failures in 1..=2 {
        world.notifier.look_into_outbox();
        let tried = until(&world, subscriber.id, |m| m.attempts.len() == failures).await;
        assert_eq!(tried.state, SentState::Pending);
        assert_eq!(tried.attempts[failures - 1].1.status, Some(500));
        world.store.let_pass(Duration::from_secs(3600));
    }
    world.notifier.look_into_outbox();
    let delivered = world.sent.wait_for(|sent| sent.len() == 1).await.unwrap()[0].clone();
    assert_eq!(delivered.id, sent.id.to_string());
    assert!(delivered.body.contains(r#""type":"webhook_test""#), "{}", delivered.body);
    let delivered = until(&world, subscriber.id, |m| m.state == SentState::Delivered).await;
    assert_eq!((delivered.attempts.len(), delivered.next_try_at), (3, None));
}

#[actix::test]
async fn a_subscriber_that_only_fails_for_five_days_is_switched_off() {
    let world = World::start(Setting { failing_webhooks: (usize::MAX, 500), ..Setting::default() });
    let subscriber = world.store.subscribe("", URL, None).await.unwrap();
    world.store.send_test(subscriber.id).await.unwrap().unwrap();
    let mut tries = 0;
    loop {
        world.notifier.look_into_outbox();
        let is_tried = |message: &Sent| message.attempts.len() > tries || message.state != SentState::Pending;
        let message = until(&world, subscriber.id, is_tried).await;
        tries = message.attempts.len();
        let state = world.store.subscribers().await.unwrap()[0].state;
        if message.state != SentState::Pending {
            assert_eq!((message.state, state), (SentState::Failed, SubscriberState::Off));
            break;
        }
        assert_eq!(state, SubscriberState::Active);
        world.store.let_pass(Duration::from_secs(40 * 3600));
    }
    assert!(world.store.due("receiver.example:80", 10).await.unwrap().is_empty());
    world.store.send_test(subscriber.id).await.unwrap();
    world.store.subscribe("", URL, None).await.unwrap();
    assert_eq!(
        world.store.subscribers().await.unwrap()[0].state,
        SubscriberState::Active,
        "on again by its owner"
    );
}

#[actix::test]
async fn what_an_earlier_process_left_is_delivered_by_the_next() {
    let store = MemoryStore::default();
    let subscriber = store.subscribe("", URL, None).await.unwrap();
    let left = store.send_test(subscriber.id).await.unwrap().unwrap();
    let mut world = World::start(Setting { store, ..Setting::default() });
    let sent = world.sent.wait_for(|sent| sent.len() == 1).await.unwrap();
    assert_eq!(sent[0].id, left.id.to_string());
}

#[actix::test]
async fn after_a_stop_nothing_is_tried() {
    let world = World::start(Setting::default());
    let subscriber = world.store.subscribe("", URL, None).await.unwrap();
    world.notifier.stop().await;
    world.store.send_test(subscriber.id).await.unwrap();
    world.notifier.look_into_outbox();
    world.notifier.catch_up().await;
    assert!(world.sent.borrow().is_empty());
}

#[actix::test]
async fn a_host_has_two_attempts_at_a_time_and_blocks_no_other() {
    let store = Arc::new(MemoryStore::default());
    for url in ["http://slow.example/1", "http://slow.example/2", "http://slow.example/3", URL] {
        store.subscribe("", url, None).await.unwrap();
    }
    let (gate, under_way) = (Arc::new(Semaphore::new(0)), watch::Sender::new(vec![]));
    let transport = Gated { gate: gate.clone(), under_way: under_way.clone() };
    let notifier = NotifierHandle::start(
        NotifierSettings::default(),
        store.clone(),
        move || Box::new(transport),
        |_, _| {},
    );
    notifier.model(ModelEvent::ModelReady { load_secs: 1.0 }.into());
    let mut watching = under_way.subscribe();
    let mut three = watching.wait_for(|urls| urls.len() == 3).await.unwrap().clone();
    three.sort();
    assert_eq!(three.pop().as_deref(), Some("http://slow.example/2"));
    assert_eq!(three, [URL, "http://slow.example/1"]);
    let seen = WebhooksSnapshot { in_flight: 3, hosts_due: 2, hosts_later: 0, is_outbox_readable: true };
    let streams = NotifierSnapshot { streams: 0, followers: 0, webhooks: seen };
    assert_eq!(notifier.observe().await, Observed::State(streams));
    // One of the slow host's ends: only then its third begins.
    gate.add_permits(2);
    watching.wait_for(|urls| urls.len() == 4).await.unwrap();
    gate.add_permits(2);
    notifier.stop().await;
    assert!(store.hosts().await.unwrap().is_empty(), "nothing is pending");
}

#[actix::test]
async fn an_operator_sees_followers_and_a_backlog() {
    let world = World::start(Setting { failing_webhooks: (1, 500), ..Setting::default() });
    let subscriber = world.store.subscribe("", URL, None).await.unwrap();
    world.store.send_test(subscriber.id).await.unwrap().unwrap();
    world.notifier.look_into_outbox();
    until(&world, subscriber.id, |m| m.attempts.len() == 1).await;
    let mut followers = [0, 0].map(|_| Box::pin(world.notifier.follow(Stream::Model, 0)));
    for follower in &mut followers {
        assert!(follower.next().now_or_never().is_none(), "it waits for the first event");
    }
    let seen = WebhooksSnapshot { in_flight: 0, hosts_due: 0, hosts_later: 1, is_outbox_readable: true };
    let wanted = Observed::State(NotifierSnapshot { streams: 1, followers: 2, webhooks: seen });
    while world.notifier.observe().await != wanted {
        for follower in &mut followers {
            assert!(follower.next().now_or_never().is_none(), "it waits for the first event");
        }
    }
}

const URL: &str = "http://receiver.example/hook";

/// Waits until the only message of a subscriber is as wanted.
async fn until(world: &World, subscriber: Uuid, wanted: impl Fn(&Sent) -> bool) -> Sent {
    loop {
        let query = DeliveryQuery { subscriber, before: None, limit: 1 };
        let message = world.store.deliveries(query).await.unwrap().remove(0);
        if wanted(&message) {
            return message;
        }
        tokio::task::yield_now().await;
    }
}

/// Takes a message for each permit.
struct Gated {
    gate: Arc<Semaphore>,
    /// URLs of all tries begun.
    under_way: watch::Sender<Vec<String>>,
}

#[async_trait(?Send)]
impl WebhookTransport for Gated {
    async fn deliver(&self, delivery: &Delivery) -> Result<u16, DeliveryFailure> {
        self.under_way.send_modify(|urls| urls.push(delivery.url.clone()));
        self.gate.acquire().await.unwrap().forget();
        Ok(200)
    }
}
