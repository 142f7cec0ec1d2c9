//! Nothing that was accepted is lost, however the service ends.

use std::io::Write;
use std::net::TcpStream;

use serde_json::json;

use super::fixtures;
use super::service::{SLOW, Service, form};

#[test]
fn a_client_that_hangs_up_leaves_a_whole_job_or_none() {
    let service = Service::start();
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let (kind, body) = form(Some(("a.wav", &bytes)), &[]);
    for _ in 0..40 {
        let mut socket = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).unwrap();
        let length = body.len();
        let head = format!(
            "POST /jobs?queue=true HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(&body).unwrap();
    }
    let (_, dir) = service.stop();
    let service = Service::start_in(dir, &[]);
    let jobs = service.get("/jobs?limit=500").json()["jobs"].as_array().unwrap().clone();
    for job in &jobs {
        let job = service.finished(job["id"].as_str().unwrap());
        assert_eq!(job["status"], "completed", "{job}");
    }
    let recordings = std::fs::read_dir(service.dir.path().join("data/blobs")).unwrap().count();
    assert_eq!(recordings, jobs.len());
}

#[test]
fn a_killed_service_resumes_from_the_last_finished_chunk() {
    let mut service = Service::start();
    let id = service.queue("long.ogg", &[]);
    let path = format!("/jobs/{id}/events");
    let mut seen: Vec<_> = vec![];
    for event in service.events(&path, None) {
        let done = event.name == "progress" && event.data["chunk"] == 4;
        seen.push(event);
        if done {
            break;
        }
    }
    service.kill_and_restart();
    let rest: Vec<_> = service.events(&path, Some(seen.len() as u64)).collect();
    assert_eq!(rest.first().unwrap().id, seen.len() as u64 + 1, "the numbering continues");
    assert!(rest.iter().any(|e| e.name == "requeued" && e.data["reason"] == "restart"));
    let repeated = rest.iter().filter(|e| e.name == "segment").any(|e| e.data["chunk"].as_u64().unwrap() < 4);
    assert!(!repeated, "finished chunks are not done again");
    let job = service.job(&id);
    assert_eq!(job["result"]["text"], fixtures::truth("long.ogg")["text"]);
}

#[test]
fn a_stop_finishes_the_chunk_and_puts_the_job_back() {
    let service = Service::start();
    let id = service.queue("long.ogg", &[]);
    let mut events = service.events(&format!("/jobs/{id}/events"), None);
    assert!(events.by_ref().any(|event| event.name == "segment"));
    let (status, dir) = service.stop();
    assert!(status.success(), "{status}");
    assert_eq!(events.last().unwrap().data["reason"], "shutdown", "the stream was closed in order");

    let service = Service::start_in(dir, &[]);
    let job = service.finished(&id);
    assert_eq!((&job["status"], &job["attempts"]), (&json!("completed"), &json!(2)));
    assert_eq!(job["result"]["text"], fixtures::truth("long.ogg")["text"]);
}

#[test]
fn a_stop_past_its_limit_requeues_the_job() {
    let service = Service::start_with(&[SLOW[0], SLOW[1], SLOW[2], ("VERBATIM__SERVER__SHUTDOWN_SECS", "0")]);
    let id = service.queue("en_dense.wav", &[]);
    let mut events = service.events(&format!("/jobs/{id}/events"), None);
    assert!(events.by_ref().any(|event| event.name == "progress"));
    let (status, dir) = service.stop();
    assert!(status.success(), "{status}");
    let rest: Vec<_> = events.collect();
    assert!(rest.iter().all(|event| event.name != "segment"), "{rest:?}");
    assert_eq!(rest.last().unwrap().data["reason"], "shutdown");

    let service = Service::start_in(dir, &[]);
    let job = service.finished(&id);
    assert_eq!(job["result"]["text"], fixtures::truth("en_dense.wav")["text"]);
}

#[test]
fn a_job_that_comes_back_to_another_model_begins_anew() {
    let service = Service::start();
    let id = service.queue("long.ogg", &[]);
    let mut events = service.events(&format!("/jobs/{id}/events"), None);
    assert!(events.any(|event| event.name == "progress" && event.data["chunk"] == 3));
    let (_, dir) = service.stop();
    let model = fixtures::model().with_file_name("ggml-words-f16.bin");
    let service = Service::start_in(dir, &[("VERBATIM__MODEL__PATH", model.to_str().unwrap())]);
    let job = service.finished(&id);
    assert_eq!(job["result"]["text"], fixtures::truth("long.ogg")["text"], "one piece, nothing twice");
    let first_chunks = service
        .events(&format!("/jobs/{id}/events"), None)
        .filter(|event| event.name == "segment" && event.data["chunk"] == 1)
        .map(|event| event.data["segment"]["id"].clone())
        .collect::<Vec<_>>();
    assert!(first_chunks.iter().filter(|id| **id == json!(0)).count() == 2, "chunk 1 was done twice");
}
