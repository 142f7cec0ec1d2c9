//! Recordings in, transcripts out.

use serde_json::{Value, json};

use super::fixtures;
use super::service::Service;

#[test]
fn every_bundled_recording_becomes_its_true_text() {
    let service = Service::start();
    let queued = fixtures::SPOKEN.map(|name| (name, service.queue(name, &[])));
    for (name, id) in queued {
        let job = service.finished(&id);
        assert_eq!(job["status"], "completed", "{job}");
        assert_eq!(job["result"]["text"], fixtures::truth(name)["text"], "{name}");
        assert_eq!(job["result"]["language"], fixtures::truth(name)["language"], "{name}");
        let duration = job["audio"]["duration_secs"].as_f64().unwrap();
        let true_duration = fixtures::truth(name)["duration_secs"].as_f64().unwrap();
        assert!((duration - true_duration).abs() < 0.1, "{name}: {duration} s");
        assert_eq!(job["progress"]["chunk"], job["progress"]["chunks_total"]);
        assert_eq!(job["progress"]["percent"], 100.0);
    }
}

#[test]
fn a_job_has_the_shape_that_the_contract_gives_it() {
    let service = Service::start();
    let metadata = r#"{"b": 1,  "a": [true, null]}"#;
    let fields = [("metadata", metadata), ("language", "en"), ("priority", "interactive")];
    let id = service.queue("en_short.wav", &fields);
    let answer = service.get(&format!("/jobs/{id}"));
    assert!(answer.text.contains(metadata), "metadata comes back to the letter");
    let job = service.finished(&id);
    let mut keys: Vec<_> = job.as_object().unwrap().keys().cloned().collect();
    keys.sort_unstable();
    let expected = [
        "attempts",
        "audio",
        "created_at",
        "error",
        "finished_at",
        "id",
        "metadata",
        "options",
        "progress",
        "queue",
        "result",
        "started_at",
        "status",
    ];
    assert_eq!(keys, expected);
    assert_eq!(job["audio"]["filename"], "en_short.wav");
    assert_eq!(job["options"]["language"], "en");
    assert_eq!(job["options"]["priority"], "interactive");
    assert_eq!((&job["queue"], &job["error"]), (&Value::Null, &Value::Null));
    let segment = &job["result"]["segments"][0];
    assert_eq!(segment["text"], " One two three.");
    assert_eq!((&segment["id"], &segment["words"], &segment["flags"]), (&json!(0), &Value::Null, &json!([])));
    assert!(segment["start"].as_f64().unwrap() < segment["end"].as_f64().unwrap());
}

#[test]
fn speech_is_translated_when_asked() {
    let service = Service::start();
    let id = service.queue("de_phrases.wav", &[("task", "translate")]);
    assert_eq!(service.finished(&id)["result"]["text"], fixtures::truth("de_phrases.wav")["english"]);
}

#[test]
fn silence_completes_with_an_empty_text() {
    let service = Service::start();
    let job = service.finished(&service.queue("silence.wav", &[]));
    assert_eq!(job["status"], "completed");
    assert_eq!((&job["result"]["text"], &job["result"]["language"]), (&json!(""), &Value::Null));
    assert_eq!(job["progress"]["chunks_total"], 0);
}

#[test]
fn a_transcript_comes_in_every_format() {
    let service = Service::start();
    let id = service.queue("en_short.wav", &[("word_timestamps", "true")]);
    service.finished(&id);
    let get = |format: &str| service.get(&format!("/jobs/{id}/transcript?format={format}"));
    assert_eq!(get("text").text, "One two three.");
    assert!(get("srt").text.starts_with("1\n00:00:00,"));
    assert!(get("vtt").text.starts_with("WEBVTT\n"));
    assert!(get("tsv").text.starts_with("start\tend\ttext\n"));
    assert_eq!(get("verbose_json").json()["language"], "english");
    let words = get("json").json()["segments"][0]["words"].as_array().unwrap().len();
    assert_eq!(words, 3);
    let unknown = get("docx");
    assert_eq!((unknown.status, unknown.error().as_str()), (400, "invalid_query"));
}

#[test]
fn jobs_are_listed_newest_first_page_by_page() {
    let service = Service::start();
    let ids: Vec<_> = (0..5).map(|_| service.queue("en_short.wav", &[])).collect();
    for id in &ids {
        service.finished(id);
    }
    let mut seen = vec![];
    let mut path = "/jobs?limit=2&status=completed".to_owned();
    loop {
        let page = service.get(&path).json();
        let jobs = page["jobs"].as_array().unwrap();
        seen.extend(jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/jobs?limit=2&status=completed&cursor={cursor}");
    }
    assert!(seen.iter().rev().eq(&ids), "{seen:?}");
    assert_eq!(service.get("/jobs?status=queued").json()["jobs"], json!([]));
}

#[test]
fn a_running_job_is_cancelled_and_keeps_what_it_has() {
    let service = Service::start();
    let id = service.queue("long.ogg", &[]);
    let path = format!("/jobs/{id}/events");
    assert!(service.events(&path, None).any(|event| event.name == "segment"));
    let answer = service.delete(&format!("/jobs/{id}"));
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("cancelled")));
    assert_eq!(service.events(&path, None).last().unwrap().name, "cancelled");
    let partial = service.get(&format!("/jobs/{id}/transcript?format=text&partial=true"));
    assert!(fixtures::text("long.ogg").starts_with(&partial.text) && !partial.text.is_empty());
    let refused = service.get(&format!("/jobs/{id}/transcript"));
    assert_eq!((refused.status, refused.error().as_str()), (422, "job_ended_without_result"));

    assert_eq!(service.delete(&format!("/jobs/{id}")).status, 204, "an ended job is removed");
    assert_eq!(service.get(&format!("/jobs/{id}")).status, 404);
    assert_eq!(std::fs::read_dir(service.dir.path().join("data/blobs")).unwrap().count(), 0);
}

#[test]
fn a_full_queue_turns_jobs_away() {
    let service =
        Service::start_with(&[("VERBATIM__JOBS__MAX_QUEUED", "1"), ("VERBATIM__MODEL__PATH", "missing")]);
    service.queue("en_short.wav", &[]);
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let answer = service.post_form("/jobs?queue=true", Some(("a.wav", &bytes)), &[]);
    assert_eq!((answer.status, answer.error().as_str()), (429, "queue_full"));
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(service.get("/health").json()["jobs"]["queued"], 1);
    assert_eq!(std::fs::read_dir(service.dir.path().join("data/blobs")).unwrap().count(), 1);
}

#[test]
fn a_request_that_is_sent_again_is_the_same_job() {
    let service = Service::start();
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let send = |path: &str, key: &str, fields: &[(&str, &str)]| {
        service.post_form_with(path, &[("idempotency-key", key)], Some(("a.wav", &bytes)), fields)
    };
    let first = send("/jobs?queue=true", "upload-1", &[]);
    assert_eq!(first.status, 202);
    let id = first.json()["id"].clone();
    service.finished(id.as_str().unwrap());
    service.post("/model/unload?wait=true");
    let again = send("/jobs", "upload-1", &[]);
    assert_eq!((again.status, &again.json()["id"]), (202, &id), "though the model is unloaded");
    assert_eq!(again.json()["result"]["text"], "One two three.");
    assert_eq!(service.get("/model/status").json()["state"], "unloaded", "nothing was triggered");
    let other = send("/jobs", "upload-1", &[("language", "en")]);
    assert_eq!((other.status, other.error().as_str()), (422, "idempotency_key_reused"));
    assert_eq!(service.get("/jobs").json()["jobs"].as_array().unwrap().len(), 1);
    let recordings = std::fs::read_dir(service.dir.path().join("data/blobs")).unwrap().count();
    assert_eq!(recordings, 1, "what was sent again is not kept");
    let refused = send("/jobs?queue=true", &"k".repeat(256), &[]);
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_query"));
}

#[test]
fn reuse_results_answers_the_same_recording_again() {
    let service = Service::start_with(&[("VERBATIM__JOBS__REUSE_RESULTS", "true")]);
    let first = service.finished(&service.queue("en_phrases.wav", &[]));
    assert_eq!(service.post("/model/unload?wait=true").status, 200);
    let id = service.queue("en_phrases.wav", &[("priority", "interactive")]);
    let second = service.finished(&id);
    assert_eq!((&second["reused_from"], &second["result"]), (&first["id"], &first["result"]));
    let names: Vec<_> = service.events(&format!("/jobs/{id}/events"), None).map(|event| event.name).collect();
    assert_eq!((names.first().unwrap().as_str(), names.last().unwrap().as_str()), ("queued", "completed"));
    assert_eq!(service.get("/model/status").json()["state"], "unloaded", "nothing was loaded for it");
    let other = service.finished(&service.queue("en_phrases.wav", &[("word_timestamps", "true")]));
    assert_eq!((&other["reused_from"], &other["attempts"]), (&Value::Null, &json!(1)));
}

#[test]
fn a_retry_is_a_new_job_of_the_same_recording() {
    let service = Service::start_with(&[("VERBATIM__JOBS__REUSE_RESULTS", "true")]);
    let fields = [("metadata", r#"{"case":7}"#), ("language", "en"), ("word_timestamps", "true")];
    let first = service.queue("en_short.wav", &fields);
    let early = service.queue("long.ogg", &[]);
    let refused = service.post(&format!("/jobs/{early}/retry"));
    assert_eq!((refused.status, refused.error().as_str()), (409, "job_not_finished"));
    service.delete(&format!("/jobs/{early}"));
    let before = service.finished(&first);
    let answer = service.post(&format!("/jobs/{first}/retry"));
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_ne!(id, first);
    assert_eq!(answer.header("location"), Some(format!("/jobs/{id}").as_str()));
    assert_eq!(service.delete(&format!("/jobs/{first}")).status, 204, "each goes by itself");
    let after = service.finished(&id);
    assert_eq!((&after["retry_of"], after.get("reused_from")), (&json!(first), None));
    for same in ["options", "metadata", "audio", "result"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(
        service.get(&format!("/jobs/{id}/audio/peaks?points=1")).status,
        200,
        "its recording is there"
    );
    assert_eq!(service.post(&format!("/jobs/{first}/retry")).error(), "job_not_found");

    let keyed = |key: &str, job: &str| {
        service.post_json_with(&format!("/jobs/{job}/retry"), &[("idempotency-key", key)], &json!({}))
    };
    let once = keyed("again", &id);
    assert_eq!(keyed("again", &id).json()["id"], once.json()["id"]);
    assert_eq!(keyed("again", &early).error(), "idempotency_key_reused");
    assert_eq!(service.delete(&format!("/jobs/{id}")).status, 204);
    assert_eq!(keyed("again", &id).json()["id"], once.json()["id"], "also once the first job was removed");
    for blob in std::fs::read_dir(service.dir.path().join("data/blobs")).unwrap() {
        std::fs::remove_file(blob.unwrap().path()).unwrap();
    }
    assert_eq!(service.post(&format!("/jobs/{early}/retry")).error(), "recording_not_found");
}
