//! Downloads from a small hub on this machine.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use rustls::RootCertStore;
use rustls::crypto::ring;

use super::*;
use crate::models::checksum::sidecar_path;

const LENGTH: usize = 300_000;
const SHA256: &str = "ef93ea35e0d57c240d6881a7a288f3e21290422230b63b6ecae120ae3eec9cce";
const CATALOG: Catalog = Catalog::new(&[
    KnownModel { name: "test", size: "293 KiB", sha1: "887677f60b274b45b980d0f8ba4e6c794bd71f99" },
    KnownModel { name: "other", size: "1 B", sha1: "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
]);

fn content() -> Vec<u8> {
    (0..LENGTH).map(|i| ((i * 7 + (i >> 8)) % 251) as u8).collect()
}

/// How the hub answers one request.
#[derive(Clone, Copy)]
enum Answer {
    /// The file, or the part asked for.
    Serve,
    /// The whole file whatever is asked for.
    WholeOnly,
    /// Closes after so many bytes of the body.
    CutAt(usize),
    /// The right length and one wrong byte.
    Corrupt,
    /// To the same file under another address.
    Redirect,
    /// A range that was not asked for.
    WrongRange,
    Fail(u16),
}

/// Answers one connection after the other and gives back the heads of the requests.
struct Hub {
    address: SocketAddr,
    thread: JoinHandle<Vec<String>>,
}

impl Hub {
    fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers: Vec<_> = answers.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let accept = |answer| {
                let (mut stream, _) = listener.accept().unwrap();
                let head = read_head(&mut stream);
                respond(&mut stream, answer, &head);
                head
            };
            answers.into_iter().map(accept).collect()
        });
        Self { address, thread }
    }

    fn requests(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

fn asked_start(head: &str) -> Option<usize> {
    let (_, range) = head.split_once("range: bytes=")?;
    range.split_once('-')?.0.parse().ok()
}

fn respond(stream: &mut TcpStream, answer: Answer, head: &str) {
    let mut body = content();
    let (status, extra, start) = match (answer, asked_start(head)) {
        (Answer::Fail(status), _) => {
            body.clear();
            (status, String::new(), 0)
        }
        (Answer::Redirect, _) => {
            body.clear();
            (302, "location: /cdn/file?x=1\r\n".into(), 0)
        }
        (Answer::WrongRange, _) => (206, format!("content-range: bytes 0-9/{LENGTH}\r\n"), 0),
        (Answer::Serve, Some(start)) if start >= LENGTH => {
            body.clear();
            (416, format!("content-range: bytes */{LENGTH}\r\n"), 0)
        }
        (Answer::Serve | Answer::CutAt(_) | Answer::Corrupt, Some(start)) => {
            (206, format!("content-range: bytes {start}-{}/{LENGTH}\r\n", LENGTH - 1), start)
        }
        (Answer::Serve | Answer::CutAt(_) | Answer::Corrupt, None) | (Answer::WholeOnly, _) => {
            (200, String::new(), 0)
        }
    };
    if let (Answer::Corrupt, Some(last)) = (answer, body.last_mut()) {
        *last ^= 1;
    }
    let body = body.get(start..).unwrap_or_default();
    let sent = if let Answer::CutAt(at) = answer { &body[..at] } else { body };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\netag: \"v1\"\r\n{extra}content-length: {length}\r\n\r\n"
    );
    // The client may have seen enough already.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
}

struct Place {
    dir: tempfile::TempDir,
    config: PullConfig,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let config = PullConfig {
            dir: dir.path().join("models"),
            source_url: String::new(),
            catalog: CATALOG,
            tls: Arc::new(tls),
        };
        Self { dir, config }
    }

    fn pull(&mut self, hub: &Hub) -> Result<Pulled, PullError> {
        self.config.source_url = format!("http://{}/main/", hub.address);
        pull_blocking("test", &self.config, |_, _| {})
    }

    fn target(&self) -> PathBuf {
        self.dir.path().join("models/ggml-test.bin")
    }

    fn part(&self) -> PathBuf {
        part_path(&self.target())
    }

    fn put_part(&self, bytes: &[u8]) {
        fs::create_dir_all(&self.config.dir).unwrap();
        fs::write(self.part(), bytes).unwrap();
    }

    /// The file, its checksum, and nothing else.
    fn assert_complete(&self) {
        assert_eq!(fs::read(self.target()).unwrap(), content());
        let line = format!("{SHA256}  ggml-test.bin\n");
        assert_eq!(fs::read_to_string(sidecar_path(&self.target())).unwrap(), line);
        assert_eq!(fs::read_dir(&self.config.dir).unwrap().count(), 2);
    }

    fn assert_nothing_left(&self) {
        assert_eq!(fs::read_dir(&self.config.dir).unwrap().count(), 0);
    }
}

#[test]
fn a_model_is_downloaded_and_verified_with_progress() {
    let mut place = Place::new();
    let hub = Hub::start([Answer::Serve]);
    place.config.source_url = format!("http://{}/main", hub.address);
    let mut seen = Vec::new();
    let pulled = pull_blocking("test", &place.config, |done, total| seen.push((done, total))).unwrap();
    assert_eq!(pulled, Pulled::Downloaded(place.target()));
    place.assert_complete();
    assert_eq!(seen.first(), Some(&(0, Some(LENGTH as u64))));
    assert_eq!(seen.last(), Some(&(LENGTH as u64, Some(LENGTH as u64))));
    let requests = hub.requests();
    assert!(requests[0].starts_with("get /main/ggml-test.bin http/1.1\r\n"), "{}", requests[0]);
    assert!(!requests[0].contains("range:"));
}

#[test]
fn a_download_that_was_cut_continues_where_it_stopped() {
    let mut place = Place::new();
    let hub = Hub::start([Answer::CutAt(100_000), Answer::CutAt(50_000), Answer::Serve]);
    for so_far in [100_000, 150_000] {
        let error = place.pull(&hub).unwrap_err();
        assert!(matches!(error, PullError::Interrupted { done, .. } if done == so_far), "{error}");
    }
    assert!(matches!(place.pull(&hub).unwrap(), Pulled::Downloaded(_)));
    place.assert_complete();
    let requests = hub.requests();
    assert!(requests[1].contains("range: bytes=100000-") && requests[1].contains("if-range: \"v1\""));
    assert!(requests[2].contains("range: bytes=150000-"));
}

#[test]
fn a_server_without_ranges_sends_it_all_again() {
    let mut place = Place::new();
    place.put_part(b"something older");
    let hub = Hub::start([Answer::WholeOnly]);
    place.pull(&hub).unwrap();
    place.assert_complete();
}

#[test]
fn a_range_that_does_not_fit_starts_the_download_over() {
    let mut place = Place::new();
    place.put_part(b"0123456789");
    let hub = Hub::start([Answer::WrongRange, Answer::Serve]);
    place.pull(&hub).unwrap();
    place.assert_complete();
}

#[test]
fn a_part_that_is_whole_already_is_only_verified() {
    let mut place = Place::new();
    place.put_part(&content());
    let hub = Hub::start([Answer::Serve]);
    place.pull(&hub).unwrap();
    place.assert_complete();
}

#[test]
fn a_part_longer_than_the_file_is_thrown_away() {
    let mut place = Place::new();
    place.put_part(&vec![0; LENGTH + 1]);
    let hub = Hub::start([Answer::Serve, Answer::Serve]);
    place.pull(&hub).unwrap();
    place.assert_complete();
}

#[test]
fn a_redirect_is_followed_with_the_range() {
    let mut place = Place::new();
    place.put_part(&content()[..1000]);
    let hub = Hub::start([Answer::Redirect, Answer::Serve]);
    place.pull(&hub).unwrap();
    place.assert_complete();
    let requests = hub.requests();
    assert!(requests[1].starts_with("get /cdn/file?x=1 "), "{}", requests[1]);
    assert!(requests[1].contains("range: bytes=1000-"));
}

#[test]
fn a_corrupt_download_is_removed_and_named() {
    let mut place = Place::new();
    let error = place.pull(&Hub::start([Answer::Corrupt])).unwrap_err();
    assert!(matches!(error, PullError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("887677f60b274b45b980d0f8ba4e6c794bd71f99"));
    place.assert_nothing_left();
}

#[test]
fn a_model_that_is_there_is_verified_and_not_downloaded() {
    let mut place = Place::new();
    fs::create_dir_all(&place.config.dir).unwrap();
    fs::write(place.target(), content()).unwrap();
    let hub = Hub::start([]);
    assert_eq!(place.pull(&hub).unwrap(), Pulled::AlreadyThere(place.target()));
    place.assert_complete();
}

#[test]
fn another_file_under_the_models_name_is_left_alone() {
    let mut place = Place::new();
    fs::create_dir_all(&place.config.dir).unwrap();
    fs::write(place.target(), "mine").unwrap();
    let error = place.pull(&Hub::start([])).unwrap_err();
    assert!(matches!(error, PullError::Differs { .. }), "{error}");
    assert_eq!(fs::read_to_string(place.target()).unwrap(), "mine");
}

#[test]
fn two_downloads_of_one_model_do_not_mix() {
    let mut place = Place::new();
    place.put_part(b"");
    let _held = open_alone(&place.part()).unwrap();
    let error = place.pull(&Hub::start([])).unwrap_err();
    assert!(matches!(error, PullError::Busy { .. }), "{error}");
}

#[test]
fn an_unknown_name_is_answered_with_the_right_ones() {
    let place = Place::new();
    let error = pull_blocking("tset", &place.config, |_, _| {}).unwrap_err();
    assert_eq!(error.to_string(), "unknown model \"tset\": the known ones are test, other");
}

#[test]
fn a_hub_that_fails_gives_a_clear_sentence_and_leaves_nothing() {
    let mut place = Place::new();
    let error = place.pull(&Hub::start([Answer::Fail(404)])).unwrap_err();
    assert!(error.to_string().contains("/main/ggml-test.bin is not there (404)"), "{error}");
    place.assert_nothing_left();
    let error = place.pull(&Hub::start([Answer::Fail(503)])).unwrap_err();
    assert!(matches!(error, PullError::Status { status: 503, .. }), "{error}");
    let closed = Hub::start([]);
    let address = closed.address;
    closed.requests();
    place.config.source_url = format!("http://{address}");
    let error = pull_blocking("test", &place.config, |_, _| {}).unwrap_err();
    assert!(matches!(&error, PullError::Unreachable { detail, .. } if detail.contains("refused")), "{error}");
    place.assert_nothing_left();
}

#[test]
fn a_source_that_is_no_url_is_an_error() {
    let mut place = Place::new();
    place.config.source_url = "not a url".into();
    let error = pull_blocking("test", &place.config, |_, _| {}).unwrap_err();
    assert!(matches!(error, PullError::Unreachable { .. }), "{error}");
}
