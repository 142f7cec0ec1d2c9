//! Memory: too little of it, and all of it back.

use std::fs;

use serde_json::{Value, json};

use super::fixtures;
use super::service::{Service, wait_until, with_children};

/// A limit that the kernel holds the engine to: the weights fit, the rest of the load does not.
const TOO_LITTLE: &str = "25000000";
/// The model loads and warms up within this; a chunk that is decoded again with eight samples at a time does
/// not fit.
const ENOUGH_TO_LOAD: &str = "79500000";

fn limited(limit: &str, env: &[(&str, &str)]) -> Service {
    let limited = [
        ("VERBATIM__ENGINE__MEMORY_LIMIT_BYTES", limit),
        ("VERBATIM__ENGINE__THREADS", "1"),
        ("GPU_POLL_INTERVAL_SECS", "1"),
    ];
    Service::start_with(&[&limited, env].concat())
}

#[test]
fn a_model_that_does_not_fit_waits_and_keeps_its_job() {
    let service = limited(TOO_LITTLE, &[]);
    let id = service.queue("en_short.wav", &[]);
    let mut tries = service
        .events("/model/events", Some(0))
        .filter(|event| event.name == "model_waiting_for_gpu")
        .map(|event| event.data);
    let (first, second) = (tries.next().unwrap(), tries.next().unwrap());
    assert_eq!((&first["attempts"], &second["attempts"]), (&json!(1), &json!(2)));
    assert!(second["next_retry_at"].as_str() > first["next_retry_at"].as_str());
    let status = service.get("/model/status").json();
    assert_eq!(status["state"], "waiting_for_gpu");
    let bytes = |name: &str| status["waiting"][name].as_u64().unwrap();
    let limit = TOO_LITTLE.parse().unwrap();
    assert!(bytes("needed_bytes") > limit && bytes("free_bytes") <= limit, "{status}");
    assert!(status["memory"]["free_bytes"].as_u64().unwrap() <= limit, "{status}");
    let refused = service.post_form("/jobs", Some(("a.wav", b"never read")), &[]);
    assert_eq!((refused.status, refused.error().as_str()), (503, "model_not_ready"));
    assert!(
        refused.header("retry-after").unwrap().parse::<u64>().unwrap() <= 3,
        "the next try, and the load"
    );
    assert_eq!(refused.json()["model"]["waiting"]["needed_bytes"], bytes("needed_bytes"));
    assert_eq!(service.post("/model/load?wait=true").status, 202, "tried at once, in vain");
    assert_eq!(service.job(&id)["status"], "queued");
    assert_eq!(service.post("/model/unload").json()["state"], "unloaded", "no more tries");

    // The job is still there after a restart with more.
    let (status, dir) = service.stop();
    assert!(status.success());
    let service = Service::start_in(dir, &[]);
    assert_eq!(service.finished(&id)["result"]["text"], "One two three.");
}

#[test]
fn an_engine_that_runs_out_of_memory_in_a_job_gives_it_back() {
    let service = limited(
        ENOUGH_TO_LOAD,
        &[("VERBATIM__DECODE__LOGPROB_THOLD", "0"), ("VERBATIM__DECODE__BEST_OF", "8")],
    );
    service.load();
    let id = service.queue("long.ogg", &[]);
    let requeued = service
        .events(&format!("/jobs/{id}/events"), None)
        .find(|event| event.name == "requeued")
        .expect("the job fits: the limit is too high for this test");
    assert_eq!(requeued.data["reason"], "out_of_memory");
    let waiting =
        service.events("/model/events", Some(0)).find(|event| event.name == "model_waiting_for_gpu");
    assert!(waiting.is_some());
    let job = service.job(&id);
    assert_ne!(job["status"], "failed", "{job}");

    let (_, dir) = service.stop();
    let service = Service::start_in(dir, &[]);
    assert_eq!(service.finished(&id)["result"]["text"], fixtures::truth("long.ogg")["text"]);
}

#[test]
fn a_limit_that_is_enough_changes_nothing() {
    let service = limited("300000000", &[]);
    let id = service.queue("en_phrases.wav", &[]);
    assert_eq!(service.finished(&id)["result"]["text"], fixtures::truth("en_phrases.wav")["text"]);
}

#[test]
fn an_idle_model_makes_room_for_others() {
    let more_than_there_is = "1000000000000000";
    let service = Service::start_with(&[("VERBATIM__GPU__YIELD_BELOW_FREE_BYTES", more_than_there_is)]);
    let id = service.queue("en_short.wav", &[]);
    assert_eq!(service.finished(&id)["status"], "completed", "a working model does not");
    let unloading = service.events("/model/events", Some(0)).find(|event| event.name == "model_unloading");
    assert_eq!(unloading.unwrap().data["reason"], "pressure");
    service.until_model("unloaded");
}

#[test]
fn an_unload_gives_every_byte_back_every_time() {
    come_and_go(20);
}

/// Minutes: `cargo test --test api -- --ignored two_hundred`.
#[test]
#[ignore = "takes minutes"]
fn two_hundred_loads_and_unloads_leave_nothing_behind() {
    come_and_go(200);
}

/// Within 5 MB of what it was after the first time, and not one process or file more.
fn come_and_go(times: usize) {
    const SLACK_BYTES: u64 = 5_000_000;
    let service = Service::start();
    // It looks for ffmpeg once.
    wait_until("a process stays", || with_children(service.pid()).len() <= 1);
    let after = || {
        service.load();
        let id = service.queue("en_short.wav", &[]);
        assert_eq!(service.finished(&id)["status"], "completed");
        let unloaded = service.post("/model/unload?wait=true&hold_secs=0").json();
        assert_eq!(unloaded["state"], "unloaded");
        assert_eq!(unloaded["memory"]["used_by_model_bytes"], 0);
        assert_eq!(unloaded["memory"]["residual_bytes"], 0);
        Traces::of(&service)
    };
    let first = after();
    for time in 0..times {
        let now = after();
        assert!(
            now.anonymous_bytes <= first.anonymous_bytes + SLACK_BYTES,
            "{time}: {now:?} after {first:?}"
        );
        assert_eq!(now.processes, 1, "{time}");
        assert!(now.files <= first.files + KEPT_ALIVE, "{time}: {now:?} after {first:?}");
    }
}

/// Sockets that the test's own client may hold open at the moment of counting.
const KEPT_ALIVE: usize = 8;

#[derive(Debug)]
struct Traces {
    anonymous_bytes: u64,
    processes: usize,
    files: usize,
}

impl Traces {
    fn of(service: &Service) -> Self {
        let tree = with_children(service.pid());
        Self {
            anonymous_bytes: tree.iter().map(|pid| anonymous_bytes(*pid)).sum(),
            processes: tree.len(),
            files: fs::read_dir(format!("/proc/{}/fd", service.pid())).unwrap().count(),
        }
    }
}

fn anonymous_bytes(pid: u32) -> u64 {
    status_bytes(pid, "RssAnon:")
}

/// A number of bytes that the kernel writes down for a process.
fn status_bytes(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn memory_freed_by_a_job_is_given_back_while_the_model_stays() {
    let service = Service::start();
    let done = service.queue("long.ogg", &[]);
    assert_eq!(service.finished(&done)["status"], "completed");
    let engine = *with_children(service.pid()).last().unwrap();
    let most = status_bytes(engine, "VmHWM:");
    let kept = format!("more than half of {most} bytes is kept");
    wait_until(&kept, || anonymous_bytes(engine) <= most / 2);
    assert_eq!(service.get("/model/status").json()["state"], "ready");
}

#[test]
fn a_missing_model_file_fails_the_load_until_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ggml-words.bin");
    fs::copy(fixtures::model(), &path).unwrap();
    let service = Service::start_with(&[("VERBATIM__MODEL__PATH", path.to_str().unwrap())]);
    service.load();
    fs::remove_file(&path).unwrap();
    let done = service.queue("en_short.wav", &[]);
    assert_eq!(service.finished(&done)["status"], "completed", "what is loaded needs no file");
    service.post("/model/unload?wait=true&hold_secs=0");
    let waits = service.queue("en_short.wav", &[]);
    service.until_model("failed");
    assert_eq!(service.get("/model/status").json()["error"]["code"], "model_not_found");
    assert_eq!(service.job(&waits)["status"], "queued");
    assert_eq!(service.job(&waits)["error"], Value::Null);
    fs::copy(fixtures::model(), &path).unwrap();
    service.load();
    assert_eq!(service.finished(&waits)["status"], "completed");
}
