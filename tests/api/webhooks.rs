//! Webhooks, received by a real socket.

use serde_json::{Value, json};

use super::service::Service;
use super::sink::{Sink, status, with};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OWN_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OPEN: (&str, &str) = ("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true");

/// A job's trace continues in its webhook; that of the model belongs to no request.
#[test]
fn a_webhook_carries_the_traceparent_of_its_request() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let sink = Sink::start(|_, _| status(204));
    let service = Service::start_with(&[OPEN]);
    let bytes = std::fs::read(super::fixtures::audio("en_short.wav")).unwrap();
    let (file, url) = (Some(("a.wav", &bytes[..])), sink.url("/hook"));
    let fields = [("webhook_url", url.as_str())];
    let taken = service.post_form_with("/jobs?queue=true", &[("traceparent", PARENT)], file, &fields);
    assert_eq!(taken.status, 202, "{taken:?}");
    for message in sink.until("/hook", 2) {
        let parent = message.headers.get("traceparent").map(|parent| parent.to_str().unwrap());
        let is_of_job = message.json()["type"] == "job_completed";
        assert_eq!(parent, is_of_job.then_some(PARENT), "{message:?}");
    }
}

fn subscribe(service: &Service, url: &str) -> String {
    let added = service.post_json("/webhooks", &json!({ "url": url }));
    assert_eq!(added.status, 201, "{added:?}");
    added.json()["id"].as_str().unwrap().to_owned()
}

/// Sends a test message and gives its id.
fn send_test(service: &Service, subscriber: &str) -> String {
    let sent = service.post(&format!("/webhooks/{subscriber}/test"));
    assert_eq!(sent.status, 202, "{sent:?}");
    let sent = sent.json();
    assert_eq!((&sent["type"], &sent["state"]), (&json!("webhook_test"), &json!("pending")));
    sent["id"].as_str().unwrap().to_owned()
}

fn deliveries(service: &Service, subscriber: &str) -> Vec<Value> {
    let listed = service.get(&format!("/webhooks/{subscriber}/deliveries"));
    assert_eq!(listed.status, 200, "{listed:?}");
    listed.json()["deliveries"].as_array().unwrap().clone()
}

/// Waits until the newest delivery is as wanted.
fn until(service: &Service, subscriber: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let newest = deliveries(service, subscriber).remove(0);
        if wanted(&newest) {
            return newest;
        }
        std::thread::yield_now();
    }
}

fn tries(delivery: &Value) -> usize {
    delivery["attempts"].as_array().unwrap().len()
}

#[test]
fn a_job_s_url_gets_messages_of_the_model_and_of_the_job() {
    let sink = Sink::start(|_, _| status(204));
    let service = Service::start_with(&[OPEN, ("VERBATIM__WEBHOOKS__SECRET", SECRET)]);
    let id = service.queue("en_short.wav", &[("webhook_url", &sink.url("/hook"))]);
    let messages = sink.until("/hook", 2);
    assert!(
        messages.iter().all(|message| message.is_signed_with(SECRET) && message.id().starts_with("msg_"))
    );
    let of =
        |kind: &str| messages.iter().map(|message| message.json()).find(|body| body["type"] == kind).unwrap();
    assert!(of("model_ready")["data"]["load_secs"].as_f64().unwrap() > 0.0);
    let completed = of("job_completed");
    assert_eq!(completed["data"]["job_id"], id.as_str());
    assert_eq!(completed["data"]["status"], "completed");
    assert_eq!(completed["data"].as_object().unwrap().len(), 3, "no transcript");
    service.post("/model/unload");
    assert_eq!(sink.until("/hook", 3)[2].json()["type"], "model_unloaded");
}

#[test]
fn subscribers_are_listed_added_and_removed() {
    let service = Service::start();
    let id = subscribe(&service, "https://receiver.example/hook");
    assert_eq!(subscribe(&service, "https://receiver.example/hook"), id, "one subscriber for each URL");
    let listed = service.get("/webhooks").json()["webhooks"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["state"], &listed[0]["own_secret"]), (&json!("active"), &json!(false)));
    assert_eq!(service.delete(&format!("/webhooks/{id}")).status, 204);
    let again = service.delete(&format!("/webhooks/{id}"));
    assert_eq!((again.status, again.error().as_str()), (404, "webhook_not_found"));
    for (url, code) in [
        ("http://169.254.169.254/", "webhook_target_forbidden"),
        ("http://2130706433/", "webhook_target_forbidden"),
        ("http://localhost/", "webhook_target_forbidden"),
        ("file:///etc/passwd", "invalid_webhook_url"),
    ] {
        let refused = service.post_json("/webhooks", &json!({ "url": url }));
        assert_eq!((refused.status, refused.error().as_str()), (400, code), "{url}");
    }
    let refused = service.post_json("/webhooks", &json!({ "address": "https://receiver.example/" }));
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_body"));
}

#[test]
fn what_came_of_every_kind_of_answer_is_in_the_deliveries() {
    let sink = Sink::start(|request, before| match request.path.as_str() {
        "/ok" => status(200),
        "/moved" => with(302, "location: http://127.0.0.1:1/"),
        "/gone" => status(410),
        "/busy" if before == 0 => with(429, "retry-after: 1"),
        "/busy" => status(204),
        "/broken" => status(500),
        "/garbage" => Some("nonsense\r\n\r\n".into()),
        "/closed" => Some(String::new()),
        _ => None,
    });
    let service = Service::start_with(&[OPEN, ("VERBATIM__WEBHOOKS__TIMEOUT_SECS", "3")]);
    let paths = ["/ok", "/moved", "/gone", "/busy", "/broken", "/garbage", "/closed", "/silent"];
    let ids = paths.map(|path| subscribe(&service, &sink.url(path)));
    ids.iter().for_each(|id| drop(send_test(&service, id)));
    for (path, id) in paths.iter().zip(&ids).filter(|(path, _)| **path != "/gone") {
        let first = until(&service, id, |delivery| tries(delivery) > 0);
        let attempt = &first["attempts"][0];
        let (status, error) = match *path {
            "/ok" => (json!(200), None),
            "/moved" => (json!(302), Some("status 302")),
            "/busy" => (json!(429), Some("status 429")),
            "/broken" => (json!(500), Some("status 500")),
            "/silent" => (Value::Null, Some("no answer within 3 s")),
            _ => (Value::Null, Some("could not be reached")),
        };
        assert_eq!(attempt["status"], status, "{path}: {first}");
        match error {
            Some(error) => assert!(attempt["error"].as_str().unwrap().contains(error), "{path}: {first}"),
            None => assert_eq!((&attempt["error"], &first["state"]), (&Value::Null, &json!("delivered"))),
        }
        assert!(attempt["at"].is_string() && attempt["ms"].is_u64(), "{first}");
        assert_eq!(first["next_try_at"].is_string(), first["state"] == "pending", "{first}");
    }
    let busy = until(&service, &ids[3], |delivery| delivery["state"] == "delivered");
    assert_eq!((tries(&busy), &busy["attempts"][1]["status"]), (2, &json!(204)));
    let twice = sink.until("/busy", 2);
    assert_eq!(twice[0].id(), twice[1].id());
    // 410: the subscriber is removed with all its messages.
    sink.until("/gone", 1);
    while service.get(&format!("/webhooks/{}/deliveries", ids[2])).status != 404 {}
    let left = service.get("/webhooks").json()["webhooks"].as_array().unwrap().clone();
    assert_eq!(left.len(), paths.len() - 1);
    assert!(left.iter().any(|s| s["url"] == sink.url("/broken") && s["failing_since"].is_string()));
}

#[test]
fn what_was_pending_is_delivered_after_a_kill() {
    let sink = Sink::start(|_, before| if before == 0 { with(503, "retry-after: 1") } else { status(200) });
    let mut service = Service::start_with(&[OPEN]);
    let id = subscribe(&service, &sink.url("/hook"));
    let message = send_test(&service, &id);
    until(&service, &id, |delivery| tries(delivery) >= 1);
    service.kill_and_restart();
    let sent = sink.until("/hook", 2);
    assert!(sent.iter().all(|received| received.id() == message && received.body == sent[0].body));
    let delivered = until(&service, &id, |delivery| delivery["state"] == "delivered");
    assert_eq!((&delivered["id"], tries(&delivered)), (&json!(message), 2));
}

#[test]
fn a_try_cut_off_by_a_kill_is_made_again_under_the_same_id() {
    let sink = Sink::start(|_, before| if before == 0 { None } else { status(200) });
    let mut service = Service::start_with(&[OPEN]);
    let id = subscribe(&service, &sink.url("/hook"));
    let message = send_test(&service, &id);
    sink.until("/hook", 1);
    service.kill_and_restart();
    assert_eq!(sink.until("/hook", 2)[1].id(), message);
}

#[test]
fn a_subscriber_s_own_secret_signs_and_a_new_one_beside_the_old() {
    let sink = Sink::start(|_, _| status(200));
    let service = Service::start_with(&[OPEN, ("VERBATIM__WEBHOOKS__SECRET", SECRET)]);
    let url = sink.url("/own");
    let added = service.post_json("/webhooks", &json!({ "url": url, "secret": OWN_SECRET }));
    assert_eq!(added.json()["own_secret"], true);
    let id = added.json()["id"].as_str().unwrap().to_owned();
    send_test(&service, &id);
    let received = sink.until("/own", 1).remove(0);
    assert!(received.is_signed_with(OWN_SECRET) && !received.is_signed_with(SECRET));

    let changed = service.post(&format!("/webhooks/{id}/secret"));
    assert_eq!(changed.status, 200);
    let new = changed.json()["secret"].as_str().unwrap().to_owned();
    send_test(&service, &id);
    let received = sink.until("/own", 2).remove(1);
    assert!(received.is_signed_with(&new) && received.is_signed_with(OWN_SECRET));
    assert!(!received.is_signed_with(SECRET));
    assert_eq!(received.headers["webhook-signature"].to_str().unwrap().split(' ').count(), 2);
    let shown = service.get("/webhooks").text + &added.text;
    assert!(!shown.contains("whsec_") && !shown.contains(&new), "{shown}");

    for secret in ["hush", "whsec_hush"] {
        let refused = service.post_json("/webhooks", &json!({ "url": url, "secret": secret }));
        assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_webhook_secret"));
    }
}

#[test]
fn deliveries_are_paged_and_redelivered_one_or_many() {
    let sink = Sink::start(|_, _| status(200));
    let service = Service::start_with(&[OPEN]);
    let id = subscribe(&service, &sink.url("/hook"));
    let sent: Vec<String> = (0..3).map(|_| send_test(&service, &id)).collect();
    sink.until("/hook", 3);
    while deliveries(&service, &id).iter().any(|delivery| delivery["state"] != "delivered") {}
    let first = service.get(&format!("/webhooks/{id}/deliveries?limit=2")).json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = service.get(&format!("/webhooks/{id}/deliveries?limit=2&cursor={cursor}")).json();
    let listed: Vec<_> = [&first, &second].iter().flat_map(|p| p["deliveries"].as_array().unwrap()).collect();
    assert!(listed.iter().map(|delivery| &delivery["id"]).eq(sent.iter().rev()), "newest first");
    assert_eq!(second["next_cursor"], Value::Null);

    let again = service.post(&format!("/webhooks/{id}/deliveries/{}/redeliver", sent[0]));
    assert_eq!((again.status, &again.json()["state"]), (202, &json!("pending")));
    assert_eq!(sink.until("/hook", 4)[3].id(), sent[0]);
    while deliveries(&service, &id).iter().any(|delivery| delivery["state"] != "delivered") {}
    let since = listed[1]["created_at"].as_str().unwrap();
    let again = service.post(&format!("/webhooks/{id}/redeliver?since={since}"));
    assert_eq!((again.status, again.json()), (202, json!({ "redelivered": 2 })));
    let mut ids: Vec<_> = sink.until("/hook", 6)[4..].iter().map(|r| r.id().to_owned()).collect();
    ids.sort();
    assert_eq!(ids, sent[1..]);
    let none = service.post(&format!("/webhooks/{id}/redeliver?since=2000-01-01T00:00:00Z&until={since}"));
    assert!(none.json()["redelivered"].as_u64().unwrap() <= 1, "{none:?}");

    for (path, code) in [
        (format!("/webhooks/{id}/redeliver"), "invalid_query"),
        (format!("/webhooks/{id}/redeliver?since=yesterday"), "invalid_query"),
        (format!("/webhooks/{id}/deliveries/msg_1/redeliver"), "delivery_not_found"),
        ("/webhooks/unknown/test".to_owned(), "webhook_not_found"),
        ("/webhooks/unknown/secret".to_owned(), "webhook_not_found"),
        ("/webhooks/unknown/redeliver?since=2000-01-01T00:00:00Z".to_owned(), "webhook_not_found"),
    ] {
        assert_eq!(service.post(&path).error(), code, "{path}");
    }
    assert_eq!(service.get("/webhooks/unknown/deliveries").error(), "webhook_not_found");
    assert_eq!(service.get(&format!("/webhooks/{id}/deliveries?limit=0")).error(), "invalid_query");
    assert_eq!(service.get(&format!("/webhooks/{id}/deliveries?cursor=x")).error(), "invalid_query");
}

#[test]
fn a_target_not_allowed_any_more_is_refused_on_delivery() {
    let sink = Sink::start(|_, _| status(200));
    let service = Service::start_with(&[("VERBATIM__WEBHOOKS__ALLOW", "192.168.0.0/16,127.0.0.0/8")]);
    let id = subscribe(&service, &sink.url("/hook"));
    let refused = service.post_json("/webhooks", &json!({ "url": "http://10.0.0.1/" }));
    assert_eq!(refused.error(), "webhook_target_forbidden");
    send_test(&service, &id);
    until(&service, &id, |delivery| delivery["state"] == "delivered");
    let (_, dir) = service.stop();

    let service = Service::start_in(dir, &[]);
    send_test(&service, &id);
    let refused = until(&service, &id, |delivery| tries(delivery) == 1);
    let error = refused["attempts"][0]["error"].as_str().unwrap();
    assert!(error.contains("forbidden") && error.contains("webhooks.allow"), "{error}");
    assert_eq!((&refused["state"], &refused["attempts"][0]["status"]), (&json!("pending"), &Value::Null));
    assert_eq!(sink.until("/hook", 1).len(), 1);
}
