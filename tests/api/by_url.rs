//! Jobs whose recording is on another server.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::fixtures;
use super::service::{Answer, Service};

const ALLOWED: (&str, &str) = ("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true");

/// The answer to a path.
pub type Reply = Box<dyn Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync>;

/// A server with recordings, good and bad.
pub struct Source {
    address: SocketAddr,
    /// Paths in the order they were asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Source {
    pub fn start(replies: Vec<(&'static str, Reply)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, replies) = (asked.clone(), Arc::new(HashMap::<_, _>::from_iter(replies)));
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (seen, replies) = (seen.clone(), replies.clone());
                thread::spawn(move || {
                    let path = path_of(&stream);
                    seen.lock().unwrap().push(path.clone());
                    let reply = replies.get(path.as_str());
                    // The client may have had enough.
                    let _ = match reply {
                        Some(reply) => reply(&mut stream),
                        None => stream.write_all(head(404, "content-length: 0").as_bytes()),
                    };
                });
            }
        });
        Self { address, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn times_asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == path).count()
    }
}

/// The path of a request, which is read to its end.
fn path_of(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    first.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn head(status: u16, header: &str) -> String {
    format!("HTTP/1.1 {status} So\r\n{header}\r\nconnection: close\r\n\r\n")
}

pub fn file(bytes: Vec<u8>) -> Reply {
    // What it says of itself is not believed.
    let head = head(200, &format!("content-type: text/html\r\ncontent-length: {}", bytes.len()));
    Box::new(move |stream| stream.write_all(&[head.as_bytes(), &bytes].concat()))
}

fn redirect(location: &str) -> Reply {
    let head = head(302, &format!("location: {location}\r\ncontent-length: 0"));
    Box::new(move |stream| stream.write_all(head.as_bytes()))
}

pub fn recording(name: &str) -> Vec<u8> {
    std::fs::read(fixtures::audio(name)).unwrap()
}

fn submit(service: &Service, body: &Value) -> Answer {
    service.post_json("/jobs?queue=true", body)
}

fn refused(service: &Service, url: &str) -> (u16, String, String) {
    let answer = submit(service, &json!({ "url": url }));
    (answer.status, answer.error(), answer.json()["error"]["message"].as_str().unwrap().to_owned())
}

#[test]
fn a_recording_is_fetched_through_redirects_and_transcribed() {
    let source = Source::start(vec![
        ("/talk%20one.wav?token=7", redirect("/moved")),
        ("/moved", redirect("recordings/en_phrases.wav#start")),
        ("/recordings/en_phrases.wav", file(recording("en_phrases.wav"))),
    ]);
    let service = Service::start_with(&[ALLOWED]);
    let body = json!({
        "url": source.url("/talk%20one.wav?token=7"), "language": "en", "word_timestamps": true, "temperature": 0.2,
        "metadata": {"b": [1, 2.50], "a": null}, "priority": "interactive", "keep_alive": 60, "prompt": null,
        "track": 1, "start_secs": 0, "end_secs": "60.5",
    });
    let answer = submit(&service, &body);
    assert_eq!(answer.status, 202, "{answer:?}");
    let job = answer.json();
    assert_eq!(answer.header("location"), Some(format!("/jobs/{}", job["id"].as_str().unwrap()).as_str()));
    let options = &job["options"];
    assert_eq!((&options["temperature"], &options["keep_alive"]), (&json!(0.2), &json!(60)));
    assert_eq!((&options["track"], &options["end_secs"]), (&json!(1), &json!(60.5)));
    let job = service.finished(job["id"].as_str().unwrap());
    assert_eq!(job["result"]["text"], fixtures::text("en_phrases.wav").as_str());
    assert_eq!(job["audio"]["filename"], "talk one.wav");
    assert_eq!(job["metadata"], body["metadata"]);
    assert!(job["result"]["segments"][0]["words"].is_array());
}

#[test]
fn private_addresses_are_refused_also_behind_a_redirect() {
    let source = Source::start(vec![
        ("/a.wav", file(recording("en_short.wav"))),
        ("/metadata", redirect("http://169.254.169.254/latest/meta-data/")),
        ("/inside", redirect("http://127.0.0.2:9/a.wav")),
    ]);
    let (port, strict) = (source.address.port(), Service::start());
    for host in ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "10.0.0.1", "[::ffff:127.0.0.1]"]
    {
        let (status, code, message) = refused(&strict, &format!("http://{host}:{port}/a.wav"));
        assert_eq!((status, code.as_str()), (400, "url_forbidden"), "{host}: {message}");
        assert!(message.contains("webhooks.allow"), "the message says how to open it: {message}");
    }
    assert_eq!(source.times_asked("/a.wav"), 0);
    strict.has_taken_nothing_in();

    let open = Service::start_with(&[ALLOWED]);
    for url in [source.url("/metadata"), "http://169.254.169.254/".into(), "http://[fe80::1]/".into()] {
        assert_eq!(refused(&open, &url).1, "url_forbidden", "{url}");
    }
    open.has_taken_nothing_in();

    let listed = Service::start_with(&[("VERBATIM__WEBHOOKS__ALLOW", "127.0.0.1")]);
    assert_eq!(refused(&listed, &source.url("/inside")).1, "url_forbidden");
    let answer = submit(&listed, &json!({ "url": source.url("/a.wav") }));
    assert_eq!(answer.status, 202, "{answer:?}");
}

#[test]
fn what_cannot_be_fetched_is_no_job_and_says_why() {
    let endless: Reply = Box::new(|stream| {
        stream.write_all(head(200, "transfer-encoding: chunked").as_bytes())?;
        loop {
            stream.write_all(b"1000\r\n")?;
            stream.write_all(&[0; 0x1000])?;
            stream.write_all(b"\r\n")?;
        }
    });
    let old: Reply = Box::new(|stream| {
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n")?;
        loop {
            stream.write_all(&[0; 0x1000])?;
        }
    });
    let live: Reply = Box::new(|stream| stream.write_all(head(200, "icy-name: a station").as_bytes()));
    let torn: Reply = Box::new(|stream| stream.write_all(head(200, "content-length: 1000").as_bytes()));
    let torn_chunks: Reply = Box::new(|stream| {
        stream.write_all(head(200, "transfer-encoding: chunked").as_bytes())?;
        let bytes = recording("en_short.wav");
        stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes())?;
        stream.write_all(&bytes)?;
        stream.write_all(b"\r\n")
    });
    let silent: Reply = Box::new(|stream| stream.read_to_end(&mut vec![]).map(drop));
    let large: Reply =
        Box::new(|stream| stream.write_all(head(200, "content-length: 3000000000").as_bytes()));
    let garbage: Reply = Box::new(|stream| stream.write_all(b"what?\r\n\r\n"));
    let source = Source::start(vec![
        ("/page", file(b"<html>A page about a recording, and no recording.</html>".to_vec())),
        ("/empty", file(vec![])),
        ("/round", redirect("/round")),
        ("/file", redirect("file:///etc/passwd")),
        ("/endless", endless),
        ("/old", old),
        ("/live", live),
        ("/torn", torn),
        ("/torn-chunks", torn_chunks),
        ("/silent", silent),
        ("/large", large),
        ("/garbage", garbage),
    ]);
    let limits =
        [ALLOWED, ("VERBATIM__SERVER__MAX_UPLOAD_BYTES", "100000"), ("VERBATIM__FETCH__TIMEOUT_SECS", "5")];
    let service = Service::start_with(&limits);
    for (path, status, code, says) in [
        ("/gone", 422, "fetch_failed", "404"),
        ("/page", 415, "unsupported_media", "a text file"),
        ("/empty", 400, "no_audio", "empty"),
        ("/round", 422, "fetch_failed", "redirect"),
        ("/file", 400, "invalid_url", "http"),
        ("/endless", 413, "file_too_large", "100000"),
        ("/old", 413, "file_too_large", "100000"),
        ("/live", 422, "fetch_failed", "live streams"),
        ("/large", 413, "file_too_large", "100000"),
        ("/torn", 422, "fetch_failed", "cut short"),
        ("/torn-chunks", 422, "fetch_failed", "cut short"),
        ("/silent", 422, "fetch_failed", "fetch"),
        ("/garbage", 422, "fetch_failed", "reached"),
    ] {
        let (got, name, message) = refused(&service, &source.url(path));
        assert_eq!((got, name.as_str()), (status, code), "{path}: {message}");
        assert!(message.contains(says), "{path}: {message}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(refused(&service, &format!("http://{closed}/")).1, "fetch_failed");
    for url in ["ftp://example.com/a.wav", "a.wav", "http://user:secret@example.com/", ""] {
        assert_eq!(refused(&service, url).1, "invalid_url", "{url}");
    }
    service.has_taken_nothing_in();
}

#[test]
fn an_invalid_request_is_refused_before_the_fetch() {
    let source = Source::start(vec![("/a.wav", file(recording("en_short.wav")))]);
    let service = Service::start_with(&[ALLOWED]);
    let url = source.url("/a.wav");
    for (body, code, param) in [
        (json!({ "language": "en" }), "missing_file", json!("url")),
        (json!({ "url": 7 }), "invalid_url", json!("url")),
        (json!({ "url": url, "langauge": "en" }), "unknown_option", json!("langauge")),
        (json!({ "url": url, "language": "klingon" }), "invalid_language", json!("language")),
        (json!({ "url": url, "temperature": "hot" }), "invalid_option", json!("temperature")),
        (json!({ "url": url, "word_timestamps": 7 }), "invalid_option", json!("word_timestamps")),
        (json!({ "url": url, "track": 0 }), "invalid_option", json!("track")),
        (json!({ "url": url, "start_secs": 3, "end_secs": 2.5 }), "invalid_option", json!("end_secs")),
        (json!({ "url": url, "metadata": [1] }), "invalid_metadata", json!("metadata")),
        (json!([url]), "invalid_body", json!(null)),
        (json!({ "url": url, "prompt": "x".repeat(300_000) }), "invalid_body", json!(null)),
    ] {
        let answer = submit(&service, &body);
        assert_eq!((answer.status, answer.error().as_str()), (400, code), "{answer:?}");
        assert_eq!(answer.json()["error"]["param"], param);
    }
    let answer = service.post_json("/jobs", &json!({ "url": url }));
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (503, "model_not_ready"),
        "nor while the model is not ready"
    );
    assert_eq!(source.times_asked("/a.wav"), 0);
    service.has_taken_nothing_in();
}

#[test]
fn nothing_is_fetched_for_a_queue_that_is_full() {
    let source = Source::start(vec![("/a.wav", file(recording("en_short.wav")))]);
    let service = Service::start_with(&[
        ALLOWED,
        ("VERBATIM__JOBS__MAX_QUEUED", "1"),
        ("VERBATIM__MODEL__PATH", "missing"),
    ]);
    service.queue("en_short.wav", &[]);
    let answer = submit(&service, &json!({ "url": source.url("/a.wav") }));
    assert_eq!((answer.status, answer.error().as_str()), (429, "queue_full"));
    assert_eq!(source.times_asked("/a.wav"), 0);
}

/// Twice as many as are fetched at a time: each comes to its turn.
#[test]
fn many_recordings_are_fetched_in_turn() {
    let source = Source::start(vec![("/a.wav", file(recording("en_short.wav")))]);
    let service = Service::start_with(&[ALLOWED, ("VERBATIM__MODEL__PATH", "missing")]);
    let body = json!({ "url": source.url("/a.wav") });
    thread::scope(|scope| {
        let sent: Vec<_> = (0..16).map(|_| scope.spawn(|| submit(&service, &body).status)).collect();
        assert!(sent.into_iter().all(|answer| answer.join().unwrap() == 202));
    });
    assert_eq!(service.get("/health").json()["jobs"]["queued"], 16);
}

#[test]
fn under_a_key_a_url_is_fetched_once() {
    let source = Source::start(vec![("/a.wav", file(recording("en_short.wav")))]);
    let service = Service::start_with(&[ALLOWED]);
    let send = |body: &Value| service.post_json_with("/jobs?queue=true", &[("idempotency-key", "k1")], body);
    let body = json!({ "url": source.url("/a.wav"), "language": "en" });
    let (first, again) = (send(&body), send(&body));
    assert_eq!((first.status, again.status), (202, 202), "{first:?} {again:?}");
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(source.times_asked("/a.wav"), 1);
    let other = send(&json!({ "url": source.url("/a.wav"), "language": "de" }));
    assert_eq!((other.status, other.error().as_str()), (422, "idempotency_key_reused"));
}

#[test]
fn a_job_that_was_fetched_needs_its_source_no_more() {
    let bytes = recording("long.ogg");
    let mut service = Service::start_with(&[ALLOWED]);
    let source = Source::start(vec![("/long.ogg", file(bytes))]);
    let answer = submit(&service, &json!({ "url": source.url("/long.ogg") }));
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    service.kill_and_restart();
    assert_eq!(service.finished(&id)["result"]["text"], fixtures::text("long.ogg").as_str());
    assert_eq!(source.times_asked("/long.ogg"), 1);
}
