//! `verbatim jobs`.

use serde_json::Value;

use super::{client, errors, json, printed, text};
use crate::service::{SLOW, Service, free_port};

#[test]
fn jobs_are_listed_and_shown() {
    let service = Service::start();
    let id = service.queue("en_short.wav", &[]);
    service.finished(&id);
    let table = printed(&mut client(&service, &["jobs", "list"]));
    let rows: Vec<_> = table.lines().collect();
    assert!(rows[0].starts_with("ID ") && rows.len() == 2, "no colours here: {table}");
    assert!(rows[1].starts_with(&id) && rows[1].ends_with("en_short.wav"), "{table}");
    let listed = json(&mut client(&service, &["jobs", "list", "--status", "completed", "--json"]));
    assert_eq!(listed["jobs"][0]["id"], id);
    let failed = json(&mut client(&service, &["jobs", "list", "--status", "failed", "--json"]));
    assert_eq!(failed["jobs"], Value::Array(vec![]));
    let shown = printed(&mut client(&service, &["jobs", "show", &id]));
    assert!(shown.contains("completed") && shown.ends_with("\nOne two three.\n"), "{shown}");
    assert_eq!(json(&mut client(&service, &["jobs", "show", &id, "--json"])), service.job(&id));
}

#[test]
fn jobs_are_searched_and_retried() {
    let service = Service::start();
    let id = service.queue("en_short.wav", &[]);
    service.finished(&id);
    let found = |text: &str| json(&mut client(&service, &["jobs", "list", "--search", text, "--json"]));
    assert_eq!(found("two three")["jobs"][0]["id"], id);
    assert_eq!(found("goodbye")["jobs"], Value::Array(vec![]));
    let retried = printed(&mut client(&service, &["jobs", "retry", &id]));
    let again = retried.trim_end().strip_prefix(&format!("retried {id} as ")).unwrap();
    assert_eq!(service.finished(again)["result"]["text"], "One two three.");
}

#[test]
fn a_job_is_followed_to_its_end() {
    let service = Service::start();
    let id = service.queue("en_short.wav", &[]);
    let events = printed(&mut client(&service, &["jobs", "follow", &id, "--json"]));
    assert!(events.lines().last().unwrap().contains("\"completed\""), "{events}");
    assert_eq!(printed(&mut client(&service, &["jobs", "follow", &id])), "One two three.\n");
}

#[test]
fn only_an_ended_job_is_removed_and_only_another_is_cancelled() {
    let service = Service::start_with(&SLOW);
    let id = service.queue("long.ogg", &[]);
    let run = |arguments: &[&str]| client(&service, &[&["jobs"], arguments].concat()).output().unwrap();
    let refused = run(&["rm", &id]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("--force"), "{}", errors(&refused));
    assert_eq!(text(&run(&["cancel", &id])), format!("cancelled {id}\n"));
    let refused = run(&["cancel", &id]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("is cancelled already"), "{}", errors(&refused));
    assert_eq!(service.job(&id)["status"], "cancelled", "it was not removed");
    let missing = "01a20b79-7f99-7147-87d8-4e719ab2efd0";
    let removed = run(&["rm", missing, &id]);
    assert_eq!((removed.status.code(), text(&removed)), (Some(1), format!("removed {id}\n").as_str()));
    assert_eq!(service.get(&format!("/jobs/{id}")).status, 404);
}

#[test]
fn an_unreachable_service_and_a_missing_key_are_explained() {
    let key = "a-key-of-20-letters!";
    let service = Service::start_with(&[("VERBATIM__AUTH__MODE", "keys"), ("VERBATIM__AUTH__KEYS", key)]);
    let refused = client(&service, &["jobs", "list"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("VERBATIM_API_KEY"), "{}", errors(&refused));
    printed(client(&service, &["jobs", "list"]).env("VERBATIM_API_KEY", key));
    let server = format!("127.0.0.1:{}", free_port());
    let unreachable = client(&service, &["jobs", "list", "--server", &server]).output().unwrap();
    assert!(errors(&unreachable).contains("`verbatim serve`"), "{}", errors(&unreachable));
}
