//! Recordings in a bucket of S3, also while its server is away. Without a server the tests are skipped.

use std::fs;
use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};

use serde_json::json;

use super::fixtures;
use super::s3_server::{BUCKET, S3Server};
use super::service::{LOG_FILE, Service, command};

const SECRET: &str = "a-secret-that-no-log-has";

/// The way to a server, which can be closed.
struct Gate {
    port: u16,
    server: u16,
    open: Option<(JoinHandle<()>, Connections)>,
}

type Connections = Arc<Mutex<Option<Vec<TcpStream>>>>;

impl Gate {
    fn before(server: &S3Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut gate = Self { port, server: server.port, open: None };
        gate.let_through(listener);
        gate
    }

    fn let_through(&mut self, listener: TcpListener) {
        let (connections, server) = (Connections::new(Mutex::new(Some(vec![]))), self.server);
        let through = connections.clone();
        let accepting = spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let Some(connections) = &mut *through.lock().unwrap() else { return };
                connections.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                spawn(move || copy(&mut from, &mut to).and_then(|_| to.shutdown(Shutdown::Write)));
                let (mut from, mut to) = (server, client);
                spawn(move || copy(&mut from, &mut to).and_then(|_| to.shutdown(Shutdown::Write)));
            }
        });
        self.open = Some((accepting, connections));
    }

    /// Ends all connections; new ones are refused.
    fn close(&mut self) {
        let (accepting, connections) = self.open.take().unwrap();
        for connection in connections.lock().unwrap().take().unwrap() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        // So that it looks.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        accepting.join().unwrap();
    }

    fn open(&mut self) {
        self.let_through(TcpListener::bind(("127.0.0.1", self.port)).unwrap());
    }
}

/// The environment of a service whose recordings are behind that port.
pub fn environment(port: u16) -> Vec<(String, String)> {
    let pairs = [
        ("VERBATIM__STORAGE__BLOBS", format!("s3://{BUCKET}/verbatim")),
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ("AWS_ALLOW_HTTP", "true".into()),
        ("AWS_ACCESS_KEY_ID", "id".into()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.into()),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

fn start(port: u16, more: &[(&str, &str)]) -> Service {
    let environment = environment(port);
    let of_bucket = environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Service::start_with(&of_bucket.chain(more.iter().copied()).collect::<Vec<_>>())
}

fn recordings(server: &S3Server) -> usize {
    server.names().iter().filter(|name| *name != "verbatim/verbatim-owner").count()
}

#[test]
fn recordings_are_kept_in_a_bucket_and_removed_from_it() {
    let Some(server) = S3Server::start() else { return };
    let log = tempfile::NamedTempFile::new().unwrap();
    let log_file = log.path().to_str().unwrap();
    let service = start(server.port, &[(LOG_FILE, log_file), ("VERBATIM__LOG__LEVEL", "debug")]);
    let id = service.queue("en_short.wav", &[]);
    let job = service.finished(&id);
    assert_eq!(job["result"]["text"], fixtures::truth("en_short.wav")["text"], "{job}");
    assert_eq!(recordings(&server), 1);
    assert!(!service.dir.path().join("data/blobs").exists());

    let all = fs::read(fixtures::audio("en_short.wav")).unwrap();
    let path = format!("/jobs/{id}/audio");
    assert!(service.get_bytes(&path, &[]).1 == all);
    let (part, bytes) = service.get_bytes(&path, &[("range", "bytes=100-199")]);
    assert!(part.status == 206 && bytes == all[100..200]);
    assert_eq!(service.get(&format!("{path}/peaks")).status, 200);

    let again = service.post(&format!("/jobs/{id}/retry")).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(service.finished(&again)["status"], "completed");
    assert_eq!(recordings(&server), 2);
    for id in [&id, &again] {
        assert_eq!(service.delete(&format!("/jobs/{id}")).status, 204);
    }
    assert_eq!((recordings(&server), server.uploads().len()), (0, 0));
    let logged = fs::read_to_string(log.path()).unwrap();
    assert!(logged.contains(&id), "{logged}");
    assert!(!logged.contains(SECRET));
}

#[test]
fn doctor_and_backup_name_the_bucket() {
    let Some(server) = S3Server::start() else { return };
    let service = start(server.port, &[]);
    let printed = |place: &str, args: &[&str]| {
        let mut command = command(service.dir.path());
        command.envs(environment(server.port)).env("VERBATIM__STORAGE__BLOBS", place);
        String::from_utf8(command.args(args).output().unwrap().stdout).unwrap()
    };
    let place = format!("s3://{BUCKET}/verbatim");
    let doctor = printed(&place, &["doctor"]);
    assert!(doctor.contains(&format!("ok       recordings: kept in {place}\n")), "{doctor}");
    let doctor = printed("s3://another", &["doctor"]);
    assert!(doctor.contains("error    recordings: [storage] blobs: s3://another cannot be used"), "{doctor}");
    let backup = printed(&place, &["admin", "backup", "copy"]);
    assert_eq!(
        backup,
        format!("copied 0 jobs to copy: the database alone, the recordings stay in {place}\n")
    );
}

#[test]
fn a_job_waits_for_a_bucket_that_is_away() {
    let Some(server) = S3Server::start() else { return };
    let mut gate = Gate::before(&server);
    let at_once = ("VERBATIM__MODEL__UNLOAD_HOLD_SECS", "0");
    let mut service = start(gate.port, &[("VERBATIM__MODEL__PATH", "nowhere.bin"), at_once]);
    let id = service.queue("en_phrases.wav", &[]);

    gate.close();
    service.restart_without("VERBATIM__MODEL__PATH");
    assert!(service.events(&format!("/jobs/{id}/events"), None).any(|event| event.name == "started"));
    let bytes = fs::read(fixtures::audio("en_short.wav")).unwrap();
    let refused = service.post_form("/jobs?queue=true", Some(("a.wav", &bytes)), &[]);
    assert_eq!((refused.status, refused.error().as_str()), (503, "storage_unreachable"));
    assert_eq!(refused.header("retry-after"), Some("10"));
    assert_eq!(service.get(&format!("/jobs/{id}/audio")).status, 503);
    assert_eq!(service.job(&id)["status"], "running");
    // Does not wait for the bucket, and has the job queued again.
    assert_eq!(service.post("/model/unload?wait=true").status, 200);

    gate.open();
    let job = service.finished(&id);
    assert_eq!((&job["status"], &job["attempts"]), (&json!("completed"), &json!(2)), "{job}");
    assert_eq!(job["result"]["text"], fixtures::truth("en_phrases.wav")["text"]);
    let taken = service.post_form("/jobs?queue=true", Some(("a.wav", &bytes)), &[]);
    assert_eq!(taken.status, 202, "{taken:?}");
}

#[test]
fn a_bucket_that_cannot_be_used_stops_the_start_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let said = |blobs: &str, environment: &[(String, String)]| {
        let mut command = command(dir.path());
        command.envs(environment.iter().cloned()).env("VERBATIM__STORAGE__BLOBS", blobs);
        let output = command.arg("serve").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("[storage] blobs") && !said.contains(SECRET), "{said}");
        said
    };
    assert!(said("ftp://host/a", &[]).contains("use file:///folder, s3://bucket/prefix"));
    assert!(said(&format!("s3://id:{SECRET}@bucket"), &[]).contains("environment"));
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let without = [("AWS_METADATA_ENDPOINT".to_owned(), format!("http://{nowhere}"))];
    assert!(said("s3://bucket/a", &without).contains("AWS_ACCESS_KEY_ID"));
    let Some(server) = S3Server::start() else { return };
    let missing = said("s3://another/a", &environment(server.port));
    assert!(missing.contains("the bucket of s3://another/a does not exist"), "{missing}");
}
