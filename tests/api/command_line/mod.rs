//! The commands beside `serve`.

mod admin;
mod jobs;
mod keys;
mod model;
mod packages;
mod transcribe;
mod watch;
mod webhooks;

use std::process::{Command, Output};

use serde_json::Value;

use super::fixtures;
use super::service::{Service, command};

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn errors(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// What it printed, once it went well.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    text(&output).to_owned()
}

/// A command for a running service.
fn client(service: &Service, arguments: &[&str]) -> Command {
    let mut command = command(service.dir.path());
    command.env("VERBATIM_SERVER", &service.base).args(arguments);
    command
}

fn json(command: &mut Command) -> Value {
    serde_json::from_str(&printed(command)).unwrap()
}

#[test]
fn a_model_file_is_inspected() {
    let dir = tempfile::tempdir().unwrap();
    let output = command(dir.path()).args(["models", "inspect"]).arg(fixtures::model()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output).contains("q8_0") && text(&output).contains("multilingual"), "{}", text(&output));
    let listed = command(dir.path()).args(["models", "list"]).output().unwrap();
    assert!(text(&listed).contains("base.en"));
}

#[test]
fn an_unknown_model_and_a_bad_option_are_bad_usage() {
    let dir = tempfile::tempdir().unwrap();
    let output = command(dir.path()).args(["transcribe"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = command(dir.path()).args(["models", "pull", "enormous"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("base.en"), "{output:?}");
}
