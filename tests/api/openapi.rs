//! What is answered is what the description for programs says of it.

use serde_json::{Value, json};

use super::clients::{output, schemathesis};
use super::fixtures;
use super::service::Service;
use super::sink::{Sink, status};

/// Holds answers to schemas of the description, and to the fields that it names.
struct Description(Value);

impl Description {
    fn of(service: &Service) -> Self {
        let answer = service.get("/openapi.json");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        Self(answer.json())
    }

    fn holds(&self, schema: &str, answer: &Value) {
        let mut whole = self.0.clone();
        assert!(whole["components"]["schemas"][schema].is_object(), "no schema {schema}");
        whole["$ref"] = json!(format!("#/components/schemas/{schema}"));
        let validator = jsonschema::validator_for(&whole).unwrap();
        let problems: Vec<_> = validator.iter_errors(answer).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{schema}: {problems:?} in {answer}");
    }
}

#[test]
fn answers_are_what_the_description_says() {
    let sink = Sink::start(|_, _| status(200));
    let service = Service::start_with(&[("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true")]);
    let description = Description::of(&service);
    let holds = |schema: &str, answer: Value| description.holds(schema, &answer);

    holds("ModelStatus", service.get("/model/status").json());
    holds("DebugState", service.get("/debug/state").json());
    holds("Shelf", service.get("/models").json());
    holds("Pulls", service.get("/models/pulls").json());
    holds("Health", service.get("/health").json());
    let refused = service.post_form("/jobs", Some(("a.wav", b"never read")), &[]);
    assert!(refused.json()["model"].is_object(), "{refused:?}");
    holds("Error", refused.json());
    holds("Error", service.get("/nowhere").json());
    let id = service.queue("en_phrases.wav", &[("word_timestamps", "true"), ("metadata", "{}")]);
    holds("Job", service.job(&id));
    holds("Job", service.finished(&id));
    holds("Jobs", service.get("/jobs").json());
    holds("Peaks", service.get(&format!("/jobs/{id}/audio/peaks")).json());
    holds("Transcript", service.get(&format!("/jobs/{id}/transcript")).json());
    holds("VerboseTranscription", service.get(&format!("/jobs/{id}/transcript?format=verbose_json")).json());
    let mut edit = service.get(&format!("/jobs/{id}/transcript")).json();
    edit["segments"][0]["speaker"] = json!("Ann");
    let edit = json!({ "base_revision": 0, "segments": edit["segments"] });
    holds("EditForm", edit.clone());
    holds("Revision", service.put_json(&format!("/jobs/{id}/transcript"), &edit).json());
    holds("Revisions", service.get(&format!("/jobs/{id}/transcript/revisions")).json());
    holds("Transcript", service.get(&format!("/jobs/{id}/transcript")).json());
    holds("VerboseTranscription", service.get(&format!("/jobs/{id}/transcript?format=verbose_json")).json());
    holds("Job", service.job(&id));
    holds("ModelStatus", service.post("/model/load").json());
    let wav = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let call = |fields: &[(&str, &str)]| {
        let fields: Vec<_> = [("model", "whisper-1")].iter().chain(fields).copied().collect();
        service.post_form("/v1/audio/transcriptions", Some(("a.wav", &wav)), &fields).json()
    };
    holds("Transcription", call(&[("include[]", "logprobs")]));
    let words = [("response_format", "verbose_json"), ("timestamp_granularities[]", "word")];
    holds("VerboseTranscription", call(&words));
    holds("Model", service.get("/v1/models").json()["data"][0].clone());

    let added = service.post_json("/webhooks", &json!({ "url": sink.url("/hook") }));
    assert_eq!(added.status, 201);
    holds("Subscriber", added.json());
    let path = format!("/webhooks/{}", added.json()["id"].as_str().unwrap());
    holds("Delivery", service.post(&format!("{path}/test")).json());
    holds("Deliveries", service.get(&format!("{path}/deliveries")).json());
    holds("Subscribers", service.get("/webhooks").json());
    holds("Subscriber", service.post(&format!("{path}/secret")).json());
}

#[test]
fn the_api_is_a_page_that_loads_nothing_from_elsewhere() {
    let keys = "a-key-of-some-24-letters an-owner";
    let keys = [("VERBATIM__AUTH__MODE", "keys"), ("VERBATIM__AUTH__KEYS", keys)];
    let service = Service::start_with(&keys);
    let page = service.get("/docs");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
    assert!(!page.text.contains("<script") && !page.text.contains("style="), "nothing inline");
    for part in ["<b>POST</b> /jobs", "Three down seven nine.", "id=\"schema-Job\""] {
        assert!(page.text.contains(part), "{part}");
    }
    let style = service.get("/docs/style.css");
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert_eq!(service.get("/openapi.json").status, 200, "without a key as well");
}

const ALLOWED: (&str, &str) = ("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true");

/// Sends requests that the description allows and forbids: each is answered as it says. The cases are the same each time;
/// `make schemathesis` has random ones, and chains of requests, too.
fn fuzz(service: &Service, seed: &str, key: &str) {
    let Some(mut schemathesis) = schemathesis() else { return };
    let phases = std::env::var("VERBATIM_SCHEMATHESIS_PHASES").unwrap_or("examples,coverage".into());
    schemathesis
        .current_dir(service.dir.path())
        .args([&format!("{}/openapi.json", service.base), "--seed", seed])
        .args(["--phases", &phases, "--max-examples", "3"])
        .args(["--header", &format!("Authorization: Bearer {key}")]);
    let said = output(&mut schemathesis);
    let selected = said.lines().find_map(|line| line.trim().strip_prefix("Selected: ")).unwrap();
    let (selected, all) = selected.split_once('/').unwrap();
    let number = |text: &str| text.parse::<usize>().unwrap();
    // All but POST /admin/drain.
    assert_eq!(number(selected) + 1, number(all), "{said}");
}

#[test]
fn requests_of_all_kinds_are_answered_as_described_unloaded() {
    fuzz(&Service::start_with(&[ALLOWED]), "1", "no key is asked for");
}

#[test]
fn requests_of_all_kinds_are_answered_as_described_to_a_key() {
    const KEY: &str = "a-key-of-some-24-letters";
    let keys = format!("{KEY} fuzzer");
    let keys = [("VERBATIM__AUTH__MODE", "keys"), ("VERBATIM__AUTH__KEYS", keys.as_str())];
    let service = Service::start_with(&[ALLOWED, keys[0], keys[1]]).with_key(KEY);
    service.load();
    fuzz(&service, "2", KEY);
}
