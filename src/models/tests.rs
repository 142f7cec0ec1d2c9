//! Downloads from a small hub on this machine.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use actors::ports::PullStage;

use sha2::{Digest, Sha256};

use super::*;
use crate::hex::hex;
use crate::models::checksum::{Expected, sidecar_path};
use crate::models::file::open_alone;

const LENGTH: usize = 300_000;
const SHA256: &str = "ef93ea35e0d57c240d6881a7a288f3e21290422230b63b6ecae120ae3eec9cce";
const CATALOG: Catalog = Catalog::new(&[MODELS]);
const MODELS: &[KnownModel] = &[
    KnownModel {
        name: "test",
        bytes: LENGTH as u64,
        origin: Origin::WhisperCpp,
        pin: Pin::Pinned(Expected::sha1("887677f60b274b45b980d0f8ba4e6c794bd71f99")),
    },
    KnownModel {
        name: "elsewhere",
        bytes: LENGTH as u64,
        origin: Origin::File { repository: "org/repo", file: "ggml-model.bin" },
        pin: Pin::Hub,
    },
    KnownModel {
        name: "folder",
        bytes: LENGTH as u64,
        origin: Origin::Folder { repository: "org/folder", files: &["config.json", "vocabulary.txt"] },
        pin: Pin::Pinned(Expected::sha256(SHA256)),
    },
];

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
    /// The same, with what the hub says of the file's checksum.
    RedirectWith(&'static str),
    /// Another file, whole, and its tag.
    Small(&'static str, &'static str),
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
        (Answer::RedirectWith(tag), _) => {
            body.clear();
            (302, format!("location: /cdn/file\r\nx-linked-etag: \"{tag}\"\r\n"), 0)
        }
        (Answer::Small(text, _), _) => {
            body = text.as_bytes().to_vec();
            (200, String::new(), 0)
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
    let tag = if let Answer::Small(_, tag) = answer { tag } else { "v1" };
    let head = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\netag: \"{tag}\"\r\n{extra}content-length: {length}\r\n\r\n"
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
        let config = PullConfig {
            dir: dir.path().join("models"),
            source_url: String::new(),
            hub_url: String::new(),
            catalog: CATALOG,
            roots: Vec::new,
        };
        Self { dir, config }
    }

    fn pull(&mut self, hub: &Hub) -> Result<Pulled, PullError> {
        self.pull_named("test", hub)
    }

    fn pull_named(&mut self, name: &str, hub: &Hub) -> Result<Pulled, PullError> {
        self.config.source_url = format!("http://{}/main/", hub.address);
        self.config.hub_url = format!("http://{}/", hub.address);
        self.pull_wanted(&Wanted::named(name, CATALOG).unwrap())
    }

    fn pull_wanted(&self, wanted: &Wanted) -> Result<Pulled, PullError> {
        pull(wanted, &self.config, &|| true, &mut |_| {})
    }

    fn path(&self, name: &str) -> PathBuf {
        self.config.dir.join(name)
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
fn a_model_is_downloaded_verified_and_told_of_as_it_comes() {
    let mut place = Place::new();
    let hub = Hub::start([Answer::Serve]);
    place.config.source_url = format!("http://{}/main", hub.address);
    let mut seen = Vec::new();
    let wanted = Wanted::named("test", CATALOG).unwrap();
    let pulled = pull(&wanted, &place.config, &|| true, &mut |step| seen.push(step)).unwrap();
    assert_eq!(pulled, Pulled::Downloaded(place.target()));
    place.assert_complete();
    let total_bytes = Some(LENGTH as u64);
    assert_eq!(seen.first(), Some(&PullStep { stage: PullStage::Pulling, bytes: 0, total_bytes }));
    let last = PullStep { stage: PullStage::Verifying, bytes: LENGTH as u64, total_bytes };
    assert_eq!(seen.last(), Some(&last));
    let requests = hub.requests();
    assert!(requests[0].starts_with("get /main/ggml-test.bin http/1.1\r\n"), "{}", requests[0]);
    assert!(!requests[0].contains("range:"));
}

#[test]
fn a_download_that_was_cut_goes_on_where_it_stopped() {
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
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = Wanted::named("tset", CATALOG).unwrap_err();
    assert_eq!(error.to_string(), "unknown model \"tset\": the known ones are test, elsewhere, folder");
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
    let error = place.pull_wanted(&Wanted::named("test", CATALOG).unwrap()).unwrap_err();
    assert!(matches!(&error, PullError::Unreachable { detail, .. } if detail.contains("refused")), "{error}");
    place.assert_nothing_left();
}

#[test]
fn a_source_that_is_no_url_is_an_error() {
    let mut place = Place::new();
    place.config.source_url = "not a url".into();
    let error = place.pull_wanted(&Wanted::named("test", CATALOG).unwrap()).unwrap_err();
    assert!(matches!(error, PullError::BadUrl { .. }), "{error}");
}

#[test]
fn a_cancelled_download_goes_on_where_it_stopped() {
    let mut place = Place::new();
    let hub = Hub::start([Answer::Serve, Answer::Serve]);
    place.config.source_url = format!("http://{}/main", hub.address);
    let wanted = Wanted::named("test", CATALOG).unwrap();
    let so_far = std::cell::Cell::new(0);
    let outcome = pull(&wanted, &place.config, &|| so_far.get() == 0, &mut |step| so_far.set(step.bytes));
    assert!(matches!(outcome, Err(PullError::Cancelled)));
    let length = fs::metadata(place.part()).unwrap().len();
    assert!(length > 0 && length < LENGTH as u64, "{length}");
    place.pull(&hub).unwrap();
    place.assert_complete();
    assert!(hub.requests()[1].contains(&format!("range: bytes={length}-")));
}

#[test]
fn unpinned_weights_are_held_to_the_checksum_that_the_hub_names() {
    let mut place = Place::new();
    let hub = Hub::start([Answer::RedirectWith(SHA256), Answer::Serve]);
    place.pull_named("elsewhere", &hub).unwrap();
    assert_eq!(fs::read(place.path("ggml-elsewhere.bin")).unwrap(), content());
    assert!(hub.requests()[0].starts_with("get /org/repo/resolve/main/ggml-model.bin "));

    let mut place = Place::new();
    let corrupt = place.pull_named("elsewhere", &Hub::start([Answer::RedirectWith(SHA256), Answer::Corrupt]));
    assert!(matches!(corrupt, Err(PullError::Corrupt { .. })), "{corrupt:?}");
    // What the server says that the hub redirects to is nothing that the hub says.
    let unknown = place.pull_named("elsewhere", &Hub::start([Answer::Redirect, Answer::Serve]));
    assert!(matches!(unknown, Err(PullError::NoChecksum { .. })), "{unknown:?}");
    assert!(!place.path("ggml-elsewhere.bin").exists());
}

const CONFIG: Answer = Answer::Small("abc", "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f");
const VOCABULARY: Answer = Answer::Small("a\nb\n", "v7");

#[test]
fn a_folder_appears_once_all_its_files_are_whole() {
    let mut place = Place::new();
    let hub = Hub::start([CONFIG, VOCABULARY, Answer::CutAt(1000), Answer::RedirectWith("v"), Answer::Serve]);
    let cut = place.pull_named("folder", &hub);
    assert!(matches!(cut, Err(PullError::Interrupted { done: 1000, .. })), "{cut:?}");
    assert!(place.path("folder.partial/config.json").is_file() && !place.path("folder").exists());
    let target = place.path("folder");
    assert_eq!(place.pull_named("folder", &hub).unwrap(), Pulled::Downloaded(target.clone()));
    let mut names: Vec<_> = fs::read_dir(&target)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["config.json", "model.bin", "model.bin.sha256", "vocabulary.txt"]);
    assert_eq!(fs::read_dir(&place.config.dir).unwrap().count(), 1);
    let requests = hub.requests();
    assert_eq!(requests.len(), 5, "the small files are asked for once");
    assert!(requests[3].starts_with("get /org/folder/resolve/main/model.bin "), "{}", requests[3]);
    assert!(requests[4].contains("range: bytes=1000-"));
    assert_eq!(place.pull_named("folder", &Hub::start([])).unwrap(), Pulled::AlreadyThere(target));
}

#[test]
fn a_folder_of_which_a_file_is_wrong_does_not_appear() {
    let mut place = Place::new();
    let damaged = Answer::Small("abx", "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f");
    let error = place.pull_named("folder", &Hub::start([damaged])).unwrap_err();
    assert!(error.to_string().starts_with("config.json arrived with git id"), "{error}");
    place.assert_nothing_left();
    let error = place.pull_named("folder", &Hub::start([CONFIG, VOCABULARY, Answer::Corrupt])).unwrap_err();
    assert!(error.to_string().starts_with("model.bin arrived with SHA-256"), "{error}");
    assert!(place.path("folder.partial/vocabulary.txt").exists() && !place.path("folder").exists());
    let error = place.pull_named("folder", &Hub::start([Answer::Fail(404)])).unwrap_err();
    assert!(error.to_string().contains("/org/folder/resolve/main/model.bin is not there"), "{error}");
}

#[test]
fn a_url_is_pulled_with_its_own_checksum() {
    let place = Place::new();
    let hub = Hub::start([Answer::Serve, Answer::Serve]);
    let url = format!("http://{}/x/ggml-mine.bin", hub.address);
    let sha256 = hex(&Sha256::digest(content()));
    let wanted = Wanted::at_url(&url, Some(&sha256), None).unwrap();
    assert_eq!(place.pull_wanted(&wanted).unwrap(), Pulled::Downloaded(place.path("ggml-mine.bin")));
    let other = Wanted::at_url(&url, Some(&"0".repeat(64)), Some("other")).unwrap();
    assert!(matches!(place.pull_wanted(&other), Err(PullError::Corrupt { .. })));
    assert!(!place.path("ggml-other.bin").exists());
}
