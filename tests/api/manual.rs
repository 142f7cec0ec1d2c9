//! The clients that the manual gives for copying do what it says of them.

use std::fs;
use std::process::Command;

use super::clients::output;
use super::fixtures;
use super::service::Service;

/// The block of code under a heading of the manual.
fn block(heading: &str) -> String {
    let manual = fs::read_to_string("docs/USAGE.md").unwrap();
    let (_, section) = manual.split_once(&format!("\n### {heading}\n")).unwrap();
    let (_, code) = section.split_once("\n```").unwrap();
    let (_, code) = code.split_once('\n').unwrap();
    code.split("\n```").next().unwrap().to_owned()
}

#[test]
fn clients_that_are_copied_wait_for_the_model_and_print_the_transcript() {
    for (heading, program) in [("curl", "bash"), ("Python", "python3"), ("JavaScript", "node")] {
        let service = Service::start();
        let file = service.dir.path().join("client.mjs");
        fs::write(&file, block(heading)).unwrap();
        let mut client = Command::new(program);
        let said = output(client.arg(&file).arg(&service.base).arg(fixtures::audio("en_phrases.wav")));
        let truth = fixtures::truth("en_phrases.wav")["text"].as_str().unwrap().to_owned();
        assert_eq!(said.trim(), truth, "{heading}");
        let turned_away =
            service.events("/model/events", Some(0)).take(3).any(|event| event.name == "model_ready");
        assert!(turned_away, "the model was not there when the client began");
    }
}
