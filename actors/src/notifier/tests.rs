use futures_util::StreamExt;

use crate::domain::event::Stream;
use crate::ports::SubscriberStore;
use crate::testing::world::{Setting, World, new_job};

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
async fn a_job_s_owner_hears_of_the_model_and_of_the_job() {
    let mut world = World::start(Setting::default());
    let mut job = new_job();
    job.webhook_url = Some("http://receiver.example/hook".into());
    world.jobs.submit(job).await.unwrap();
    let sent = world.sent.wait_for(|sent| sent.len() == 2).await.unwrap().clone();
    assert!(sent[0].body.contains(r#""type":"model_ready""#));
    assert!(sent[1].body.contains(r#""type":"job_completed""#));
    assert_ne!(sent[0].id, sent[1].id);
}

#[actix::test]
async fn a_receiver_that_is_gone_is_forgotten() {
    let world = World::start(Setting { failing_webhooks: (1, 410), ..Setting::default() });
    world.store.subscribe("http://receiver.example/hook").await.unwrap();
    world.model.load_and_wait(None).await.unwrap();
    world.model_events(2).await;
    world.notifier.stop().await;
    assert!(world.store.subscribers().await.unwrap().is_empty());
}
