//! Models that the service downloads, and those that the command line does.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use verbatim::engine::ModelHeader;
use verbatim::engine::model_file::convert::to_ctranslate2;
use verbatim::hex::hex;

use super::fixtures;
use super::hub::Hub;
use super::service::{HANG_GUARD, Service, command};

/// The catalogue has no checksum of this one: it is what the hub says.
pub const NAME: &str = "faster-distil-whisper-large-v2";

/// The bundled model as a folder of the hub.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let path = fixtures::dir().join("ggml-words-f16.bin");
    let model = to_ctranslate2(&path, &ModelHeader::read(&path).unwrap()).unwrap();
    let at = |file: &str| format!("/Systran/{NAME}/resolve/main/{file}");
    vec![
        (at("config.json"), model.config),
        (at("preprocessor_config.json"), b"{}".to_vec()),
        (at("tokenizer.json"), b"{}".to_vec()),
        (at("vocabulary.json"), model.vocabulary),
        (at("model.bin"), model.model),
    ]
}

pub fn service(hub: &Hub, more: &[(&str, &str)]) -> Service {
    let (hub_url, source_url) = (hub.url(""), hub.url("/ggml"));
    let from = [("VERBATIM__MODEL__HUB_URL", hub_url.as_str()), ("VERBATIM__MODEL__SOURCE_URL", &source_url)];
    Service::start_with(&[&from, more].concat())
}

fn pull(service: &Service, name: &str) -> Value {
    let answer = service.post_json("/models/pulls", &json!({ "name": name }));
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.json()
}

fn pulls(service: &Service) -> Value {
    service.get("/models/pulls").json()["pulls"].clone()
}

/// Waits until a download is as wanted.
fn until(service: &Service, wanted: impl Fn(&Value) -> bool) -> Value {
    let give_up = Instant::now() + HANG_GUARD;
    loop {
        let pull = pulls(service)[0].clone();
        if wanted(&pull) {
            return pull;
        }
        assert!(Instant::now() < give_up, "never so: {pull}");
        thread::yield_now();
    }
}

fn is(state: &str) -> impl Fn(&Value) -> bool {
    move |pull| pull["state"] == state
}

fn model(service: &Service, name: &str) -> Value {
    let models = service.get("/models").json()["models"].clone();
    models.as_array().unwrap().iter().find(|model| model["name"] == name).unwrap().clone()
}

#[test]
fn a_model_is_downloaded_verified_and_listed() {
    let hub = Hub::start(files());
    let service = service(&hub, &[]);
    let listed = model(&service, NAME);
    assert_eq!(listed["installed"], false);
    assert_eq!((&listed["engine"], &listed["multilingual"]), (&json!("ctranslate2"), &json!(false)));
    assert_eq!(pulls(&service), json!([]));
    let asked = pull(&service, NAME);
    assert_eq!((&asked["name"], &asked["error"]), (&json!(NAME), &Value::Null));
    assert!(asked["total_bytes"].as_u64().unwrap() > 0);
    let done = until(&service, is("done"));
    assert_eq!(done["bytes"], done["total_bytes"]);
    assert_eq!(model(&service, NAME)["installed"], true);
    let folder = service.dir.path().join("models").join(NAME);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 6, "five files and a checksum");
    assert_eq!(fs::read_dir(folder.parent().unwrap()).unwrap().count(), 1);
    // Once more: it is verified.
    pull(&service, NAME);
    until(&service, is("done"));
}

#[test]
fn a_download_is_followed_by_its_events() {
    let hub = Hub::start(files());
    hub.hold_at(1000);
    let service = service(&hub, &[]);
    let mut events = service.pull_events();
    pull(&service, NAME);
    let mut seen = Vec::new();
    for event in events.by_ref() {
        assert_eq!((event.name.as_str(), &event.data["type"]), ("pull", &json!("pull")));
        assert_eq!(event.data["name"], NAME);
        seen.push((event.id, event.data["state"].as_str().unwrap().to_owned()));
        hub.let_go();
        if event.data["state"] == "done" {
            break;
        }
    }
    assert_eq!(seen.first().unwrap().1, "pulling", "{seen:?}");
    assert!(seen.is_sorted_by(|before, after| before.0 < after.0), "{seen:?}");
    // A later reader gets its state.
    assert_eq!(service.pull_events().next().unwrap().data["state"], "done");
}

#[test]
fn a_download_goes_on_after_the_service_was_killed() {
    let hub = Hub::start(files());
    hub.hold_at(1_000_000);
    let mut service = service(&hub, &[]);
    pull(&service, NAME);
    let files = files();
    let others = files.iter().filter(|(path, _)| !path.ends_with("model.bin")).map(|(_, file)| file.len());
    let before_it = others.sum::<usize>() as u64;
    until(&service, |pull| pull["bytes"].as_u64() >= Some(before_it + 1_000_000));
    service.kill_and_restart();
    assert_eq!(pulls(&service), json!([]));
    hub.let_go();
    pull(&service, NAME);
    until(&service, is("done"));
    let resumed = hub.requests().into_iter().rfind(|head| head.starts_with("get /cdn")).unwrap();
    let (_, range) = resumed.split_once("range: bytes=").unwrap();
    let from: usize = range.split('-').next().unwrap().parse().unwrap();
    assert!(from > 900_000, "{resumed}");
    assert!(resumed.contains("if-range: \"v1\""), "{resumed}");
    let config = hub.requests().iter().filter(|head| head.contains("/config.json ")).count();
    assert_eq!(config, 1, "what was whole is not asked for again");
}

#[test]
fn a_download_is_cancelled_and_then_removed_from_the_list() {
    let hub = Hub::start(files());
    hub.hold_at(1000);
    let service = service(&hub, &[]);
    pull(&service, NAME);
    until(&service, |pull| pull["bytes"].as_u64() >= Some(1000));
    let path = format!("/models/pulls/{NAME}");
    let cancelled = service.delete(&path);
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (200, &json!("cancelled")));
    hub.let_go();
    assert_eq!(service.delete(&path).status, 204);
    assert_eq!(pulls(&service), json!([]));
    let gone = service.delete(&path);
    assert_eq!((gone.status, gone.error().as_str()), (404, "pull_not_found"));
    // What has come is used.
    pull(&service, NAME);
    until(&service, is("done"));
}

#[test]
fn what_went_wrong_with_a_download_is_said() {
    let hub = Hub::start_lying(files());
    let service = service(&hub, &[]);
    let unknown = service.post_json("/models/pulls", &json!({ "name": "enormous" }));
    assert_eq!((unknown.status, unknown.error().as_str()), (404, "unknown_model"));
    for (name, code, said) in [
        (NAME, "checksum_mismatch", "model.bin arrived with SHA-256"),
        ("base", "fetch_failed", "/ggml/ggml-base.bin is not there (404)"),
        (
            "faster-whisper-tiny",
            "fetch_failed",
            "/Systran/faster-whisper-tiny/resolve/main/config.json is not there",
        ),
    ] {
        pull(&service, name);
        let failed = until(&service, |pull| pull["state"] == "failed" && pull["name"] == name);
        assert_eq!(failed["error"]["code"], code, "{failed}");
        assert!(failed["error"]["message"].as_str().unwrap().contains(said), "{failed}");
        assert_eq!(model(&service, name)["installed"], false);
        assert_eq!(service.delete(&format!("/models/pulls/{name}")).status, 204);
    }
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "needs a debug build")]
fn a_download_that_does_not_fit_on_the_disk_is_not_begun() {
    let hub = Hub::start(files());
    let service = service(&hub, &[("FAILPOINT", "pull.room=error")]);
    pull(&service, NAME);
    let failed = until(&service, is("failed"));
    assert_eq!(failed["error"]["code"], "disk_full");
    assert!(failed["error"]["message"].as_str().unwrap().contains("[model] dir"), "{failed}");
    assert_eq!(hub.requests().len(), 0);
}

#[test]
fn a_missing_model_is_downloaded_and_then_does_its_jobs() {
    let hub = Hub::start(files());
    hub.hold_at(1000);
    let service = service(
        &hub,
        &[
            ("VERBATIM__MODEL__PATH", ""),
            ("VERBATIM__MODEL__NAME", NAME),
            ("VERBATIM__MODEL__AUTO_PULL", "true"),
            ("VERBATIM__JOBS__ON_MODEL_FAILED", "fail"),
        ],
    );
    // It was begun at the start.
    until(&service, is("pulling"));
    let job = service.queue("en_short.wav", &[]);
    service.until_model("failed");
    let status = service.get("/model/status").json();
    assert_eq!(status["error"]["code"], "model_pulling", "{status}");
    for answer in [service.get("/health/ready"), service.post("/model/load?wait=true")] {
        assert_eq!((answer.status, answer.error().as_str()), (503, "model_pulling"), "{answer:?}");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    let turned_away = service.post_form("/jobs", Some(("a.wav", b"never read")), &[]);
    assert_eq!((turned_away.status, turned_away.error().as_str()), (503, "model_not_ready"));
    let message = turned_away.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("is being downloaded"), "{message}");
    hub.let_go();
    let job = service.finished(&job);
    assert_eq!((&job["status"], &job["result"]["text"]), (&json!("completed"), &json!("One two three.")));
    assert_eq!(service.get("/health/ready").status, 200);
}

fn run(dir: &tempfile::TempDir, env: &[(&str, &str)], args: &[&str]) -> Output {
    command(dir.path()).envs(env.iter().copied()).arg("models").args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_model_is_pulled_by_url_listed_and_removed() {
    let bytes = fs::read(fixtures::model()).unwrap();
    let sha256 = hex(&Sha256::digest(&bytes));
    let hub = Hub::start([("/x/words.bin".to_owned(), bytes)]);
    let dir = tempfile::tempdir().unwrap();
    let url = hub.url("/x/words.bin");
    let pulled = run(&dir, &[], &["pull", &url, "--sha256", &sha256]);
    assert!(pulled.status.success() && said(&pulled).contains("ggml-words.bin: downloaded"), "{pulled:?}");
    let listed = run(&dir, &[], &["list", "--installed"]);
    let row = said(&listed).lines().find(|line| line.starts_with("words ")).unwrap().to_owned();
    assert!(row.contains("10 MiB") && row.contains("multilingual") && row.ends_with("ggml"), "{row}");
    let listed: Value =
        serde_json::from_slice(&run(&dir, &[], &["list", "--installed", "--json"]).stdout).unwrap();
    assert_eq!(
        (&listed["models"][0]["name"], &listed["models"][0]["engine"]),
        (&json!("words"), &json!("whisper_cpp"))
    );
    let all: Value = serde_json::from_slice(&run(&dir, &[], &["list", "--json"]).stdout).unwrap();
    assert!(all["models"].as_array().unwrap().iter().any(|m| m["name"] == "base" && m["installed"] == false));

    let unasked = run(&dir, &[], &["rm", "words"]);
    assert_eq!(unasked.status.code(), Some(2));
    assert!(said(&unasked).contains("--yes"), "{unasked:?}");
    let outside = run(&dir, &[], &["rm", "--yes", fixtures::model().to_str().unwrap()]);
    assert!(
        outside.status.code() == Some(1) && said(&outside).contains("outside the models folder"),
        "{outside:?}"
    );
    let removed = run(&dir, &[], &["rm", "--yes", "words"]);
    assert!(removed.status.success(), "{removed:?}");
    assert_eq!(fs::read_dir(dir.path().join("models")).unwrap().count(), 0);
}

#[test]
fn a_url_without_a_checksum_or_without_https_is_bad_usage() {
    let dir = tempfile::tempdir().unwrap();
    for (args, named) in [
        (&["pull", "https://h.invalid/x.bin"][..], "--sha256"),
        (&["pull", "http://h.invalid/x.bin", "--sha256", "00"], "use https://"),
        (&["pull", "https://h.invalid/x.bin", "--sha256", "00"], "64 hexadecimal digits"),
        (&["pull", "base", "--sha256", "00"], "give the URL"),
    ] {
        let refused = run(&dir, &[], args);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(said(&refused).contains(named), "{refused:?}");
    }
}

/// A proxy that tunnels to the host of a request as long as that is this machine, and gives the first line of each.
fn proxy() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, asked) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let seen = seen.clone();
            thread::spawn(move || tunnel(stream, &seen));
        }
    });
    (port, asked)
}

fn tunnel(mut client: TcpStream, seen: &mpsc::Sender<String>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
    seen.send(first.trim_end().to_owned()).unwrap();
    let target = first.split(' ').nth(1).unwrap().replace("localhost", "127.0.0.1");
    let Some(mut server) = target.starts_with("127.").then(|| TcpStream::connect(target).unwrap()) else {
        client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").unwrap();
        return;
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
    let (mut to_server, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut reader, &mut to_server));
    // Either side may end it.
    let _ = std::io::copy(&mut server, &mut back);
    let _ = client.shutdown(std::net::Shutdown::Both);
}

#[test]
fn downloads_go_through_the_proxy_of_the_environment() {
    let hub = Hub::start([("/x.bin".to_owned(), b"weights".to_vec())]);
    let sha256 = hex(&Sha256::digest(b"weights"));
    let (port, asked) = proxy();
    let (proxy, url) = (format!("http://127.0.0.1:{port}"), format!("http://localhost:{}/x.bin", hub.port()));
    let pull = |name: &str, env: &[(&str, &str)], url: &str| {
        let dir = tempfile::tempdir().unwrap();
        run(&dir, env, &["pull", url, "--sha256", &sha256, "--name", name])
    };
    let through = pull("through", &[("HTTP_PROXY", &proxy)], &url);
    assert!(through.status.success(), "{through:?}");
    assert_eq!(asked.try_recv().unwrap(), format!("CONNECT localhost:{} HTTP/1.1", hub.port()));
    let direct = pull("direct", &[("HTTP_PROXY", &proxy), ("NO_PROXY", "localhost")], &url);
    assert!(direct.status.success() && asked.try_recv().is_err(), "{direct:?}");
    // The proxy finds the host; it is not looked up here.
    let refused = pull("refused", &[("HTTPS_PROXY", &proxy)], "https://hub.invalid/x.bin");
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(asked.try_recv().unwrap(), "CONNECT hub.invalid:443 HTTP/1.1");
}
