//! Transcripts that people changed.

use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};

use super::fixtures;
use super::service::Service;

fn finished(service: &Service, recording: &str, fields: &[(&str, &str)]) -> (String, String) {
    let id = service.queue(recording, fields);
    service.finished(&id);
    let path = format!("/jobs/{id}/transcript");
    (id, path)
}

fn edit(base: u32, text: &str) -> Value {
    json!({ "base_revision": base, "segments": [
        { "start": 0.4, "end": 1.0, "text": text, "speaker": "Ann" },
        { "start": 1.0, "end": 1.9, "text": "Four.", "speaker": " ", "words": null },
    ] })
}

#[test]
fn every_format_shows_the_latest_edit_and_the_original_stays() {
    let service = Service::start();
    let (id, path) = finished(&service, "en_short.wav", &[]);
    let get = |query: &str| service.get(&format!("{path}?{query}"));
    let before = service.job(&id);
    assert_eq!(get("").json()["revision"], 0);
    let first = service.put_json(&path, &edit(0, "One <two>"));
    assert_eq!(
        (first.status, &first.json()["revision"], &first.json()["segments"]),
        (200, &json!(1), &json!(2))
    );
    let second = service.put_json(&path, &edit(1, "One, two, three."));
    assert_eq!(second.json()["revision"], 2);

    let json = get("format=json").json();
    assert_eq!((&json["revision"], &json["text"]), (&json!(2), &json!("One, two, three. Four.")));
    assert_eq!((&json["segments"][0]["speaker"], json["segments"][1].get("speaker")), (&json!("Ann"), None));
    assert_eq!(get("format=verbose_json").json()["revision"], 2);
    assert_eq!(get("format=text").text, "Ann: One, two, three.\nFour.");
    assert!(get("format=srt").text.contains("00:00:00,400 --> 00:00:01,000\nAnn: One, two, three.\n"));
    assert!(get("format=vtt").text.contains("\n<v Ann>One, two, three.\n"));
    assert!(get("format=tsv").text.contains("400\t1000\tAnn: One, two, three.\n"));
    assert_eq!(get("format=text&revision=1").text, "Ann: One <two>\nFour.");
    for original in ["original", "0"] {
        assert_eq!(get(&format!("format=text&revision={original}")).text, "One two three.");
    }
    let unknown = get("revision=3");
    assert_eq!((unknown.status, unknown.error().as_str()), (404, "revision_not_found"));
    for bad in ["newest", "-1", "1.0", ""] {
        let refused = get(&format!("revision={bad}"));
        assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_query"), "{bad}");
    }

    let after = service.job(&id);
    assert_eq!((&after["result"], &after["transcript_revision"]), (&before["result"], &json!(2)));
    let revisions = service.get(&format!("{path}/revisions")).json()["revisions"].clone();
    assert_eq!(revisions, json!([second.json(), first.json()]));
    assert!(revisions[0]["owner"].is_null() && revisions[0]["created_at"].is_string());
}

#[test]
fn an_edit_of_an_older_revision_is_refused_and_changes_nothing() {
    let service = Service::start();
    let (_, path) = finished(&service, "en_short.wav", &[]);
    assert_eq!(service.put_json(&path, &edit(0, "first")).status, 200);
    for base in [0, 2] {
        let refused = service.put_json(&path, &edit(base, "late"));
        assert_eq!((refused.status, refused.error().as_str()), (412, "transcript_changed"));
        let error = refused.json()["error"].clone();
        assert_eq!(error["param"], "base_revision");
        assert!(error["message"].as_str().unwrap().contains("the latest is 1"), "{error}");
    }
    assert_eq!(service.get(&format!("{path}?format=text")).text, "Ann: first\nFour.");
}

#[test]
fn a_transcript_can_be_sent_back_as_it_was_shown() {
    let service = Service::start();
    let (_, path) = finished(&service, "en_phrases.wav", &[("word_timestamps", "true")]);
    let shown = service.get(&path).json();
    let kept = service.put_json(&path, &json!({ "base_revision": 0.0, "segments": shown["segments"] }));
    assert_eq!(kept.status, 200, "{kept:?}");
    let again = service.get(&path).json();
    assert_eq!((&again["segments"], &again["text"]), (&shown["segments"], &shown["text"]));
    let verbose =
        |revision: u32| service.get(&format!("{path}?format=verbose_json&revision={revision}")).json();
    assert_eq!(verbose(1)["segments"], verbose(0)["segments"], "nothing of the decoding is lost");
}

#[test]
fn what_cannot_be_kept_is_refused_with_its_place() {
    let service = Service::start();
    let (_, path) = finished(&service, "en_short.wav", &[]);
    let segment = |field: &str, value: Value| {
        let mut segment = json!({ "start": 0.5, "end": 1.0, "text": "a" });
        segment[field] = value;
        segment
    };
    let word = |field: &str, value: Value| {
        let mut word = json!({ "word": "a", "start": 0.5, "end": 0.6, "probability": 1 });
        word[field] = value;
        segment("words", json!([word]))
    };
    let places = [
        (segment("start", json!(-0.1)), ".start"),
        (segment("start", json!(1.1)), ".end"),
        (segment("end", json!(99)), ".end"),
        (segment("end", json!(1e300)), ".end"),
        (segment("text", json!("two\nlines")), ".text"),
        (segment("text", json!("\u{0}")), ".text"),
        (segment("text", json!("x".repeat(10_001))), ".text"),
        (segment("speaker", json!("\u{1b}[1m")), ".speaker"),
        (segment("speaker", json!("x".repeat(101))), ".speaker"),
        (word("end", json!(0.4)), ".words[0].end"),
        (word("probability", json!(2)), ".words[0].probability"),
        (word("word", json!("\t")), ".words[0].word"),
    ];
    for (bad, place) in places {
        let good = segment("start", json!(0.5));
        let refused = service.put_json(&path, &json!({ "base_revision": 0, "segments": [good, bad] }));
        assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_transcript"), "{place}");
        assert_eq!(refused.json()["error"]["param"], format!("segments[1]{place}"));
    }
    let unordered = json!([segment("start", json!(0.9)), segment("start", json!(0.8))]);
    let refused = service.put_json(&path, &json!({ "base_revision": 0, "segments": unordered }));
    assert_eq!(refused.json()["error"]["param"], "segments[1].start");
    let many = vec![json!({ "start": 0, "end": 0, "text": "" }); 100_001];
    let refused = service.put_json(&path, &json!({ "base_revision": 0, "segments": many }));
    assert_eq!(
        (refused.error().as_str(), &refused.json()["error"]["param"]),
        ("invalid_transcript", &json!("segments"))
    );

    let bodies = [
        "",
        "{",
        "[]",
        "null",
        r#"{"segments":[]}"#,
        r#"{"base_revision":0}"#,
        r#"{"base_revision":-1,"segments":[]}"#,
        r#"{"base_revision":0.5,"segments":[]}"#,
        r#"{"base_revision":"0","segments":[]}"#,
        r#"{"base_revision":0,"segments":[],"more":1}"#,
        r#"{"base_revision":0,"segments":[]} x"#,
        r#"{"base_revision":0,"segments":[{"start":0,"end":1}]}"#,
        r#"{"base_revision":0,"segments":[{"start":NaN,"end":1,"text":"a"}]}"#,
        r#"{"base_revision":0,"segments":[{"start":1e999,"end":1,"text":"a"}]}"#,
        r#"{"base_revision":0,"segments":[{"start":0,"end":1,"text":"\ud800"}]}"#,
        r#"{"base_revision":0,"segments":[{"start":0,"end":1,"text":"a","flags":["odd"]}]}"#,
        r#"{"base_revision":0,"segments":[{"start":0,"end":1,"text":"a","colour":"red"}]}"#,
    ];
    for body in bodies {
        let refused = service.put(&path, "application/json", body.as_bytes());
        assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_body"), "{body}");
    }
    let not_utf8 =
        service.put(&path, "application/json", b"{\"base_revision\":0,\"segments\":[],\"\xff\":1}");
    assert_eq!((not_utf8.status, not_utf8.error().as_str()), (400, "invalid_body"));
    let no_json = service.put(&path, "text/plain", edit(0, "a").to_string().as_bytes());
    assert_eq!((no_json.status, no_json.error().as_str()), (400, "invalid_body"));
    let large = service.put(&path, "application/json", &vec![b' '; (32 << 20) + 1]);
    assert_eq!((large.status, large.error().as_str()), (413, "body_too_large"));
    assert_eq!(service.get(&format!("{path}/revisions")).json()["revisions"], json!([]));
}

#[test]
fn a_job_is_edited_once_it_has_ended() {
    let service = Service::start();
    let id = service.queue("long.ogg", &[]);
    let path = format!("/jobs/{id}/transcript");
    let refused = service.put_json(&path, &edit(0, "too early"));
    assert_eq!((refused.status, refused.error().as_str()), (409, "job_not_finished"));
    let events = format!("/jobs/{id}/events");
    assert!(service.events(&events, None).any(|event| event.name == "segment"));
    service.delete(&format!("/jobs/{id}"));
    service.events(&events, None).last();
    assert_eq!(service.get(&path).error(), "job_ended_without_result");
    assert_eq!(service.put_json(&path, &edit(0, "What there was.")).status, 200);
    assert_eq!(service.get(&format!("{path}?format=text")).text, "Ann: What there was.\nFour.");
    let original = service.get(&format!("{path}?format=text&revision=original&partial=true")).text;
    assert!(fixtures::text("long.ogg").starts_with(&original) && !original.is_empty());
    assert_eq!(service.get(&format!("{path}?revision=original")).error(), "job_ended_without_result");
    service.delete(&format!("/jobs/{id}"));
    assert_eq!(service.get(&format!("{path}/revisions")).error(), "job_not_found");
    assert_eq!(service.put_json(&path, &edit(1, "gone")).error(), "job_not_found");
}

#[test]
fn a_reused_result_is_the_original_one() {
    let service = Service::start_with(&[("VERBATIM__JOBS__REUSE_RESULTS", "true")]);
    let (first, path) = finished(&service, "en_short.wav", &[]);
    assert_eq!(service.put_json(&path, &edit(0, "changed")).status, 200);
    let (id, path) = finished(&service, "en_short.wav", &[("priority", "interactive")]);
    let second = service.job(&id);
    assert_eq!((&second["reused_from"], second.get("transcript_revision")), (&json!(first), None));
    assert_eq!(service.get(&format!("{path}?format=text")).text, "One two three.");
}

#[test]
fn a_service_killed_between_edits_has_whole_revisions_only() {
    let mut service = Service::start();
    let (id, path) = finished(&service, "en_short.wav", &[]);
    let (acknowledge, revisions) = mpsc::channel();
    let url = format!("{}{path}", service.base);
    let editor = thread::spawn(move || {
        for base in 0.. {
            let body = edit(base, &format!("Edit {}.", base + 1)).to_string();
            let sent = ureq::put(&url).header("content-type", "application/json").send(body);
            match sent {
                Ok(answer) if answer.status() == 200 => acknowledge.send(base + 1).unwrap(),
                Ok(_) | Err(_) => return,
            }
        }
    });
    let mut acknowledged = 0;
    while acknowledged < 20 {
        acknowledged = revisions.recv().unwrap();
    }
    service.kill_and_restart();
    editor.join().unwrap();
    acknowledged = revisions.try_iter().last().unwrap_or(acknowledged);
    let latest = service.job(&id)["transcript_revision"].as_u64().unwrap();
    // The answer to the last one may have been lost.
    assert!([acknowledged, acknowledged + 1].map(u64::from).contains(&latest), "{latest} of {acknowledged}");
    let revisions = service.get(&format!("{path}/revisions")).json();
    assert_eq!(revisions["revisions"].as_array().unwrap().len() as u64, latest);
    for number in 1..=latest {
        let text = service.get(&format!("{path}?format=text&revision={number}")).text;
        assert_eq!(text, format!("Ann: Edit {number}.\nFour."));
    }
    assert_eq!(service.put_json(&path, &edit(latest as u32, "continues")).status, 200);
}
