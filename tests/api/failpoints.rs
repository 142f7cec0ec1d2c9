//! Every step between an upload and the mark on its webhook fails once, in three ways: what was acknowledged comes to
//! its end all the same, once, and is told.

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

fn survives(action: &str) {
    for place in PLACES {
        survives_at(place, action);
    }
}

fn survives_at(place: &str, action: &str) {
    let sink = Sink::start(|_, _| status(204));
    let told_to_fail = format!("{place}=1*{action}");
    let env = [
        ("FAILPOINTS", told_to_fail.as_str()),
        ("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true"),
        ("VERBATIM__LOG__LEVEL", "off"),
    ];
    let mut service = Service::start_with(&env);
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let (kind, body) = form(Some(("a.wav", &bytes)), &[("webhook_url", &sink.url("/hook"))]);
    let give_up = Instant::now() + HANG_GUARD;
    let again = |service: &mut Service| {
        assert!(Instant::now() < give_up, "{told_to_fail}: never over");
        if service.has_ended() {
            service.restart_without("FAILPOINTS");
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
    assert_eq!(job["status"], "completed", "{told_to_fail}: {job}");
    assert_eq!(job["result"]["text"], fixtures::truth("en_short.wav")["text"], "{told_to_fail}");
    // The service may still have to fail, when it marks the webhook.
    let is_told = |told: &Value| told["type"] == "job_completed" && told["data"]["job_id"] == id.as_str();
    while !sink.has("/hook", |request| is_told(&request.json())) {
        again(&mut service);
    }
    let events = loop {
        match service.try_events(&format!("/jobs/{id}/events")) {
            Some(events) if events.last().is_some_and(|last| last.name == "completed") => break events,
            // Cut short where the service ended meanwhile.
            Some(_) | None => again(&mut service),
        }
    };
    assert!(events.iter().zip(1..).all(|(event, number)| event.id == number), "{told_to_fail}: {events:?}");
    let ends = events.iter().filter(|event| event.name == "completed").count();
    let segments = events.iter().filter(|event| event.name == "segment").count();
    assert_eq!((ends, segments), (1, 1), "{told_to_fail}: {events:?}");
    let jobs = loop {
        match service.try_get("/jobs") {
            Some(jobs) => break jobs,
            None => again(&mut service),
        }
    };
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1, "{told_to_fail}: {jobs}");
}

#[test]
fn a_step_that_fails_loses_nothing() {
    survives("return");
}

#[test]
fn a_step_that_panics_loses_nothing() {
    survives("panic");
}

#[test]
fn a_step_that_ends_the_process_loses_nothing() {
    survives("return(abort)");
}
