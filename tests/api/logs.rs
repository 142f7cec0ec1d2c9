//! What the service logs of requests and jobs, and what it does not.

use std::fs;
use std::io::{Write, read_to_string};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use super::service::{HANG_GUARD, LOG_FILE, Service, signal};

const KEY: &str = "alices-key-of-24-letters";
const OTHER_KEY: &str = "a-key-that-is-unlisted-1";
const SETTINGS: &str = "[auth]\nmode = \"keys\"\nkeys = [\"alices-key-of-24-letters alice\"]\n";

/// A service that writes its log as JSON, at the level of a file of settings.
struct Logged {
    service: Service,
    settings: PathBuf,
    log: PathBuf,
}

impl Logged {
    fn start(level: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (settings, log) = (dir.path().join("config/home.toml"), dir.path().join("log"));
        fs::create_dir(dir.path().join("config")).unwrap();
        set_level(&settings, level);
        let env = [("VERBATIM_PROFILE", "home"), (LOG_FILE, log.to_str().unwrap())];
        let service = Service::start_in(dir, &env).with_key(KEY);
        Self { service, settings, log }
    }

    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap();
        // The last one may be half written.
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    }

    /// Waits until there is such a line, and gives it.
    fn until(&self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let give_up = Instant::now() + HANG_GUARD;
        loop {
            if let Some(line) = self.lines().into_iter().find(&is_wanted) {
                return line;
            }
            assert!(Instant::now() < give_up, "never logged: {:#?}", self.lines());
            std::thread::yield_now();
        }
    }
}

fn set_level(file: &Path, level: &str) {
    let log = format!("[log]\nlevel = \"{level}\"\nformat = \"json\"\n");
    fs::write(file, format!("{SETTINGS}{log}")).unwrap();
}

/// Of a request to a path, the line of its answer.
fn is_answer_to(line: &Value, path: &str) -> bool {
    line["message"] == "answered" && line["spans"][0]["path"] == path
}

#[test]
fn the_log_says_who_asked_for_what_and_what_came_of_a_job() {
    let logged = Logged::start("info");
    let service = &logged.service;
    let id = service
        .queue("en_phrases.wav", &[("prompt", "my secret prompt"), ("metadata", "{\"a\":\"private\"}")]);
    let job = service.finished(&id);
    service.post_form("/jobs?queue=true", Some(("a.txt", b"no recording, but words")), &[]);
    service.get_with("/health/ready", &[]);
    service.get("/nowhere?key=hidden");
    let mut stream = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(b"GET /jobs HTTP/1.1\r\nhost: localhost\r\nno header\r\n\r\n").unwrap();
    assert!(read_to_string(stream).unwrap().starts_with("HTTP/1.1 400"));
    service.get_with("/jobs", &[("x-api-key", OTHER_KEY)]);

    let answered = logged.until(|line| is_answer_to(line, &format!("/jobs/{id}")));
    assert_eq!((&answered["level"], &answered["status"]), (&"INFO".into(), &200.into()));
    assert_eq!((&answered["route"], &answered["owner"]), (&"/jobs/{id}".into(), &"alice".into()));
    assert_eq!(answered["client"], "127.0.0.1");
    assert!(answered["latency_ms"].is_u64(), "{answered}");
    assert!(answered["spans"][0]["id"].is_string(), "{answered}");

    let ended = logged.until(|line| line["message"] == "job ended");
    assert_eq!((&ended["job.id"], &ended["owner"]), (&id.as_str().into(), &"alice".into()));
    assert_eq!((&ended["model"], &ended["status"]), (&"words-q8_0".into(), &"completed".into()));
    let secs = job["audio"]["duration_secs"].as_f64().unwrap();
    let audio_secs = ended["audio_secs"].as_f64().unwrap();
    assert!(audio_secs > 0.0 && audio_secs <= secs + 0.01, "{ended}");
    assert!(ended["real_time_factor"].as_f64().unwrap() > 0.0, "{ended}");

    logged.until(|line| is_answer_to(line, "/nowhere"));
    let lines = logged.lines();
    assert!(!lines.iter().any(|line| line["level"] == "ERROR"), "no mistake of a client is one");
    assert!(!lines.iter().any(|line| is_answer_to(line, "/health/ready")));
    let log = fs::read_to_string(&logged.log).unwrap();
    let text = job["result"]["text"].as_str().unwrap();
    for hidden in [KEY, OTHER_KEY, "hidden", "secret prompt", "private", &text[..20]] {
        assert!(!log.contains(hidden), "{hidden} in {log}");
    }
}

#[test]
fn a_hang_up_has_the_log_level_read_again() {
    let logged = Logged::start("info");
    set_level(&logged.settings, "debug");
    signal("HUP", logged.service.pid());
    logged.until(|line| line["message"] == "settings read again");
    logged.service.get("/health/live");
    let probed = logged.until(|line| is_answer_to(line, "/health/live"));
    assert_eq!(probed["level"], "DEBUG");
    let (code, _dir) = logged.service.stop();
    assert!(code.success(), "{code}");
}

#[test]
fn at_debug_the_engine_says_how_each_window_was_decoded() {
    let logged = Logged::start("debug");
    let id = logged.service.queue("en_phrases.wav", &[]);
    logged.service.finished(&id);
    logged.until(|line| {
        line["engine.pid"].is_number()
            && line["message"].as_str().is_some_and(|message| message.contains("window decoded doubt="))
    });
}
