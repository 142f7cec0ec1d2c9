//! What an operator sees of a service that is stuck.

use serde_json::{Value, json};

use super::service::Service;

const ADMIN: &str = "a-key-of-an-administrator";
const READER: &str = "a-key-that-only-reads-on";

#[test]
fn the_state_of_the_actors_is_for_administrators() {
    let keys = format!("{ADMIN} alice admin,{READER} bob submit+read");
    let service = Service::start_with(&[("VERBATIM__AUTH__MODE", "keys"), ("VERBATIM__AUTH__KEYS", &keys)]);
    assert_eq!(service.get("/debug/state").status, 401);
    let service = service.with_key(READER);
    let refused = service.get("/debug/state");
    assert_eq!((refused.status, refused.error().as_str()), (403, "insufficient_scope"));

    let service = service.with_key(ADMIN);
    let state: Value = service.get("/debug/state").json();
    assert_eq!(state["model"]["state"], "unloaded");
    assert_eq!(state["model"]["leases"], 0);
    assert_eq!(state["jobs"]["running"], json!([]));
    assert_eq!(state["jobs"]["next_turn"], "interactive");
    assert_eq!(
        state["queue"],
        json!({ "queued": 0, "running": 0, "has_interactive": false, "has_batch": false })
    );
    assert!(state["workers"].as_array().unwrap().iter().all(Value::is_null), "{state}");
    assert_eq!(state["notifier"]["webhooks"]["in_flight"], 0);
}
