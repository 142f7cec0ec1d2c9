//! A receiver of webhooks with scripted answers. It is not `wiremock`, whose answers are always valid HTTP and whose
//! expectations are checked at the end: these tests need garbage, connections that close or stay open without an answer,
//! and a wait for a request from tests that are not async.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

/// Nothing that arrives takes this long: a test that hangs should say where.
const HANG_GUARD: Duration = Duration::from_secs(60);

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Received {
    pub fn id(&self) -> &str {
        self.headers["webhook-id"].to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What the official library says of its signature.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let webhook = standardwebhooks::Webhook::new(secret).unwrap();
        webhook.verify(self.body.as_bytes(), &self.headers).is_ok()
    }
}

/// The answer to a request, raw; `None` closes the connection when the sender does.
type Answer = Option<String>;

pub struct Sink {
    pub address: SocketAddr,
    shared: Arc<(Mutex<Vec<Received>>, Condvar)>,
}

impl Sink {
    /// `answer` gets a request and how many came to the same path before it.
    pub fn start(answer: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared: Arc<(Mutex<Vec<Received>>, Condvar)> = Arc::default();
        let (all, answer) = (shared.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (all, answer) = (all.clone(), answer.clone());
                thread::spawn(move || serve(stream, &all, answer.as_ref()));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until so many requests came to a path, and gives them.
    pub fn until(&self, path: &str, count: usize) -> Vec<Received> {
        self.wait(path, count, |_| true)
    }

    /// Waits until a request of the kind came to a path, and gives all of them.
    pub fn until_any(&self, path: &str, kind: impl Fn(&Received) -> bool) -> Vec<Received> {
        self.wait(path, 1, kind)
    }

    /// Whether a request of the kind has come to a path.
    pub fn has(&self, path: &str, kind: impl Fn(&Received) -> bool) -> bool {
        lock(&self.shared.0).iter().any(|request| request.path == path && kind(request))
    }

    fn wait(&self, path: &str, count: usize, kind: impl Fn(&Received) -> bool) -> Vec<Received> {
        let of_kind =
            |all: &[Received]| all.iter().filter(|r| r.path == path && kind(r)).cloned().collect::<Vec<_>>();
        let (all, changed) = (&self.shared.0, &self.shared.1);
        let waited = changed.wait_timeout_while(lock(all), HANG_GUARD, |all| of_kind(all).len() < count);
        let (all, timeout) = waited.unwrap();
        assert!(!timeout.timed_out(), "{path} had {} of {count}", of_kind(&all).len());
        of_kind(&all)
    }
}

fn lock(all: &Mutex<Vec<Received>>) -> MutexGuard<'_, Vec<Received>> {
    all.lock().unwrap()
}

fn serve(
    mut stream: TcpStream,
    shared: &(Mutex<Vec<Received>>, Condvar),
    answer: &dyn Fn(&Received, usize) -> Answer,
) {
    // A sender that was killed leaves half a request.
    let Some(received) = read(&stream) else { return };
    let answer = {
        let mut all = lock(&shared.0);
        let before = all.iter().filter(|other| other.path == received.path).count();
        let answer = answer(&received, before);
        all.push(received);
        answer
    };
    shared.1.notify_all();
    match answer {
        // The sender may have disconnected.
        Some(text) => drop(stream.write_all(text.as_bytes())),
        None => drop(stream.read_to_end(&mut vec![])),
    }
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HeaderMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(http::HeaderName::try_from(name).ok()?, value.parse().ok()?);
    }
    let length = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received { path, headers, body: String::from_utf8(body).ok()? })
}

pub fn status(code: u16) -> Answer {
    with(code, "")
}

/// An answer with a header line.
pub fn with(code: u16, header: &str) -> Answer {
    let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    Some(format!("HTTP/1.1 {code} So\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n"))
}
