//! A service without a model file says what it lacks, and continues once it is there.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::fixtures;
use super::service::{Service, command};

/// A service that looks for a model where none is.
fn without_a_model() -> (Service, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("models/ggml-tiny.bin");
    let env = [("VERBATIM__MODEL__PATH", file.to_str().unwrap())];
    (Service::start_in(dir, &env), file)
}

/// What a service logs until it listens.
fn log_of_start(serve: &mut Command) -> String {
    let mut service = serve.arg("serve").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(service.stdout.take().unwrap()).read_line(&mut line).unwrap();
    service.kill().unwrap();
    let mut log = String::new();
    service.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    service.wait().unwrap();
    log
}

#[test]
fn a_start_without_a_model_file_names_it_and_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let mut serve = command(dir.path());
    let log = log_of_start(serve.env("VERBATIM__MODEL__PATH", "").env("VERBATIM__MODEL__NAME", "tiny"));
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("models/ggml-tiny.bin")).collect();
    let [warning] = warnings[..] else { panic!("{log}") };
    assert!(warning.contains("WARN") && warning.contains("`verbatim models pull tiny`"), "{warning}");
}

#[test]
fn data_left_in_the_working_folder_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let mut usual = command(dir.path());
    assert!(!log_of_start(&mut usual).contains("--data-dir"));
    assert!(dir.path().join("data/verbatim.db").exists());
    let mut elsewhere = command(dir.path());
    let log = log_of_start(elsewhere.env("VERBATIM__STORAGE__DIR", dir.path().join("other")));
    assert!(log.contains("start with --data-dir data"), "{log}");
}

#[test]
fn readiness_says_that_the_model_file_is_not_there_or_bad() {
    let (service, file) = without_a_model();
    let not_ready = service.get("/health/ready");
    assert_eq!((not_ready.status, not_ready.error().as_str()), (503, "model_not_found"));
    assert!(not_ready.text.contains("verbatim models pull tiny"), "{not_ready:?}");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "half a mod").unwrap();
    let not_ready = service.get("/health/ready");
    assert_eq!((not_ready.status, not_ready.error().as_str()), (503, "model_corrupt"));
    fs::copy(fixtures::model(), &file).unwrap();
    assert_eq!(service.get("/health/ready").status, 200);
}

#[test]
fn a_queued_job_says_which_model_error_it_waits_for() {
    let (service, _file) = without_a_model();
    let id = service.queue("en_short.wav", &[]);
    service.until_model("failed");
    let reason = service.job(&id)["waiting_for"].clone();
    assert_eq!(reason["code"], "model_not_found");
    assert!(reason["message"].as_str().unwrap().contains("verbatim models pull tiny"), "{reason}");
    assert_eq!(service.get("/jobs").json()["jobs"][0]["waiting_for"], reason);
    let mut stream = service.lines(&format!("/jobs/{id}/events")).skip_while(|line| line != "event: waiting");
    let data = stream.nth(1).unwrap();
    let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(event, json!({ "type": "waiting", "job_id": id, "waiting_for": reason }));
    let cancelled = service.delete(&format!("/jobs/{id}"));
    assert_eq!(cancelled.json()["waiting_for"], Value::Null);
}

#[test]
fn a_client_prints_the_reason_and_goes_on_when_the_file_comes() {
    let (service, file) = without_a_model();
    let mut client = command(service.dir.path());
    client.args(["transcribe", "--server", &service.base]).arg(fixtures::audio("en_short.wav"));
    let mut client = client.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(client.stderr.take().unwrap()).lines();
    let reason = lines.next().unwrap().unwrap();
    assert!(reason.contains("the job waits") && reason.contains("verbatim models pull tiny"), "{reason}");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let part = file.with_extension("part");
    fs::copy(fixtures::model(), &part).unwrap();
    fs::rename(&part, &file).unwrap();
    let output = client.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "One two three.");
}
