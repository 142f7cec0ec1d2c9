//! Every step between an upload and the mark on its webhook fails once, in three ways: what was acknowledged
//! ends all the same, once, with its webhook.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::fixtures;
use super::service::{HANG_GUARD, Service, form};
use super::sink::{Sink, status};
use super::torture::submit;

/// In the order in which a job comes by.
const PLACES: [&str; 19] = [
    "recording.after",
    "submit.before",
    "submit.after",
    "answer.before",
    "model_event.before",
    "model_event.after",
    "claim.before",
    "claim.after",
    "plan.before",
    "plan.after",
    "note.before",
    "note.after",
    "checkpoint.before",
    "checkpoint.after",
    "end.before",
    "end.after",
    "delivery.after",
    "keep_attempt.before",
    "keep_attempt.after",
];

/// How many services run at the same time: each waits for most of its time.
const AT_ONCE: usize = 4;

fn survives(action: &str) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(place) = PLACES.get(next.fetch_add(1, Ordering::SeqCst)) {
                    survives_at(place, action);
                }
            });
        }
    });
}

fn survives_at(place: &str, action: &str) {
    let sink = Sink::start(|_, _| status(204));
    let failpoint = format!("{place}={action}");
    let env = [
        ("FAILPOINT", failpoint.as_str()),
        ("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true"),
        ("VERBATIM__LOG__LEVEL", "off"),
    ];
    let mut service = Service::start_with(&env);
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let (kind, body) = form(Some(("a.wav", &bytes)), &[("webhook_url", &sink.url("/hook"))]);
    let give_up = Instant::now() + HANG_GUARD;
    let again = |service: &mut Service| {
        assert!(Instant::now() < give_up, "{failpoint}: never over");
        if service.has_ended() {
            service.restart_without("FAILPOINT");
        }
        thread::yield_now();
    };
    let id = loop {
        let url = format!("{}/jobs?queue=true", service.base);
        match submit(&url, "the same request", &kind, &body) {
            Some(id) => break id,
            None => again(&mut service),
        }
    };
    let job = loop {
        match service.try_get(&format!("/jobs/{id}")) {
            Some(job) if job["finished_at"].is_string() => break job,
            Some(_) | None => again(&mut service),
        }
    };
    assert_eq!(job["status"], "completed", "{failpoint}: {job}");
    assert_eq!(job["result"]["text"], fixtures::truth("en_short.wav")["text"], "{failpoint}");
    // The service may still have to fail, when it marks the webhook.
    let is_end = |body: &Value| body["type"] == "job_completed" && body["data"]["job_id"] == id.as_str();
    while !sink.has("/hook", |request| is_end(&request.json())) {
        again(&mut service);
    }
    let events = loop {
        match service.try_events(&format!("/jobs/{id}/events")) {
            Some(events) if events.last().is_some_and(|last| last.name == "completed") => break events,
            // Cut short where the service ended meanwhile.
            Some(_) | None => again(&mut service),
        }
    };
    assert!(events.iter().zip(1..).all(|(event, number)| event.id == number), "{failpoint}: {events:?}");
    let ends = events.iter().filter(|event| event.name == "completed").count();
    let segments = events.iter().filter(|event| event.name == "segment").count();
    assert_eq!((ends, segments), (1, 1), "{failpoint}: {events:?}");
    let jobs = loop {
        match service.try_get("/jobs") {
            Some(jobs) => break jobs,
            None => again(&mut service),
        }
    };
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1, "{failpoint}: {jobs}");
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "needs a debug build")]
fn a_step_that_fails_loses_nothing() {
    survives("error");
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "needs a debug build")]
fn a_step_that_panics_loses_nothing() {
    survives("panic");
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "needs a debug build")]
fn a_step_that_ends_the_process_loses_nothing() {
    survives("abort");
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "needs a debug build")]
fn an_end_that_fails_after_its_commit_is_seen_at_once() {
    let sink = Sink::start(|_, _| status(204));
    let env = [
        ("FAILPOINT", "end.after=error"),
        ("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true"),
        ("VERBATIM__LOG__LEVEL", "off"),
    ];
    let service = Service::start_with(&env);
    let id = service.queue("en_short.wav", &[("webhook_url", &sink.url("/hook"))]);
    let last = service.events(&format!("/jobs/{id}/events"), None).last().unwrap();
    assert_eq!(last.name, "completed", "{last:?}");
    sink.until_any("/hook", |received| received.json()["type"] == "job_completed");
}
