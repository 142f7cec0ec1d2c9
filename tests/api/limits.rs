//! What one caller may take of the service.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;

use rustix::net::sockopt::set_socket_recv_buffer_size;

use super::service::{Service, wait_until};

#[test]
fn too_many_requests_are_answered_with_retry_after() {
    let service = Service::start_with(&[("VERBATIM__LIMITS__REQUESTS_PER_MINUTE", "3")]);
    for _ in 0..3 {
        assert_eq!(service.get("/model/status").status, 200);
    }
    let refused = service.get("/jobs");
    assert_eq!((refused.status, refused.error().as_str()), (429, "rate_limited"));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(service.get("/health").status, 200, "health checks are not counted");
}

#[test]
fn no_more_event_streams_are_open_than_allowed() {
    let service = Service::start_with(&[("VERBATIM__LIMITS__MAX_EVENT_STREAMS", "2")]);
    let mut open: Vec<_> = (0..2).map(|_| service.events("/model/events", None)).collect();
    assert!(open.iter_mut().all(|events| events.next().is_some()));
    let refused = service.get("/model/events");
    assert_eq!((refused.status, refused.error().as_str()), (503, "too_many_streams"));
    assert!(refused.header("retry-after").is_some());
    open.clear();
    wait_until("a stream that was left stays open", || service.status_of("/model/events") == 200);
}

#[test]
fn a_client_that_takes_nothing_of_its_answers_is_dropped() {
    let service = Service::start_with(&[("VERBATIM__LIMITS__STALLED_CLIENT_SECS", "1")]);
    let mut client = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).unwrap();
    set_socket_recv_buffer_size(&client, 4096).unwrap();
    // Far more answers than both ends have room for. Once the service takes no more requests, its hands are full.
    client.set_write_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
    let many = "GET /model/status HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    while client.write_all(many.as_bytes()).is_ok() {}
    let is_dropped =
        |error: std::io::Error| ![ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind());
    wait_until("the client is still connected", || client.write(b"GET").is_err_and(is_dropped));
    assert_eq!(service.get("/health").status, 200);
}
