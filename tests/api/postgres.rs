//! The service with its database in PostgreSQL.

use std::fs;

use serde_json::{Value, json};

use super::fixtures;
use super::service::{Event, LOG_FILE, Service, command, wait_until};
use cluster::Cluster;

#[path = "../../src/store/tests/cluster.rs"]
pub mod cluster;

/// All of `long.ogg`, each chunk of it once, in a log without a gap.
pub fn is_whole(service: &Service, job: &Value) {
    let path = format!("/jobs/{}/events", job["id"].as_str().unwrap());
    let events: Vec<_> = service.events(&path, None).collect();
    assert!(events.iter().zip(1..).all(|(event, id)| event.id == id), "{events:?}");
    let texts: Vec<_> = events.iter().filter(|event| event.name == "segment").map(text_of).collect();
    assert_eq!(job["result"]["text"].as_str().unwrap(), texts.concat().trim());
    assert_eq!(job["result"]["text"], fixtures::truth("long.ogg")["text"]);
}

fn text_of(event: &Event) -> String {
    event.data["segment"]["text"].as_str().unwrap().to_owned()
}

#[test]
fn jobs_in_postgres_survive_a_kill() {
    let Some(cluster) = Cluster::start() else { return };
    let (url, logs) = (cluster.create_database(), tempfile::tempdir().unwrap());
    let log = logs.path().join("log");
    let env = [("VERBATIM__STORAGE__URL", url.as_str()), (LOG_FILE, log.to_str().unwrap())];
    let mut service = Service::start_with(&env);
    let done = service.queue("en_short.wav", &[]);
    let text = service.finished(&done)["result"]["text"].clone();
    assert_eq!(text, fixtures::truth("en_short.wav")["text"]);
    let running = service.queue("long.ogg", &[]);
    assert!(service.events(&format!("/jobs/{running}/events"), None).any(|event| event.name == "progress"));
    let queued = service.queue("en_short.wav", &[("language", "en")]);
    service.kill_and_restart();
    let job = service.finished(&running);
    assert_eq!((&job["status"], &job["attempts"]), (&json!("completed"), &json!(2)));
    is_whole(&service, &job);
    assert_eq!(service.finished(&queued)["result"]["text"], text);
    let found = service.get("/jobs?q=EN_SHORT").json();
    assert_eq!(found["jobs"].as_array().unwrap().len(), 2, "{found}");
    assert!(service.get("/metrics").text.contains("verbatim_storage_used_bytes{kind=\"database\"}"));

    let shown =
        command(service.dir.path()).arg("config").env("VERBATIM__STORAGE__URL", &url).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("storage.url = \"(redacted)\""), "{shown}");
    let state = service.get("/debug/state").text;
    assert!(!(shown + &state + &fs::read_to_string(log).unwrap()).contains("hush"), "the password is shown");
}

#[test]
fn a_crash_of_postgres_pauses_the_service() {
    let Some(cluster) = Cluster::start() else { return };
    let (url, logs) = (cluster.create_database(), tempfile::tempdir().unwrap());
    let log = logs.path().join("log");
    let env = [("VERBATIM__STORAGE__URL", url.as_str()), (LOG_FILE, log.to_str().unwrap())];
    let service = Service::start_with(&env);
    let running = service.queue("long.ogg", &[]);
    let queued = service.queue("en_short.wav", &[]);
    assert!(service.events(&format!("/jobs/{running}/events"), None).any(|event| event.name == "progress"));
    cluster.stop();
    let bytes = fs::read(fixtures::audio("en_short.wav")).unwrap();
    for _ in 0..3 {
        let refused = service.post_form("/jobs?queue=true", Some(("a.wav", &bytes)), &[]);
        assert_eq!((refused.status, refused.error().as_str()), (503, "storage_unreachable"));
        assert!(refused.header("retry-after").is_some(), "{refused:?}");
        assert!(!refused.text.contains("hush"), "{refused:?}");
    }
    assert_eq!(service.get("/health/live").status, 200);
    wait_until("the job does not wait for the database", || {
        fs::read_to_string(&log).unwrap().contains("failed to write to the store")
    });
    cluster.start_again();
    let job = service.finished(&running);
    assert_eq!(job["status"], "completed", "{job}");
    is_whole(&service, &job);
    assert_eq!(service.finished(&queued)["status"], "completed");
    let later = service.queue("en_short.wav", &[]);
    assert_eq!(service.finished(&later)["status"], "completed");
    let said = fs::read_to_string(&log).unwrap();
    assert!(!said.contains("hush"), "{said}");
    assert!(said.lines().count() < 200, "it tries again and again without a pause:\n{said}");
}

#[test]
fn a_service_that_was_migrated_has_its_jobs_and_recordings() {
    let Some(cluster) = Cluster::start() else { return };
    let service = Service::start();
    let id = service.queue("en_short.wav", &[]);
    let done = service.finished(&id);
    let events: Vec<_> = service.events(&format!("/jobs/{id}/events"), None).collect();
    let (_, dir) = service.stop();
    let url = cluster.create_database();
    let data = format!("sqlite://{}", dir.path().join("data").display());
    let migrate = |options: &[&str]| {
        let done = command(dir.path()).args(["admin", "migrate"]).args(options).output().unwrap();
        let said = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(!said.concat().contains("hush"), "the password is shown: {said:?}");
        (done.status.code(), said)
    };
    let (code, [_, said]) = migrate(&[]);
    assert!(code == Some(2) && said.contains("VERBATIM__STORAGE__URL"), "{said}");
    let (code, [_, said]) = migrate(&["--from", &url, "--to", &url]);
    assert!(code == Some(2) && said.contains("--from must be sqlite:///folder"), "{said}");
    let (code, [_, said]) = migrate(&["--from", &data, "--to", &data]);
    assert!(code == Some(2) && said.contains("no PostgreSQL database"), "{said}");
    let (code, [_, said]) = migrate(&["--from", "sqlite:///nowhere", "--to", &url]);
    assert!(code == Some(1) && said.contains("there is no database in /nowhere"), "{said}");
    let (code, [said, _]) = migrate(&["--from", &data, "--to", &url, "--json"]);
    let migrated: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &migrated["tables"]["jobs"]["rows"]), (Some(0), &json!(1)), "{said}");
    assert_eq!(migrated["tables"]["events"]["sha256"].as_str().unwrap().len(), 64);

    let service = Service::start_in(dir, &[("VERBATIM__STORAGE__URL", &url)]);
    assert_eq!(service.job(&id), done);
    assert_eq!(service.events(&format!("/jobs/{id}/events"), None).collect::<Vec<_>>(), events);
    let (part, bytes) = service.get_bytes(&format!("/jobs/{id}/audio"), &[("range", "bytes=100-199")]);
    assert_eq!(part.status, 206);
    assert!(bytes == fs::read(fixtures::audio("en_short.wav")).unwrap()[100..200]);
    wait_until("the search index is not made", || {
        service.get("/jobs?q=en_short").json()["jobs"] != json!([])
    });
    let later = service.queue("en_short.wav", &[("language", "en")]);
    assert_eq!(service.finished(&later)["result"]["text"], done["result"]["text"]);
}

/// As a user does who keeps the password out of the list of processes.
#[test]
fn a_migration_reads_both_places_from_the_settings() {
    let Some(cluster) = Cluster::start() else { return };
    let (_, dir) = Service::start().stop();
    let settings = dir.path().join("settings.toml");
    let text = format!("[storage]\nurl = {:?}\n", cluster.create_database());
    fs::write(&settings, text).unwrap();
    let output = command(dir.path()).args(["admin", "migrate", "--config"]).arg(&settings).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in ["TABLE", "SHA-256", "segments", "set [storage] url to it", "data/verbatim.db.migrated"] {
        assert!(said.contains(part), "no {part:?} in:\n{said}");
    }
    assert!(!said.contains("hush"), "{said}");
    let output = command(dir.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("[storage] url"), "{said}");
}

/// The folder of the same service in another notation.
#[test]
fn a_service_starts_with_the_url_of_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/verbatim.db", dir.path().join("data").display());
    let mut service = Service::start_in(dir, &[("VERBATIM__STORAGE__URL", &url)]);
    let id = service.queue("en_short.wav", &[]);
    assert_eq!(service.finished(&id)["status"], "completed");
    service.restart_without("VERBATIM__STORAGE__URL");
    assert_eq!(service.job(&id)["status"], "completed");
}

#[test]
fn a_start_without_postgres_names_the_setting() {
    let dir = tempfile::tempdir().unwrap();
    let output = command(dir.path())
        .env("VERBATIM__STORAGE__URL", "postgres://verbatim:hush@127.0.0.1:1/jobs")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("[storage] url") && said.contains("127.0.0.1:1") && !said.contains("hush"),
        "{said}"
    );
    let output = command(dir.path())
        .arg("doctor")
        .env("VERBATIM__STORAGE__URL", "postgres://verbatim:hush@127.0.0.1:1/jobs")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("error    database: ") && !said.contains("hush"), "{said}");
    let output = command(dir.path())
        .args(["admin", "backup", "copy"])
        .env("VERBATIM__STORAGE__URL", "postgres://verbatim:hush@127.0.0.1:1/jobs")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("pg_dump") && !said.contains("hush"), "{said}");
}

#[test]
fn an_address_that_is_not_of_postgres_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for url in ["mysql://a:hush@b/c", "postgres://a:hush@b", "postgres://a@b/c?passwd=hush", "hush"] {
        let output = command(dir.path()).env("VERBATIM__STORAGE__URL", url).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("storage.url: must be postgres://") && !said.contains("hush"), "{said}");
    }
}
