//! `verbatim keys`.

use std::fs;

use super::{command, errors, json, printed};
use crate::service::{Service, signal, wait_until};

#[test]
fn a_key_opens_the_service_from_one_reload_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys");
    let file = file.to_str().unwrap().to_owned();
    let env = [("VERBATIM__AUTH__MODE", "keys"), ("VERBATIM__AUTH__KEYS_FILE", file.as_str())];
    let service = Service::start_in(dir, &env);
    assert_eq!(service.get("/jobs").status, 401);
    let keys = |arguments: &[&str]| {
        let mut command = command(service.dir.path());
        command.envs(env).arg("keys").args(arguments);
        command
    };
    let made = json(&mut keys(&["create", "--owner", "alice", "--scopes", "read", "--json"]));
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert!(!fs::read_to_string(&file).unwrap().contains(key), "only its hash is kept");
    let listed = json(&mut keys(&["list", "--json"]));
    assert_eq!(listed["keys"][0]["owner"], "alice");
    let answers = |status: u16| {
        signal("HUP", service.pid());
        let authorization = format!("Bearer {key}");
        wait_until(&format!("never {status}"), || {
            service.get_with("/jobs", &[("authorization", &authorization)]).status == status
        });
    };
    answers(200);
    assert_eq!(printed(&mut keys(&["revoke", id])), format!("revoked {id}\n"));
    answers(401);
    let again = keys(&["revoke", id]).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
}

#[test]
fn keys_are_kept_only_where_the_settings_say() {
    let dir = tempfile::tempdir().unwrap();
    let refused = command(dir.path()).args(["keys", "create", "--owner", "alice"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors(&refused).contains("[auth] keys_file"), "{}", errors(&refused));
}
