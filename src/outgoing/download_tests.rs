//! Downloads from a small server on this machine, over TLS, where a body's end and a connection's are far apart.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::thread;

use futures_util::TryStreamExt;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// Answers every request for localhost with `answer` and closes; `farewell` says whether with TLS's `close_notify`.
fn source(answer: Vec<u8>, farewell: bool) -> (HttpSources, String) {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let private = PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/talk.mp3", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for tcp in listener.incoming().map_while(Result::ok) {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), tcp);
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            stream.write_all(&answer).unwrap();
            if farewell {
                stream.conn.send_close_notify();
            }
            stream.flush().unwrap();
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(key.cert.der().clone()).unwrap();
    let rules = AddressRules::new(true, &[]).unwrap();
    (HttpSources { rules, tls: tls::with_roots(roots) }, url)
}

/// All that comes, or how it ends.
async fn fetched(answer: Vec<u8>, farewell: bool) -> io::Result<Vec<u8>> {
    let (sources, url) = source(answer, farewell);
    let download = sources.open(&url).await.unwrap();
    assert_eq!(download.name.as_deref(), Some("talk.mp3"));
    download.body.try_fold(vec![], async |so_far, more| Ok([&so_far[..], &more].concat())).await
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes(), body].concat()
}

fn body() -> Vec<u8> {
    (0..300_000u32).map(|n| n.to_le_bytes()[0]).collect()
}

/// In chunks, without the last one.
fn chunks() -> Vec<u8> {
    body()
        .chunks(70_000)
        .flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())
        .collect()
}

#[actix_rt::test]
async fn a_body_that_came_whole_is_whole_however_the_connection_ends() {
    for farewell in [true, false] {
        let with_length = answer("content-length: 300000\r\nconnection: close", &body());
        assert_eq!(fetched(with_length, farewell).await.unwrap(), body());
        let in_chunks = answer("transfer-encoding: chunked", &[chunks(), b"0\r\n\r\n".to_vec()].concat());
        assert_eq!(fetched(in_chunks, farewell).await.unwrap(), body());
    }
    let empty = answer("content-length: 0", b"");
    assert_eq!(fetched(empty, true).await.unwrap(), b"");
}

#[actix_rt::test]
async fn a_truncated_body_is_an_error_however_it_ends() {
    for farewell in [true, false] {
        assert!(fetched(answer("content-length: 300001", &body()), farewell).await.is_err());
        assert!(fetched(answer("transfer-encoding: chunked", &chunks()), farewell).await.is_err());
    }
}
