//! Deliveries to a small receiver on this machine.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use http::HeaderMap;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use standardwebhooks::WebhookError;

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Takes one request, answers with fixed text and closes.
struct Receiver {
    address: SocketAddr,
    thread: JoinHandle<Received>,
}

struct Received {
    head: String,
    body: String,
}

impl Receiver {
    fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::with(move |stream| {
            // The sender may have read enough and closed.
            let _ = stream.write_all(&answer);
        })
    }

    /// Never answers: waits until the sender gives up.
    fn silent() -> Self {
        Self::with(|stream| {
            let _ = stream.read_to_end(&mut Vec::new());
        })
    }

    fn with(after: impl FnOnce(&mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let received = read_request(&mut stream);
            after(&mut stream);
            received
        });
        Self { address, thread }
    }

    fn url(&self) -> String {
        format!("http://{}/hook?a=1", self.address)
    }

    fn received(self) -> Received {
        self.thread.join().unwrap()
    }
}

fn read_request(stream: &mut TcpStream) -> Received {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).unwrap();
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert_ne!(read, 0, "the request ended in its head");
            continue;
        };
        if body.len() >= header(head, "content-length").unwrap().parse::<usize>().unwrap() {
            return Received { head: head.to_owned(), body: body.to_owned() };
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn webhooks(settings: WebhookConfig) -> HttpWebhooks {
    HttpWebhooks::new(settings).unwrap()
}

fn open() -> WebhookConfig {
    WebhookConfig { rules: AddressRules::new(true, &[]).unwrap(), ..WebhookConfig::default() }
}

fn delivery(url: impl Into<String>) -> Delivery {
    let body = r#"{"type":"model_ready","data":{"ü":1}}"#.into();
    Delivery { id: "msg_1".into(), url: url.into(), body, keys: vec![SigningKey::Service], traceparent: None }
}

async fn deliver_to(receiver: &Receiver) -> Result<u16, DeliveryFailure> {
    webhooks(open()).deliver(&delivery(receiver.url())).await
}

/// Checks a request as a receiver would, with the official library.
fn verify(received: &Received, secret: &str) -> Result<(), WebhookError> {
    let mut headers = HeaderMap::new();
    for name in [HEADER_WEBHOOK_ID, HEADER_WEBHOOK_TIMESTAMP, HEADER_WEBHOOK_SIGNATURE] {
        if let Some(value) = header(&received.head, name) {
            headers.insert(name, value.parse().unwrap());
        }
    }
    Webhook::new(secret).unwrap().verify(received.body.as_bytes(), &headers)
}

#[actix_rt::test]
async fn a_signed_delivery_is_verified_by_its_receiver() {
    let receiver = Receiver::answering(OK);
    let settings = WebhookConfig { secret: Some(Secret::new(SECRET)), ..open() };
    assert_eq!(webhooks(settings).deliver(&delivery(receiver.url())).await, Ok(200));
    let received = receiver.received();
    verify(&received, SECRET).unwrap();
    assert!(received.head.starts_with("POST /hook?a=1 HTTP/1.1\r\n"), "{}", received.head);
    assert_eq!(header(&received.head, "content-type"), Some("application/json"));
    assert_eq!(header(&received.head, "user-agent"), Some(concat!("verbatim/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(received.body, delivery("").body);
}

#[actix_rt::test]
async fn without_a_secret_a_delivery_has_an_id_and_no_signature() {
    let receiver = Receiver::answering("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(deliver_to(&receiver).await, Ok(204));
    let received = receiver.received();
    assert_eq!(header(&received.head, HEADER_WEBHOOK_ID), Some("msg_1"));
    assert_eq!(header(&received.head, HEADER_WEBHOOK_SIGNATURE), None);
}

#[actix_rt::test]
async fn every_status_but_2xx_is_a_failure_with_that_status() {
    for status in [301, 400, 404, 410, 429, 500, 503] {
        let receiver = Receiver::answering(format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n"));
        assert_eq!(deliver_to(&receiver).await, Err(DeliveryFailure::Status { status, retry_after: None }));
    }
}

#[actix_rt::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let location = elsewhere.local_addr().unwrap();
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: http://{location}/\r\ncontent-length: 0\r\n\r\n");
    let receiver = Receiver::answering(answer);
    assert_eq!(deliver_to(&receiver).await, Err(DeliveryFailure::Status { status: 302, retry_after: None }));
    assert!(elsewhere.accept().is_err());
}

#[actix_rt::test]
async fn a_receiver_that_never_answers_is_given_up() {
    let receiver = Receiver::silent();
    let settings = WebhookConfig { timeout: Duration::from_millis(50), ..open() };
    let outcome = webhooks(settings).deliver(&delivery(receiver.url())).await;
    assert_eq!(outcome, Err(DeliveryFailure::Unreachable("no answer within 0.05 s".into())));
}

#[actix_rt::test]
async fn an_endless_answer_is_cut_and_its_status_counts() {
    let receiver = Receiver::with(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        // Ends when the sender has closed.
        while stream.write_all(format!("1000\r\n{}\r\n", "x".repeat(0x1000)).as_bytes()).is_ok() {}
    });
    assert_eq!(deliver_to(&receiver).await, Ok(200));
    receiver.received();
}

#[actix_rt::test]
async fn garbage_and_a_closed_port_are_unreachable() {
    let receiver = Receiver::answering("nonsense\r\n\r\n");
    assert!(matches!(deliver_to(&receiver).await, Err(DeliveryFailure::Unreachable(_))));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["http", "https"] {
        let outcome = webhooks(open()).deliver(&delivery(format!("{scheme}://{closed}/"))).await;
        let Err(DeliveryFailure::Unreachable(message)) = outcome else { panic!("{outcome:?}") };
        assert!(message.to_lowercase().contains("refused"), "{message}");
    }
}

#[actix_rt::test]
async fn inner_targets_are_refused_however_they_are_written() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let webhooks = webhooks(WebhookConfig::default());
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "10.0.0.1"]
    {
        let outcome = webhooks.deliver(&delivery(format!("http://{host}:{port}/"))).await;
        assert!(matches!(outcome, Err(DeliveryFailure::Forbidden(_))), "{host}: {outcome:?}");
    }
    assert!(listener.accept().is_err(), "something connected");
}

#[actix_rt::test]
async fn a_refusal_inside_the_connector_reaches_the_caller_as_one() {
    // Past the check of the text, to the connector's own.
    let client = client(AddressRules::default(), tls::client_config());
    for url in ["http://localhost:9/", "https://localhost:9/", "http://[::ffff:127.0.0.1]:9/"] {
        let error = client.post(url).send().await.map(|_| ()).unwrap_err();
        assert!(matches!(failure(error), DeliveryFailure::Forbidden(_)), "{url}");
    }
}

#[actix_rt::test]
async fn metadata_addresses_are_refused_with_allow_private() {
    for host in ["169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "100.100.100.200"] {
        let outcome = webhooks(open()).deliver(&delivery(format!("http://{host}/"))).await;
        assert!(matches!(outcome, Err(DeliveryFailure::Forbidden(_))), "{host}: {outcome:?}");
    }
}

/// Answers one HTTPS request for localhost and returns the protocol agreed on. `None`: no handshake.
fn tls_receiver(key: &rcgen::CertifiedKey<rcgen::KeyPair>) -> (SocketAddr, JoinHandle<Option<Vec<u8>>>) {
    let private = PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), tcp);
        read_tls_head(&mut stream).ok()?;
        stream.write_all(OK.as_bytes()).ok()?;
        stream.conn.alpn_protocol().map(<[u8]>::to_vec)
    });
    (address, thread)
}

fn read_tls_head(stream: &mut impl Read) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(())
}

#[actix_rt::test]
async fn https_uses_http_1_and_needs_a_trusted_certificate() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (address, thread) = tls_receiver(&key);
    let mut roots = RootCertStore::empty();
    roots.add(key.cert.der().clone()).unwrap();
    let trusting = HttpWebhooks { client: client(open().rules, tls::with_roots(roots)), ..webhooks(open()) };
    let url = format!("https://localhost:{}/", address.port());
    assert_eq!(trusting.deliver(&delivery(url)).await, Ok(200));
    assert_eq!(thread.join().unwrap(), Some(b"http/1.1".to_vec()));
}

#[actix_rt::test]
async fn a_certificate_without_a_known_issuer_is_refused() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (address, thread) = tls_receiver(&key);
    let url = format!("https://localhost:{}/", address.port());
    let outcome = webhooks(open()).deliver(&delivery(url)).await;
    let Err(DeliveryFailure::Unreachable(message)) = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("certificate"), "{message}");
    assert_eq!(thread.join().unwrap(), None);
}

#[actix_rt::test]
async fn old_and_new_secret_verify_during_a_rotation() {
    const OWN: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let own = SigningKey::Own(Secret::new(OWN));
    let settings = WebhookConfig { secret: Some(Secret::new(SECRET)), ..open() };
    for (keys, by_own, by_service) in [
        (vec![SigningKey::Service], false, true),
        (vec![own.clone()], true, false),
        (vec![own, SigningKey::Service], true, true),
    ] {
        let receiver = Receiver::answering(OK);
        let delivery = Delivery { keys: keys.clone(), ..delivery(receiver.url()) };
        assert_eq!(webhooks(settings.clone()).deliver(&delivery).await, Ok(200));
        let received = receiver.received();
        assert_eq!(verify(&received, OWN).is_ok(), by_own, "{keys:?}");
        assert_eq!(verify(&received, SECRET).is_ok(), by_service, "{keys:?}");
    }
}

#[actix_rt::test]
async fn when_to_come_back_is_read_from_the_answer() {
    let receiver = Receiver::answering("HTTP/1.1 429 No\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n");
    let retry_after = Some(Duration::from_secs(7));
    assert_eq!(deliver_to(&receiver).await, Err(DeliveryFailure::Status { status: 429, retry_after }));
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    // 23 November 2026, 00:00:00 UTC.
    let now = UNIX_EPOCH + Duration::from_secs(1_795_392_000);
    let read = |text: &'static str| pause(&HeaderValue::from_static(text), now).map(|pause| pause.as_secs());
    assert_eq!(read("120"), Some(120));
    assert_eq!(read(" 0 "), Some(0));
    assert_eq!(read("Mon, 23 Nov 2026 00:01:40 GMT"), Some(100));
    assert_eq!(read("Sun, 22 Nov 2026 00:00:00 GMT"), Some(0), "long ago is now");
    for text in ["", "-1", "soon", "1.5"] {
        assert_eq!(read(text), None, "{text}");
    }
}
