//! Traces, as a collector of OpenTelemetry receives them. Only with the feature `otel`:
//! `cargo test --features otel --test api -- traces`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::fixtures::audio;
use super::service::{HANG_GUARD, Service};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Takes what is sent by OTLP, and gives the bodies.
fn collector() -> (String, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, bodies) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            thread::spawn(move || while take(&stream, &sender).is_some() {});
        }
    });
    (format!("http://{address}"), bodies)
}

fn take(stream: &TcpStream, bodies: &mpsc::Sender<Vec<u8>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = None;
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|bytes| *bytes > 0)?;
    assert!(first.starts_with("POST /v1/traces "), "{first}");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = Some(value.parse().unwrap());
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length?];
    reader.read_exact(&mut body).ok()?;
    bodies.send(body).ok()?;
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
    (&mut &*stream).write_all(answer.as_bytes()).ok()
}

fn holds(bodies: &[u8], part: &[u8]) -> bool {
    bodies.windows(part.len()).any(|window| window == part)
}

#[test]
fn the_spans_of_a_job_belong_to_the_trace_of_its_request() {
    let (endpoint, bodies) = collector();
    let service = Service::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    let recording = std::fs::read(audio("en_short.wav")).unwrap();
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let file = Some(("a.wav", &recording[..]));
    let taken = service.post_form_with("/jobs?queue=true", &[("traceparent", &parent)], file, &[]);
    assert_eq!(taken.status, 202, "{taken:?}");
    service.finished(taken.json()["id"].as_str().unwrap());
    let (code, _dir) = service.stop();
    assert!(code.success(), "{code}");

    let mut sent = bodies.recv_timeout(HANG_GUARD).unwrap();
    bodies.try_iter().for_each(|body| sent.extend(body));
    for name in ["request", "queue wait", "model load", "chunks", "job run", "verbatim", "/jobs/{id}"] {
        assert!(holds(&sent, name.as_bytes()), "{name}");
    }
    let trace: Vec<u8> =
        (0..16).map(|at| u8::from_str_radix(&TRACE[2 * at..2 * at + 2], 16).unwrap()).collect();
    let spans_of_it = sent.windows(16).filter(|window| *window == trace).count();
    assert!(spans_of_it >= 4, "{spans_of_it} spans in the trace of the request");
}
