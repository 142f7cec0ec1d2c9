//! What stops the start says what to change.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};

use super::service::{Service, command};

fn fails(command: &mut Command) -> (i32, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(stdout.is_empty(), "nothing but the listening line goes to stdout");
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_port_in_use_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, said) = fails(command(dir.path()).env("VERBATIM__SERVER__PORT", &port));
    assert_eq!(code, 1);
    assert!(said.contains(&port) && said.contains("[server]"), "{said}");
}

#[test]
fn an_unwritable_or_used_storage_folder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("occupied");
    fs::write(&file, "a file where the folder should be").unwrap();
    let (code, said) = fails(command(dir.path()).env("VERBATIM__STORAGE__DIR", &file));
    assert_eq!(code, 1);
    assert!(said.contains("occupied") && said.contains("[storage]"), "{said}");

    let service = Service::start();
    let (code, said) = fails(&mut command(service.dir.path()));
    assert_eq!(code, 1);
    assert!(said.contains("data"), "{said}");
}

#[test]
fn unknown_keys_and_bad_values_are_named_by_their_full_path() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("v.toml");
    fs::write(&file, "[server]\nprot = 1\n[engine]\nisolation = \"moon\"\n").unwrap();
    let (code, said) = fails(command(dir.path()).args(["serve", "--config", file.to_str().unwrap()]));
    assert_eq!(code, 2);
    assert!(said.contains("server.prot") && said.contains("engine.isolation"), "{said}");
    let (_, said) = fails(command(dir.path()).env("IDLE_TIMEOUT_SECS", "soon"));
    assert!(said.contains("IDLE_TIMEOUT_SECS"), "{said}");
}

#[test]
fn the_plain_names_of_the_first_system_win() {
    let dir = tempfile::tempdir().unwrap();
    let output = command(dir.path())
        .args(["config"])
        .env("IDLE_TIMEOUT_SECS", "7")
        .env("VERBATIM__MODEL__IDLE_TIMEOUT_SECS", "8")
        .env("VERBATIM__WEBHOOKS__SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("idle_timeout_secs = 7"), "{shown}");
    assert!(!shown.contains("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "secrets are redacted");
}

#[test]
fn a_required_ffmpeg_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (code, said) = fails(
        command(dir.path()).env("VERBATIM__AUDIO__FFMPEG", "required").env("PATH", dir.path().join("empty")),
    );
    assert_eq!(code, 1);
    assert!(said.contains("[audio] ffmpeg") && said.contains("PATH"), "{said}");
    let required = Service::start_with(&[("VERBATIM__AUDIO__FFMPEG", "required")]);
    assert_eq!(required.get("/health").status, 200);
}
