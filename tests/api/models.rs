//! Several models to choose from, one in memory at a time.

use serde_json::{Value, json};

use super::fixtures;
use super::service::{Event, Service};

/// With the other quantisation of the bundled model as a second one.
fn two_models(more: &[(&str, &str)]) -> Service {
    let second = fixtures::dir().join("ggml-words-f16.bin");
    let second = ("VERBATIM__MODELS__SECOND", second.to_str().unwrap());
    Service::start_with(&[&[second], more].concat())
}

fn states(status: &Value) -> Vec<(&str, &str)> {
    let models = status["models"].as_array().unwrap();
    models.iter().map(|m| (m["id"].as_str().unwrap(), m["state"].as_str().unwrap())).collect()
}

/// Model and name of every event of the models so far; of an unload also why.
fn told(service: &Service, until: impl Fn(&Event) -> bool) -> Vec<String> {
    let mut told = vec![];
    for event in service.events("/model/events", Some(0)).filter(|event| event.name != "model_status") {
        let name = event.name.trim_start_matches("model_");
        let why = event.data["reason"].as_str().map(|reason| format!(" {reason}")).unwrap_or_default();
        told.push(format!("{} {name}{why}", event.data["model"].as_str().unwrap()));
        if until(&event) {
            break;
        }
    }
    told
}

fn is_ready(model: &str) -> impl Fn(&Event) -> bool {
    move |event| event.name == "model_ready" && event.data["model"] == model
}

#[test]
fn a_model_is_loaded_by_its_name_and_the_one_that_was_there_goes() {
    let service = two_models(&[]);
    let status = service.get("/model/status").json();
    assert_eq!(states(&status), [("words-q8_0", "unloaded"), ("second", "unloaded")]);
    assert_eq!(
        (&status["models"][0]["default"], &status["models"][1]["default"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(status["model"]["id"], "words-q8_0");
    service.load();
    let loaded = service.post("/model/load?model=second&wait=true");
    assert_eq!((loaded.status, &loaded.json()["model"]["id"]), (200, &json!("second")));
    assert_eq!(states(&loaded.json()), [("words-q8_0", "unloaded"), ("second", "ready")]);
    assert_eq!(service.children().len(), 1, "one engine");
    assert_eq!(service.post("/model/load?model=second").status, 200, "it is ready already");
    assert_eq!(
        told(&service, is_ready("second")),
        [
            "words-q8_0 loading",
            "words-q8_0 ready",
            "words-q8_0 unloading swap",
            "words-q8_0 unloaded swap",
            "second loading",
            "second ready",
        ]
    );
    let unknown = service.post("/model/load?model=third");
    assert_eq!((unknown.status, unknown.error().as_str()), (404, "unknown_model"));
    let message = unknown.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("words-q8_0, second"), "{message}");
}

#[test]
fn clients_of_the_openai_api_see_all_models() {
    let service = two_models(&[]);
    let list = service.get("/v1/models").json();
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["words-q8_0", "second"]);
    assert_eq!(service.get("/v1/models/second").json()["id"], "second");
    assert_eq!(service.get("/v1/models/whisper-1").json()["id"], "whisper-1");
    assert_eq!(service.get("/v1/models/third").status, 404);
}

#[test]
fn a_second_model_without_a_file_is_failed_and_the_first_is_not() {
    let service = Service::start_with(&[("VERBATIM__MODELS__GONE", "no/such/file.bin")]);
    let failed = service.post("/model/load?model=gone&wait=true");
    assert_eq!((failed.status, failed.error().as_str()), (422, "model_not_found"));
    assert_eq!(
        states(&service.get("/model/status").json()),
        [("words-q8_0", "unloaded"), ("gone", "failed")]
    );
    service.load();
    let status = service.get("/model/status").json();
    assert_eq!(states(&status), [("words-q8_0", "ready"), ("gone", "failed")]);
    assert_eq!(
        (&status["error"], &status["models"][1]["error"]["code"]),
        (&json!(null), &json!("model_not_found"))
    );
}
