//! What web pages may do, and addresses as clients write them.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::service::{HANG_GUARD, SLOW, Service, signal};

const ORIGIN: &str = "https://app.example.com";

#[test]
fn a_page_under_a_name_of_its_own_gets_nothing() {
    let service = Service::start_with(&[("VERBATIM__SERVER__ALLOWED_HOSTS", "asr.example.com")]);
    let refused = service.get_with("/jobs", &[("host", "evil.example")]);
    assert_eq!((refused.status, refused.error().as_str()), (403, "forbidden_host"));
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("allowed_hosts"));
    for host in ["localhost:8080", "verbatim", "192.168.1.4:8080", "asr.example.com"] {
        assert_eq!(service.get_with("/jobs", &[("host", host)]).status, 200, "{host}");
    }
    assert_eq!(service.get_with("/health/ready", &[("host", "evil.example")]).status, 200);
}

#[test]
fn a_page_of_another_site_changes_nothing() {
    let service = Service::start();
    service.load();
    for header in [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let refused = service.post_json_with("/model/unload", &[header], &serde_json::json!({}));
        assert_eq!((refused.status, refused.error().as_str()), (403, "forbidden_origin"), "{header:?}");
        let refused = service.post_form_with("/jobs", &[header], Some(("a.wav", b"never read")), &[]);
        assert_eq!(refused.status, 403, "{header:?}");
    }
    assert_eq!(service.get("/model/status").json()["state"], "ready");
    let own = service.base.clone();
    assert_eq!(service.get_with("/jobs", &[("origin", &own)]).status, 200, "the service's own page");
}

#[test]
fn allowed_origins_are_answered_and_preflights_need_no_key() {
    let key = "a-key-of-many-letters-for-a-page";
    let service = Service::start_with(&[
        ("VERBATIM__SERVER__CORS_ORIGINS", ORIGIN),
        ("VERBATIM__AUTH__MODE", "keys"),
        ("VERBATIM__AUTH__KEYS", key),
    ]);
    for (path, method) in
        [("/v1/audio/transcriptions", "POST"), ("/jobs/1/events", "GET"), ("/webhooks/1", "DELETE")]
    {
        let asked = [
            ("origin", ORIGIN),
            ("access-control-request-method", method),
            ("access-control-request-headers", "authorization,last-event-id"),
        ];
        let answer = service.options(path, &asked);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN), "{path}");
        assert!(answer.header("access-control-allow-methods").unwrap().contains(method), "{path}");
    }
    let foreign = [("origin", "http://evil.example"), ("access-control-request-method", "POST")];
    let answer = service.options("/jobs", &foreign);
    assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:?}");
    let service = service.with_key(key);
    let answer = service.get_with("/jobs", &[("origin", ORIGIN)]);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(ORIGIN)));
}

#[test]
fn a_slash_too_many_is_no_matter() {
    let service = Service::start();
    for path in ["/jobs/", "//jobs", "/model//status/", "/v1/models/", "/health/ready/"] {
        assert_eq!(service.get(path).status, 200, "{path}");
    }
    let refused = service.post_form("/v1/audio/transcriptions/", None, &[("model", "whisper-1")]);
    assert_eq!((refused.status, refused.error().as_str()), (400, "missing_file"));
}

#[test]
fn a_connection_is_kept_for_as_long_as_the_settings_say() {
    let services = [Service::start(), Service::start_with(&[("VERBATIM__SERVER__KEEP_ALIVE_SECS", "1")])];
    // Those of the default service are idle from before the others are; some have not had a request yet.
    let [mut long_unused, mut short_unused] = services.each_ref().map(connected);
    let [mut long, mut short] = services.each_ref().map(connected);
    let answer = ask(&mut long);
    ask(&mut short);
    // The service closes the connection by itself: reading comes to an end.
    assert_eq!(short.read(&mut [0]).unwrap(), 0);
    short_unused.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(ask(&mut long), answer, "it is still there");
    assert_eq!(ask(&mut long_unused), answer);
}

#[test]
fn the_last_answer_before_a_stop_closes_the_connection() {
    let service = Service::start_with(&SLOW);
    let running = service.queue("en_dense.wav", &[]);
    let mut events = service.events(&format!("/jobs/{running}/events"), None);
    assert!(events.by_ref().any(|event| event.name == "progress"));
    let mut stream = connected(&service);
    assert!(!ask(&mut stream).contains("connection: close"));
    signal("TERM", service.pid());
    // The chunk that runs is waited for; meanwhile every connection gets one more answer.
    while !ask(&mut stream).contains("connection: close") {}
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

fn connected(service: &Service) -> TcpStream {
    let stream = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(HANG_GUARD)).unwrap();
    stream
}

/// The status and the headers of an answer, in lower case, but for those that are never the same.
fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"HEAD /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let differs = |line: &&str| line.starts_with("date:") || line.starts_with("x-request-id:");
    let mut same: Vec<_> = head.lines().filter(|line| !differs(line)).collect();
    same.sort_unstable();
    same.join("\n")
}
