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
fn model_events(service: &Service, until: impl Fn(&Event) -> bool) -> Vec<String> {
    let mut events = vec![];
    for event in service.events("/model/events", Some(0)).filter(|event| event.name != "model_status") {
        let name = event.name.trim_start_matches("model_");
        let why = event.data["reason"].as_str().map(|reason| format!(" {reason}")).unwrap_or_default();
        events.push(format!("{} {name}{why}", event.data["model"].as_str().unwrap()));
        if until(&event) {
            break;
        }
    }
    events
}

fn is_ready(model: &str) -> impl Fn(&Event) -> bool {
    move |event| event.name == "model_ready" && event.data["model"] == model
}

#[test]
fn loading_a_model_by_name_unloads_the_present_one() {
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
        model_events(&service, is_ready("second")),
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
    let service = Service::start_with(&[("VERBATIM__MODELS__MISSING", "no/such/file.bin")]);
    let failed = service.post("/model/load?model=missing&wait=true");
    assert_eq!((failed.status, failed.error().as_str()), (422, "model_not_found"));
    assert_eq!(
        states(&service.get("/model/status").json()),
        [("words-q8_0", "unloaded"), ("missing", "failed")]
    );
    service.load();
    let status = service.get("/model/status").json();
    assert_eq!(states(&status), [("words-q8_0", "ready"), ("missing", "failed")]);
    assert_eq!(
        (&status["error"], &status["models"][1]["error"]["code"]),
        (&json!(null), &json!("model_not_found"))
    );
}

/// A recording so many times over.
fn repeated(name: &str, times: usize) -> Vec<u8> {
    let mut wav = std::fs::read(fixtures::audio(name)).unwrap();
    let samples = wav.split_off(44).repeat(times);
    let bytes = u32::try_from(samples.len()).unwrap();
    wav[4..8].copy_from_slice(&(36 + bytes).to_le_bytes());
    wav[40..44].copy_from_slice(&bytes.to_le_bytes());
    wav.extend(samples);
    wav
}

/// The text and the chunks of a job's result, as they are kept.
fn result(job: &Value) -> String {
    job["result"].to_string()
}

#[test]
fn each_job_is_transcribed_by_the_model_that_it_names() {
    let service = two_models(&[]);
    let jobs: Vec<_> = [("", "words-q8_0"), ("second", "second"), ("whisper-1", "words-q8_0")]
        .into_iter()
        .map(|(asked, named)| (service.queue("en_short.wav", &[("model", asked)]), named))
        .collect();
    for (id, named) in &jobs {
        let job = service.finished(id);
        assert_eq!((&job["status"], &job["options"]["model"]), (&json!("completed"), &json!(named)));
        assert_eq!(job["result"]["text"], "One two three.");
    }
    let events = model_events(&service, is_ready("second"));
    assert_eq!(events.iter().filter(|event| event.ends_with(" ready")).count(), 2, "{events:?}");
    assert_eq!(service.children().len(), 1);
}

#[test]
fn a_job_for_another_model_is_503_and_triggers_its_load() {
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    for (path, fields) in [("/jobs?model=second", &[][..]), ("/jobs", &[("model", "second")][..])] {
        let service = two_models(&[]);
        service.finished(&service.queue("en_short.wav", &[]));
        service.until_idle();
        let sent = || service.post_form(path, Some(("a.wav", &bytes)), fields);
        let answer = sent();
        assert_eq!((answer.status, answer.error().as_str()), (503, "model_not_ready"), "{path}");
        assert_eq!(answer.json()["model"]["state"], "unloaded");
        model_events(&service, is_ready("second"));
        let taken = sent();
        assert_eq!(taken.status, 202, "{taken:?}");
        let job = service.finished(taken.json()["id"].as_str().unwrap());
        assert_eq!(
            (&job["options"]["model"], &job["result"]["text"]),
            (&json!("second"), &json!("One two three."))
        );
    }
}

#[test]
fn an_unknown_model_is_answered_with_the_names() {
    let service = two_models(&[]);
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let sent = |path: &str, fields: &[(&str, &str)]| service.post_form(path, Some(("a.wav", &bytes)), fields);
    for (path, fields, status, code) in [
        ("/jobs?model=third", &[][..], 404, "unknown_model"),
        ("/jobs?queue=true", &[("model", "third")][..], 404, "unknown_model"),
        ("/jobs?queue=true&model=second", &[("model", "whisper-1")][..], 400, "invalid_option"),
    ] {
        let refused = sent(path, fields);
        assert_eq!((refused.status, refused.error().as_str()), (status, code), "{path}");
    }
}

#[test]
fn a_job_resumed_after_a_swap_has_the_same_transcript() {
    let service = two_models(&[]);
    let recording = repeated("en_phrases.wav", 9);
    let queue = || {
        let file = Some(("long.wav", recording.as_slice()));
        let taken = service.post_form("/jobs?queue=true&model=second", file, &[]);
        taken.json()["id"].as_str().unwrap().to_owned()
    };
    let uninterrupted = service.finished(&queue());
    assert!(uninterrupted["progress"]["chunks_total"].as_u64().unwrap() > 2, "{uninterrupted}");
    let uninterrupted = result(&uninterrupted);
    let id = queue();
    let mut events = service.events(&format!("/jobs/{id}/events"), None);
    assert!(events.by_ref().any(|event| event.name == "segment"));
    // Takes its model away at the next chunk.
    let urgent = service.queue("en_short.wav", &[("priority", "interactive")]);
    assert_eq!(service.finished(&urgent)["result"]["text"], "One two three.");
    assert!(events.by_ref().any(|event| event.name == "requeued" && event.data["reason"] == "preempted"));
    assert_eq!(events.last().unwrap().name, "completed");
    let job = service.job(&id);
    assert_eq!(result(&job), uninterrupted);
    assert_eq!(job["attempts"], 2, "it continued where it was");
}

#[test]
fn clients_of_the_openai_api_choose_a_model_by_its_name() {
    let service = two_models(&[]);
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    for model in ["second", "whisper-1"] {
        let fields = [("model", model), ("response_format", "text")];
        let answer = service.post_form("/v1/audio/transcriptions", Some(("a.wav", &bytes)), &fields);
        assert_eq!((answer.status, answer.text.trim()), (200, "One two three."));
        let job = service.job(answer.header("x-job-id").unwrap());
        let served = if model == "second" { "second" } else { "words-q8_0" };
        assert_eq!(job["options"]["model"], served);
    }
    let fields = [("model", "third")];
    let refused = service.post_form("/v1/audio/transcriptions", Some(("a.wav", &bytes)), &fields);
    assert_eq!((refused.status, refused.error().as_str()), (404, "unknown_model"));
}

/// The bundled model without its last token: whisper.cpp and its kin take 51,864 tokens for an English-only model.
pub fn english_only() -> tempfile::TempPath {
    let mut bytes = std::fs::read(fixtures::dir().join("ggml-words-f16.bin")).unwrap();
    let name = b"decoder.token_embedding.weight";
    let name_at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (width, tokens) = (number(&bytes, name_at - 8), number(&bytes, name_at - 4));
    assert_eq!((tokens, number(&bytes, 4)), (51_865, 51_865));
    let row = width * size_of::<u16>();
    let end = name_at + name.len() + tokens * row;
    bytes.drain(end - row..end);
    for at in [4, name_at - 4] {
        bytes[at..at + 4].copy_from_slice(&51_864u32.to_le_bytes());
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file.into_temp_path()
}

#[test]
fn an_english_only_model_refuses_other_languages_everywhere() {
    let model = english_only();
    let service = Service::start_with(&[("VERBATIM__MODEL__PATH", model.to_str().unwrap())]);
    assert_eq!(service.get("/model/status").json()["model"]["multilingual"], false);
    let wav = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let file = Some(("a.wav", &wav[..]));
    let openai = ("model", "whisper-1");
    let (spanish, translate) = (("language", "es"), ("task", "translate"));
    for (path, fields, code) in [
        ("/jobs?queue=true", &[spanish][..], "unsupported_language"),
        ("/jobs?queue=true", &[("language", "multi")], "unsupported_language"),
        ("/jobs?queue=true", &[translate], "unsupported_task"),
        ("/v1/audio/transcriptions", &[openai, spanish], "unsupported_language"),
        ("/v1/audio/translations", &[openai], "unsupported_task"),
        ("/inference", &[spanish], "unsupported_language"),
        ("/inference", &[("translate", "true")], "unsupported_task"),
    ] {
        let refused = service.post_form(path, file, fields);
        assert_eq!((refused.status, refused.error().as_str()), (400, code), "{path} {fields:?}: {refused:?}");
    }
    for (path, code) in [
        ("/asr?language=es", "unsupported_language"),
        ("/asr?task=translate", "unsupported_task"),
        ("/detect-language", "unsupported_task"),
    ] {
        let refused = service.post_part(path, "audio_file", ("a.wav", &wav));
        assert_eq!((refused.status, refused.error().as_str()), (400, code), "{path}: {refused:?}");
    }
    assert_eq!(service.get("/jobs").json()["jobs"], json!([]));
}

#[test]
fn an_english_only_model_that_came_later_refuses_languages() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("late.bin");
    let service = Service::start_with(&[("VERBATIM__MODEL__PATH", file.to_str().unwrap())]);
    std::fs::copy(english_only(), &file).unwrap();
    let wav = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let refused = service.post_form("/jobs?queue=true", Some(("a.wav", &wav)), &[("language", "es")]);
    assert_eq!((refused.status, refused.error().as_str()), (400, "unsupported_language"), "{refused:?}");
}
