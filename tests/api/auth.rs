//! Authentication, scopes and owners.

use serde_json::json;

use super::fixtures;
use super::service::{Service, command, signal, wait_until};

const ALICE: &str = "alices-key-of-24-letters";
const BOB: &str = "bobs-key-of-many-letters";
const READER: &str = "a-key-that-only-reads-on";

fn guarded() -> Service {
    let keys = format!("{ALICE} alice,{BOB} bob submit+read,{READER} alice read");
    Service::start_with(&[("VERBATIM__AUTH__MODE", "keys"), ("VERBATIM__AUTH__KEYS", &keys)])
}

#[test]
fn without_a_key_there_is_only_health() {
    let service = guarded();
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(service.get(path).status, 200, "{path}");
    }
    for path in ["/jobs", "/model/status", "/model/events", "/webhooks", "/nothing"] {
        let refused = service.get(path);
        assert_eq!((refused.status, refused.error().as_str()), (401, "invalid_api_key"), "{path}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    let refused = service.post_form("/jobs", Some(("a.wav", b"never read")), &[]);
    assert_eq!((refused.status, refused.error().as_str()), (401, "invalid_api_key"));
    let service = service.with_key("not-a-key-at-all-no");
    assert_eq!(service.get("/jobs").status, 401);
    let status = service.with_key(ALICE).get("/model/status").json();
    assert_eq!(status["state"], "unloaded", "nothing was triggered");
}

#[test]
fn everyone_sees_their_own_jobs_and_no_others() {
    let mut service = guarded();
    service = service.with_key(ALICE);
    let id = service.queue("en_short.wav", &[]);
    assert_eq!(service.finished(&id)["result"]["text"], "One two three.");
    assert_eq!(service.get("/jobs").json()["jobs"][0]["id"], id.as_str());

    service = service.with_key(BOB);
    assert_eq!(service.get("/jobs").json()["jobs"], json!([]));
    assert_eq!(service.get("/jobs?q=three").json()["jobs"], json!([]));
    for path in ["", "/events", "/transcript", "/audio", "/audio/peaks"] {
        let hidden = service.get(&format!("/jobs/{id}{path}"));
        assert_eq!((hidden.status, hidden.error().as_str()), (404, "job_not_found"), "{path}");
    }
    assert_eq!(service.get(&format!("/jobs/{id}/transcript/revisions")).error(), "job_not_found");
    assert_eq!(service.post(&format!("/jobs/{id}/retry")).error(), "job_not_found");
    let edit = json!({ "base_revision": 0, "segments": [] });
    assert_eq!(service.put_json(&format!("/jobs/{id}/transcript"), &edit).error(), "job_not_found");
    assert_eq!(service.delete(&format!("/jobs/{id}")).status, 404);

    service = service.with_key(READER);
    assert_eq!(service.get(&format!("/jobs/{id}")).status, 200, "another key of the same owner");
    let refused = service.put_json(&format!("/jobs/{id}/transcript"), &edit);
    assert_eq!((refused.status, refused.error().as_str()), (403, "insufficient_scope"));
    service = service.with_key(ALICE);
    assert_eq!(service.put_json(&format!("/jobs/{id}/transcript"), &edit).json()["owner"], "alice");
}

#[test]
fn a_key_does_what_it_is_for_and_nothing_else() {
    let mut service = guarded();
    service = service.with_key(BOB);
    let new = json!({ "url": "https://receiver.example/" });
    let refusals =
        [service.post("/model/load"), service.post("/model/unload"), service.post_json("/webhooks", &new)];
    for refused in refusals {
        assert_eq!((refused.status, refused.error().as_str()), (403, "insufficient_scope"));
        assert!(refused.json()["error"]["message"].as_str().unwrap().contains("admin"));
    }
    service = service.with_key(READER);
    for path in ["/webhooks", "/webhook%73", "/%77ebhooks"] {
        let refused = service.get(path);
        assert_eq!((refused.status, refused.error().as_str()), (403, "insufficient_scope"), "{path}");
    }
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let refused = service.post_form("/jobs?queue=true", Some(("a.wav", &bytes)), &[]);
    assert_eq!((refused.status, refused.error().as_str()), (403, "insufficient_scope"));
    service = service.with_key(ALICE);
    assert_eq!(service.post("/model/load?wait=true").status, 200);
}

#[test]
fn owners_manage_their_own_webhooks_and_see_no_secrets() {
    const ADMIN: &str = "the-admins-key-of-many-x";
    let keys = format!("{ALICE} alice submit+read,{BOB} bob submit+read,{ADMIN} carol,{READER} alice read");
    let mut service =
        Service::start_with(&[("VERBATIM__AUTH__MODE", "keys"), ("VERBATIM__AUTH__KEYS", &keys)]);
    let url = "https://receiver.example/hook?token=s3cret";
    let listed = |service: &Service| {
        let all = service.get("/webhooks");
        assert_eq!(all.status, 200, "{all:?}");
        all.json()["webhooks"].as_array().unwrap().clone()
    };
    service = service.with_key(ALICE);
    service.queue("en_short.wav", &[("webhook_url", url)]);
    let own = listed(&service);
    assert_eq!((own.len(), &own[0]["url"], &own[0]["own"]), (1, &json!(url), &json!(true)));
    let id = own[0]["id"].as_str().unwrap().to_owned();

    service = service.with_key(BOB);
    assert_eq!(listed(&service), [] as [serde_json::Value; 0]);
    let refused = service.delete(&format!("/webhooks/{id}"));
    assert_eq!((refused.status, refused.error().as_str()), (404, "webhook_not_found"));
    service = service.with_key(READER);
    assert_eq!(service.get("/webhooks").error(), "insufficient_scope");

    service = service.with_key(ADMIN);
    let seen = &listed(&service)[0];
    assert_eq!(
        (&seen["url"], &seen["own"]),
        (&json!("https://receiver.example/hook?redacted"), &json!(false))
    );
    assert!(!service.post(&format!("/webhooks/{id}/secret")).text.contains("s3cret"));

    service = service.with_key(ALICE);
    assert_eq!(service.post(&format!("/webhooks/{id}/secret")).status, 403, "secrets are an admin's");
    assert_eq!(service.delete(&format!("/webhooks/{id}")).status, 204);
    service = service.with_key(ADMIN);
    assert_eq!(listed(&service), [] as [serde_json::Value; 0], "it was removed");
}

#[test]
fn a_service_for_other_machines_needs_an_auth_mode() {
    let dir = tempfile::tempdir().unwrap();
    let refused = command(dir.path()).env("VERBATIM__SERVER__HOST", "0.0.0.0").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("server.host") && said.contains("auth.mode"), "{said}");
    for mode in [("VERBATIM__AUTH__MODE", "none"), ("VERBATIM__AUTH__KEYS", ALICE)] {
        let both = [("VERBATIM__AUTH__MODE", "keys"), mode];
        let env = if mode.0 == "VERBATIM__AUTH__MODE" { &[mode][..] } else { &both[..] };
        let env = [&[("VERBATIM__SERVER__HOST", "0.0.0.0")], env].concat();
        assert_eq!(Service::start_with(&env).get("/health").status, 200);
    }
}

#[test]
fn a_key_may_come_in_any_of_the_usual_headers() {
    let service = guarded();
    for header in [
        ("authorization", format!("Bearer {ALICE}")),
        ("authorization", format!("Token {ALICE}")),
        ("x-api-key", ALICE.to_owned()),
    ] {
        assert_eq!(service.get_with("/jobs", &[(header.0, &header.1)]).status, 200, "{header:?}");
    }
    assert_eq!(service.get_with("/jobs", &[("authorization", ALICE)]).status, 401);
    assert_eq!(service.get_with("/jobs", &[("x-api-key", "not-a-key-at-all-no")]).status, 401);
}

#[test]
fn a_hang_up_has_the_keys_read_again() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("config")).unwrap();
    let file = dir.path().join("config/home.toml");
    let allow = |keys: &[&str]| {
        std::fs::write(&file, format!("[auth]\nmode = \"keys\"\nkeys = {keys:?}\n")).unwrap();
    };
    allow(&[ALICE]);
    let service = Service::start_in(dir, &[("VERBATIM_PROFILE", "home")]);
    let status = |key: &str| service.get_with("/jobs", &[("x-api-key", key)]).status;
    assert_eq!((status(ALICE), status(BOB)), (200, 401));

    allow(&[BOB]);
    signal("HUP", service.pid());
    wait_until("never read again", || status(BOB) != 401);
    assert_eq!(status(ALICE), 401);

    // Settings that are refused change nothing.
    std::fs::write(&file, "[auth]\nmode = \"keys\"\nkeys = [\"short\"]\n").unwrap();
    signal("HUP", service.pid());
    assert_eq!(status(BOB), 200);
    let (code, _dir) = service.stop();
    assert!(code.success(), "{code}");
}
