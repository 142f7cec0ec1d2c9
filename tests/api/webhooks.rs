//! Webhooks, received by a real socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use super::service::Service;

/// Takes one request, answers 204, and gives its headers and body.
fn receive(listener: &TcpListener) -> (String, Value) {
    let (mut socket, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    socket.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), serde_json::from_slice(&body).unwrap())
}

#[test]
fn a_job_s_owner_hears_of_the_model_and_of_the_job() {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", receiver.local_addr().unwrap());
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let service = Service::start_with(&[
        ("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true"),
        ("VERBATIM__WEBHOOKS__SECRET", secret),
    ]);
    let id = service.queue("en_short.wav", &[("webhook_url", &url)]);
    let (head, ready) = receive(&receiver);
    assert_eq!(ready["type"], "model_ready");
    assert!(head.contains("webhook-id: msg_") && head.contains("webhook-signature: v1,"), "{head}");
    let (_, completed) = receive(&receiver);
    assert_eq!(completed["type"], "job_completed");
    assert_eq!(completed["data"]["job_id"], id.as_str());
    assert_eq!(completed["data"]["status"], "completed");
    service.post("/model/unload");
    assert_eq!(receive(&receiver).1["type"], "model_unloaded");
}

#[test]
fn subscribers_are_listed_added_and_removed() {
    let service = Service::start();
    let added = service.post_json("/webhooks", &json!({ "url": "https://receiver.example/hook" }));
    assert_eq!(added.status, 201);
    let id = added.json()["id"].as_str().unwrap().to_owned();
    let again = service.post_json("/webhooks", &json!({ "url": "https://receiver.example/hook" }));
    assert_eq!(again.json()["id"], id.as_str(), "one subscriber for each URL");
    assert_eq!(service.get("/webhooks").json()["webhooks"].as_array().unwrap().len(), 1);
    assert_eq!(service.delete(&format!("/webhooks/{id}")).status, 204);
    let gone = service.delete(&format!("/webhooks/{id}"));
    assert_eq!((gone.status, gone.error().as_str()), (404, "webhook_not_found"));
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
