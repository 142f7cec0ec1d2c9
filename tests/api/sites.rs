//! What web pages may do, and addresses as clients write them.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::service::{HANG_GUARD, Service};

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
    let service = Service::start_with(&[("VERBATIM__SERVER__KEEP_ALIVE_SECS", "1")]);
    let address = service.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(HANG_GUARD)).unwrap();
    stream.write_all(format!("GET /health/live HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes()).unwrap();
    // The service closes the connection by itself: reading comes to an end.
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
