//! What is wrong is named, and nothing is lost or left behind.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use super::fixtures;
use super::service::Service;

/// Answer to a form with this file and these fields.
fn refused(service: &Service, file: Option<&[u8]>, fields: &[(&str, &str)]) -> (u16, String, String) {
    let answer = service.post_form("/jobs?queue=true", file.map(|bytes| ("a.wav", bytes)), fields);
    let param = answer.json()["error"]["param"].as_str().unwrap_or("-").to_owned();
    (answer.status, answer.error(), param)
}

#[test]
fn a_bad_upload_is_refused_with_its_reason() {
    let service = Service::start();
    let good = fs::read(fixtures::audio("en_short.wav")).unwrap();
    let expect = |status: u16, code: &str, param: &str| (status, code.to_owned(), param.to_owned());
    assert_eq!(
        refused(&service, Some(b"hello, this is not audio"), &[]),
        expect(415, "unsupported_media", "file")
    );
    assert_eq!(refused(&service, Some(b""), &[]), expect(400, "no_audio", "file"));
    assert_eq!(refused(&service, Some(&fixtures::silent_wav(0)), &[]), expect(400, "no_audio", "file"));
    assert_eq!(refused(&service, Some(&good[..44]), &[]), expect(400, "no_audio", "file"));
    assert_eq!(refused(&service, None, &[("task", "transcribe")]), expect(400, "missing_file", "file"));
    assert_eq!(
        refused(&service, Some(&good), &[("language", "klingon")]),
        expect(400, "invalid_language", "language")
    );
    assert_eq!(refused(&service, Some(&good), &[("colour", "red")]), expect(400, "unknown_option", "colour"));
    assert_eq!(refused(&service, Some(&good), &[("task", "sing")]), expect(400, "invalid_option", "task"));
    assert_eq!(
        refused(&service, Some(&good), &[("temperature", "7")]),
        expect(400, "invalid_option", "temperature")
    );
    assert_eq!(
        refused(&service, Some(&good), &[("temperature", "NaN")]),
        expect(400, "invalid_option", "temperature")
    );
    assert_eq!(
        refused(&service, Some(&good), &[("metadata", "[1]")]),
        expect(400, "invalid_metadata", "metadata")
    );
    let url = [("webhook_url", "ftp://receiver.example/")];
    assert_eq!(refused(&service, Some(&good), &url), expect(400, "invalid_webhook_url", "webhook_url"));
    let url = [("webhook_url", "http://127.0.0.1/")];
    assert_eq!(refused(&service, Some(&good), &url), expect(400, "webhook_target_forbidden", "webhook_url"));
    assert_eq!(service.get("/jobs").json()["jobs"].as_array().unwrap().len(), 0);
    service.queue("en_short.wav", &[]);
}

#[test]
fn a_truncated_recording_gives_what_it_holds_or_a_reason() {
    let service = Service::start();
    for name in ["en_phrases.wav", "en_stereo44k.mp3", "long.ogg"] {
        let mut bytes = fs::read(fixtures::audio(name)).unwrap();
        bytes.truncate(bytes.len() / 3);
        let answer = service.post_form("/jobs?queue=true", Some((name, &bytes)), &[]);
        assert_eq!(answer.status, 202, "{name}: {answer:?}");
        let job = service.finished(answer.json()["id"].as_str().unwrap());
        assert_eq!(job["status"], "completed", "{name}: {job}");
        let warnings = job["warnings"].as_array().unwrap_or_else(|| panic!("{name} is cut short: {job}"));
        assert!(warnings[0].as_str().unwrap().contains("the recording"), "{name}: {warnings:?}");
        let text = job["result"]["text"].as_str().unwrap();
        let begins_well = fixtures::text(name).split(' ').zip(text.split(' ')).take(3).all(|(a, b)| a == b);
        assert!(begins_well && text.len() < fixtures::text(name).len(), "{name}: {text}");
    }
}

#[test]
fn bad_bodies_and_unknown_paths_have_the_same_error_shape() {
    let service = Service::start();
    let answer = service.post("/jobs?queue=true");
    assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_body"));
    let answer = service.post("/jobs?queue=perhaps");
    assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_query"));
    assert_eq!(answer.json()["error"]["param"], "queue");
    let answer = service.get("/nowhere");
    assert_eq!((answer.status, answer.error().as_str()), (404, "route_not_found"));
    let answer = service.post("/model/status");
    assert_eq!((answer.status, answer.error().as_str()), (405, "method_not_allowed"));
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    let answer = service.post("/model/load?wiat=true");
    assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_query"));
    for path in ["/jobs/nonsense", "/jobs/0190a0a0-0000-7000-8000-000000000000"] {
        let answer = service.get(path);
        assert_eq!((answer.status, answer.error().as_str()), (404, "job_not_found"));
        assert_eq!(service.delete(path).status, 404);
    }
    for query in ["status=done", "limit=0", "cursor=x"] {
        let answer = service.get(&format!("/jobs?{query}"));
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_query"), "{query}");
    }
}

#[test]
fn an_upload_over_the_limit_is_refused_and_removed() {
    let service = Service::start_with(&[("VERBATIM__SERVER__MAX_UPLOAD_BYTES", "100000")]);
    let answer = service.post_form("/jobs?queue=true", Some(("a.wav", &fixtures::silent_wav(60_000))), &[]);
    assert_eq!((answer.status, answer.error().as_str()), (413, "file_too_large"));
    assert_eq!(fs::read_dir(service.dir.path().join("data/blobs")).unwrap().count(), 0);
}

#[test]
fn an_upload_that_no_disk_can_hold_is_refused_before_it_is_read() {
    let service = Service::start_with(&[("VERBATIM__SERVER__MAX_UPLOAD_BYTES", "9007199254740992")]);
    let mut socket = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).unwrap();
    let head = "POST /jobs?queue=true HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\n\
                content-length: 9007199254740000\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 507"), "{line}");
}

#[test]
fn answers_are_data_and_nothing_else() {
    let service = Service::start();
    for path in ["/health", "/nothing", "/jobs"] {
        let answer = service.get(path);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"), "{path}");
    }
}
