//! Event streams.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::service::{Event, Service};

#[test]
fn a_job_s_progress_is_streamed_chunk_by_chunk() {
    let service = Service::start();
    let id = service.queue("long.ogg", &[]);
    let events: Vec<_> = service.events(&format!("/jobs/{id}/events"), None).collect();
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(&names[..2], ["queued", "started"]);
    assert_eq!(names.last(), Some(&"completed"));
    assert!(events.iter().all(|event| event.data["type"] == *event.name && event.data["job_id"] == *id));
    assert!(events.iter().map(|event| event.id).eq(1..=events.len() as u64), "numbered without a gap");

    let total = service.job(&id)["progress"]["chunks_total"].as_u64().unwrap();
    assert!(total >= 8, "{total} chunks");
    let progress: Vec<_> = events.iter().filter(|event| event.name == "progress").collect();
    assert!(progress.iter().all(|event| event.data["chunks_total"] == total));
    let mut chunks: Vec<_> = progress.iter().map(|event| event.data["chunk"].as_u64().unwrap()).collect();
    assert!(chunks.is_sorted());
    chunks.dedup();
    assert!(chunks.into_iter().eq(1..=total), "every chunk was announced");
}

#[test]
fn a_stream_is_taken_up_where_it_broke_off() {
    let service = Service::start();
    let id = service.queue("en_phrases.wav", &[]);
    let path = format!("/jobs/{id}/events");
    let all: Vec<Event> = service.events(&path, None).collect();
    for after in 0..=all.len() {
        let rest: Vec<_> = service.events(&path, Some(after as u64)).collect();
        assert_eq!(rest, all[after..], "after event {after}");
    }
    let bad = service.get("/jobs/0190a0a0-0000-7000-8000-000000000000/events");
    assert_eq!((bad.status, bad.error().as_str()), (404, "job_not_found"));
}

#[test]
fn the_model_stream_starts_with_status_and_replays_events() {
    let service = Service::start();
    let mut live = service.events("/model/events", None);
    let first = live.next().unwrap();
    assert_eq!((first.name.as_str(), &first.data["state"]), ("model_status", &json!("unloaded")));
    service.load();
    let seen: Vec<_> = live.by_ref().take(2).collect();
    assert_eq!(seen.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["model_loading", "model_ready"]);
    assert!(seen[1].data["load_secs"].as_f64().unwrap() > 0.0);
    drop(live);
    service.post("/model/unload");
    let replayed: Vec<_> = service.events("/model/events", Some(seen[0].id)).take(4).collect();
    let names: Vec<_> = replayed.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["model_status", "model_ready", "model_unloading", "model_unloaded"]);
    assert_eq!(replayed[0].id, replayed[3].id, "the status carries the id of the last event");
    assert_eq!(replayed[2].data["reason"], "request");
}

/// A stream says something every 15 s; slow machines get a little longer.
const LONGEST_SILENCE: Duration = Duration::from_secs(18);

#[test]
fn an_idle_stream_has_a_comment_every_15_seconds() {
    let service = Service::start();
    let mut socket = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).unwrap();
    socket.set_read_timeout(Some(LONGEST_SILENCE)).unwrap();
    socket.write_all(b"GET /model/events HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let lines = BufReader::new(socket).lines().map(|line| line.expect("silence, or the end"));
    // The first may come at once, the second one does not.
    assert_eq!(lines.filter(|line| line.starts_with(':')).take(2).count(), 2);
}
