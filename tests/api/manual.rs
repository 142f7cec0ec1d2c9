//! The clients that the manual gives for copying do what it says of them.

use std::fs;
use std::process::Command;
use std::thread;

use super::clients::output;
use super::fixtures;
use super::service::{SLOW, Service, free_port, wait_until};

/// The block of code under a heading of the manual.
fn block(heading: &str) -> String {
    let manual = fs::read_to_string("docs/USAGE.md").unwrap();
    let (_, section) = manual.split_once(&format!("\n### {heading}\n")).unwrap();
    let (_, code) = section.split_once("\n```").unwrap();
    let (_, code) = code.split_once('\n').unwrap();
    code.split("\n```").next().unwrap().to_owned()
}

#[test]
fn copied_clients_go_on_after_a_restart_of_the_service() {
    for (heading, program) in [("curl", "bash"), ("Python", "python3"), ("JavaScript", "node")] {
        // The service comes back under the same address.
        let port = free_port().to_string();
        let env = [&SLOW[..], &[("VERBATIM__SERVER__PORT", port.as_str())]].concat();
        let mut service = Service::start_with(&env);
        service.load();
        let file = service.dir.path().join("client.mjs");
        fs::write(&file, block(heading)).unwrap();
        let (base, recording) = (service.base.clone(), fixtures::audio("long.ogg"));
        let client =
            thread::spawn(move || output(Command::new(program).arg(&file).arg(&base).arg(recording)));
        // By then the client has its answer.
        wait_until(&format!("{heading}: nothing was sent"), || {
            service.get("/jobs").json()["jobs"][0]["progress"]["chunk"].as_u64() >= Some(2)
        });
        service.kill_and_restart();
        let said = client.join().unwrap();
        let job = service.get("/jobs").json()["jobs"][0]["id"].as_str().unwrap().to_owned();
        let text = service.get(&format!("/jobs/{job}/transcript?format=text")).text;
        assert_eq!(
            said.split_whitespace().collect::<Vec<_>>(),
            text.split_whitespace().collect::<Vec<_>>(),
            "{heading}"
        );
    }
}

#[test]
fn copied_clients_wait_for_the_model_and_print_the_text() {
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
