//! Nothing that was accepted is lost, however the service ends.

use serde_json::json;

use super::fixtures;
use super::service::Service;

#[test]
fn a_service_killed_in_the_middle_of_a_job_goes_on_from_its_last_finished_chunk() {
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
    assert_eq!(rest.first().unwrap().id, seen.len() as u64 + 1, "the numbering goes on");
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
