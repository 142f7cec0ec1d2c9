//! `verbatim model`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::{client, json, printed};
use crate::service::Service;

#[test]
fn the_model_is_loaded_shown_and_unloaded() {
    let service = Service::start();
    let loaded = printed(&mut client(&service, &["model", "load"]));
    assert!(loaded.starts_with("state   ready, since "), "{loaded}");
    assert_eq!(json(&mut client(&service, &["model", "status", "--json"]))["state"], "ready");
    let unloaded = json(&mut client(&service, &["model", "unload", "--hold-secs", "5", "--json"]));
    assert_eq!(unloaded["state"], "unloaded");
    assert!(unloaded["held_until"].is_string());
}

#[test]
fn a_model_that_cannot_be_loaded_says_why() {
    let service = Service::start_with(&[("VERBATIM__MODEL__PATH", "/no/such/model.bin")]);
    let failed = client(&service, &["model", "load"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(super::errors(&failed).contains("/no/such/model.bin"), "{failed:?}");
}

#[test]
fn what_happens_to_the_model_is_printed_as_it_happens() {
    let service = Service::start();
    let mut child = client(&service, &["model", "watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("model_status unloaded"));
    service.load();
    assert!(lines.any(|line| line.contains("model_ready in ")));
    child.kill().unwrap();
    child.wait().unwrap();
}
