//! `verbatim doctor`, and where a program outside a checkout keeps its things.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};

use serde_json::Value;

use super::fixtures;
use super::service::{PROGRAM, Service, command};

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// The findings by what was checked.
fn level<'a>(findings: &'a Value, check: &str) -> &'a str {
    let of_check = |finding: &&Value| finding["check"] == check;
    let finding = findings["checks"].as_array().unwrap().iter().find(of_check);
    finding.unwrap_or_else(|| panic!("{check} in {findings}"))["level"].as_str().unwrap()
}

#[test]
fn doctor_finds_a_good_machine_well_as_lines_and_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let doctor = |args: &[&str]| {
        let mut doctor = command(dir.path());
        let path = std::env::var_os("PATH").unwrap();
        // However full the disk of this machine is.
        doctor.env("PATH", path).env("VERBATIM__SERVER__MAX_UPLOAD_BYTES", "1000");
        doctor.arg("doctor").args(args).output().unwrap()
    };
    let plain = doctor(&[]);
    assert_eq!(plain.status.code(), Some(0), "{plain:?}");
    let lines: Vec<_> = text(&plain).lines().collect();
    assert!(lines.contains(&"ok       settings: valid"), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("ok       model: words-q8_0 at ")), "{lines:#?}");
    let found: Value = serde_json::from_str(text(&doctor(&["--json"]))).unwrap();
    assert_eq!(found["ok"], true);
    assert_eq!(found["checks"].as_array().unwrap().len(), lines.len());
    for check in ["settings", "model", "data folder", "port", "access", "clock"] {
        assert_eq!(level(&found, check), "ok", "{check} in {found}");
    }
}

#[test]
fn doctor_fails_where_the_service_would_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    fs::write(dir.path().join("occupied"), "a file where the folder should be").unwrap();
    let mut doctor = command(dir.path());
    doctor.args([
        "doctor",
        "--json",
        "--port",
        &port,
        "--data-dir",
        "occupied",
        "--model",
        "./ggml-tiny.bin",
    ]);
    let failed = doctor.output().unwrap();
    drop(taken);
    assert_eq!(failed.status.code(), Some(1));
    let found: Value = serde_json::from_str(text(&failed)).unwrap();
    assert_eq!(found["ok"], false);
    for check in ["model", "data folder", "port"] {
        assert_eq!(level(&found, check), "error", "{check} in {found}");
    }
    assert!(text(&failed).contains("verbatim models pull tiny"), "{found}");

    let invalid = command(dir.path()).arg("doctor").env("VERBATIM_SERVER_PORT", "80").output().unwrap();
    assert_eq!(invalid.status.code(), Some(1));
    assert!(text(&invalid).contains("write VERBATIM__SERVER__PORT"), "{invalid:?}");
}

#[test]
fn doctor_recognises_a_service_at_its_port() {
    let service = Service::start();
    let port = service.base.rsplit(':').next().unwrap();
    let found = command(service.dir.path()).args(["doctor", "--port", port]).output().unwrap();
    assert!(text(&found).contains("port: a Verbatim "), "{found:?}");
}

/// The program without any setting of these tests, in a folder other than a checkout.
fn elsewhere(home: &std::path::Path) -> Command {
    let folder = home.join("somewhere");
    fs::create_dir_all(&folder).unwrap();
    let mut program = Command::new(PROGRAM);
    program.env_clear().env("HOME", home).current_dir(folder);
    program
}

#[test]
fn outside_a_checkout_data_models_and_settings_are_the_users() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join(".config/verbatim/config.toml");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(&config, "[server]\nport = 7070\n").unwrap();
    let shown = elsewhere(home.path()).args(["config", "--model", "small"]).output().unwrap();
    let expect = [
        format!("server.port = 7070  # from file {}", config.display()),
        format!("storage.dir = {:?}  # from default by HOME", home.path().join(".local/share/verbatim/data")),
        format!("model.dir = {:?}  # from default by HOME", home.path().join(".local/share/verbatim/models")),
        "model.name = \"small\"  # from --model".to_owned(),
    ];
    for line in expect {
        assert!(text(&shown).lines().any(|shown| shown == line), "{line} in {shown:?}");
    }
}

#[test]
fn a_recording_is_transcribed_by_the_model_of_the_option() {
    let home = tempfile::tempdir().unwrap();
    let transcribed = elsewhere(home.path())
        .args(["transcribe", "--threads", "1", "--backend", "whisper_cpp", "--model"])
        .args([fixtures::model(), fixtures::audio("en_short.wav")])
        .output()
        .unwrap();
    assert_eq!(text(&transcribed).trim(), "One two three.", "{transcribed:?}");
}
