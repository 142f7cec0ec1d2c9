//! The routes of whisper-asr-webservice and of whisper.cpp's server, as their clients use them.

use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};

use super::clients::{output, python};
use super::fixtures;
use super::service::{Answer, SLOW, Service, form_with, wait_for};

fn bytes(recording: &str) -> Vec<u8> {
    std::fs::read(fixtures::audio(recording)).unwrap()
}

/// The bare samples of a bundled WAVE file.
fn samples(recording: &str) -> Vec<u8> {
    bytes(recording).split_off(44)
}

fn asr(service: &Service, query: &str, recording: &str, bytes: &[u8]) -> Answer {
    let answer = service.post_part(&format!("/asr?{query}"), "audio_file", (recording, bytes));
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    answer
}

fn job_of(service: &Service, answer: &Answer) -> Value {
    service.job(answer.header("x-job-id").unwrap())
}

fn sentences(recording: &str) -> Vec<String> {
    let truth = fixtures::truth(recording);
    truth["segments"].as_array().unwrap().iter().map(|s| s["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_output_of_asr_is_answered_from_an_unloaded_model_on() {
    let service = Service::start();
    let file = bytes("en_phrases.wav");
    let text = asr(&service, "", "en_phrases.wav", &file);
    assert_eq!(text.text.lines().collect::<Vec<_>>(), sentences("en_phrases.wav"));
    assert!(text.header("content-type").unwrap().starts_with("text/plain"));
    assert_eq!(text.header("content-disposition").unwrap(), "attachment; filename=\"en_phrases.wav.txt\"");
    let job = job_of(&service, &text);
    assert_eq!((&job["status"], &job["options"]["priority"]), (&json!("completed"), &json!("interactive")));

    let all = "output=json&word_timestamps=True&vad_filter=true&diarize=True&hotwords=x&initial_prompt=Ada";
    let whole = asr(&service, all, "en_phrases.wav", &file).json();
    assert_eq!(
        (&whole["language"], whole["text"].as_str().unwrap().to_lowercase()),
        // Text after a prompt may start in lower case.
        (&json!("en"), fixtures::text("en_phrases.wav").to_lowercase())
    );
    let segments = whole["segments"].as_array().unwrap();
    assert_eq!(segments.len(), 5);
    for segment in segments {
        let fields = ["id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob"];
        assert!(fields.iter().all(|field| !segment[field].is_null()), "{segment}");
        let words = segment["words"].as_array().unwrap();
        assert!(words.iter().all(|word| word["start"].is_number() && word["probability"].is_number()));
    }

    let srt = asr(&service, "output=srt&language=en&task=transcribe", "en_phrases.wav", &file).text;
    assert!(srt.starts_with("1\n00:00:00,") && srt.contains("Eight two right."), "{srt}");
    let vtt = asr(&service, "output=vtt&language=&initial_prompt=", "en_phrases.wav", &file).text;
    assert!(vtt.starts_with("WEBVTT\n\n00:00:00."), "{vtt}");
    let tsv = asr(&service, "output=tsv", "en_phrases.wav", &file).text;
    assert!(tsv.starts_with("start\tend\ttext\n"), "{tsv}");
}

#[test]
fn bare_samples_are_transcribed_as_their_file() {
    let service = Service::start();
    let from_file = asr(&service, "output=json", "en_phrases.wav", &bytes("en_phrases.wav"));
    let bare = asr(&service, "output=json&encode=false", "audio_file", &samples("en_phrases.wav"));
    assert_eq!(bare.json(), from_file.json());
    let duration = |answer: &Answer| job_of(&service, answer)["audio"]["duration_secs"].clone();
    assert_eq!(duration(&bare), duration(&from_file));
    // A byte too many is half a sample.
    let odd = [samples("en_phrases.wav"), vec![7]].concat();
    assert_eq!(asr(&service, "output=json&encode=0", "audio_file", &odd).json(), from_file.json());
    let empty = service.post_part("/asr?encode=false", "audio_file", ("audio_file", b""));
    assert_eq!((empty.status, empty.error().as_str()), (400, "no_audio"));
}

#[test]
fn the_language_is_sent_after_one_chunk() {
    let service = Service::start();
    let detected = |query: &str, recording: &str, bytes: &[u8]| {
        let path = format!("/detect-language?{query}");
        let answer = service.post_part(&path, "audio_file", (recording, bytes));
        assert_eq!(answer.status, 200, "{answer:?}");
        (answer.json(), job_of(&service, &answer))
    };
    let is = |answer: &Value, name: &str, code: &str| {
        assert_eq!((&answer["detected_language"], &answer["language_code"]), (&json!(name), &json!(code)));
        let confidence = answer["confidence"].as_f64().unwrap();
        assert!(confidence > 0.5 && confidence <= 1.0, "{answer}");
    };
    let (german, _) = detected("encode=false", "audio_file", &samples("de_phrases.wav"));
    is(&german, "german", "de");
    let (english, job) = detected("", "long.ogg", &bytes("long.ogg"));
    is(&english, "english", "en");
    assert_eq!(
        (&job["progress"]["chunks_total"], &job["options"]["extent"]),
        (&json!(1), &json!("beginning"))
    );
    let (nothing, _) = detected("", "silence.wav", &bytes("silence.wav"));
    assert_eq!(nothing, json!({}), "without speech there is no language");
}

#[test]
fn a_bad_call_of_asr_is_answered_with_the_fix() {
    let service = Service::start();
    let wav = bytes("en_short.wav");
    let refused = |query: &str, part: &str, bytes: &[u8]| {
        let answer = service.post_part(&format!("/asr?{query}"), part, ("a.wav", bytes));
        (answer.status, answer.error(), answer.json()["error"]["param"].as_str().unwrap_or("-").to_owned())
    };
    let expect = |status: u16, code: &str, param: &str| (status, code.to_owned(), param.to_owned());
    assert_eq!(refused("", "file", &wav), expect(400, "missing_file", "audio_file"));
    assert_eq!(refused("", "audio_file", b"no recording at all"), expect(415, "unsupported_media", "file"));
    for (query, code, param) in [
        ("output=docx", "invalid_option", "output"),
        ("task=sing", "invalid_option", "task"),
        ("encode=perhaps", "invalid_option", "encode"),
        ("word_timestamps=perhaps", "invalid_option", "word_timestamps"),
        ("language=klingon", "invalid_language", "language"),
    ] {
        assert_eq!(refused(query, "audio_file", &wav), expect(400, code, param), "{query}");
    }
    assert_eq!(refused("model=gpt-7", "audio_file", &wav), expect(404, "unknown_model", "model"));
    assert_eq!(service.get("/jobs").json()["jobs"], json!([]), "none of them is a job");
}

fn inference(service: &Service, recording: &str, fields: &[(&str, &str)]) -> Answer {
    let answer = service.post_form("/inference", Some((recording, &bytes(recording))), fields);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

#[test]
fn every_format_of_inference_is_answered() {
    let service = Service::start();
    let lines = sentences("en_phrases.wav").join("\n") + "\n";
    let usual = [("temperature", "0.0"), ("temperature_inc", "0.2"), ("response_format", "json")];
    let short = inference(&service, "en_phrases.wav", &usual);
    assert_eq!(short.json(), json!({ "text": lines }));
    let job = job_of(&service, &short);
    assert_eq!(
        (&job["options"]["priority"], &job["options"]["temperature"]),
        (&json!("interactive"), &json!(null))
    );
    assert_eq!(inference(&service, "en_phrases.wav", &[("response_format", "text")]).text, lines);
    let verbose = inference(&service, "en_phrases.wav", &[("response_format", "verbose_json")]).json();
    assert_eq!((&verbose["language"], &verbose["detected_language"]), (&json!("english"), &json!("english")));
    let words = verbose["segments"][0]["words"].as_array().unwrap();
    assert_eq!(
        words.iter().map(|word| word["word"].as_str().unwrap()).collect::<String>(),
        " Three down seven nine."
    );
    let srt = inference(&service, "en_short.wav", &[("response_format", "srt"), ("language", "auto")]).text;
    assert!(srt.starts_with("1\n00:00:00,"), "{srt}");
    let vtt = inference(&service, "en_short.wav", &[("response_format", "vtt"), ("language", "en")]);
    assert!(vtt.text.starts_with("WEBVTT\n") && vtt.header("content-type").unwrap().starts_with("text/vtt"));
    let english = inference(&service, "de_phrases.wav", &[("translate", "true"), ("language", "de")]);
    assert_eq!(job_of(&service, &english)["options"]["task"], "translate");
}

#[test]
fn a_bad_call_of_inference_is_answered_with_the_fix() {
    let service = Service::start();
    let wav = bytes("en_short.wav");
    let refused = |file: Option<&[u8]>, fields: &[(&str, &str)]| {
        let answer = service.post_form("/inference", file.map(|bytes| ("a.wav", bytes)), fields);
        (answer.status, answer.error())
    };
    assert_eq!(refused(None, &[("temperature", "0")]), (400, "missing_file".into()));
    assert_eq!(refused(Some(b""), &[]), (400, "no_audio".into()));
    for (name, value) in [("response_format", "tsv"), ("temperature", "hot"), ("translate", "perhaps")] {
        assert_eq!(refused(Some(&wav), &[(name, value)]), (400, "invalid_option".into()), "{name}={value}");
    }
    assert_eq!(refused(Some(&wav), &[("language", "xx")]), (400, "invalid_language".into()));
}

/// Sends a call, hangs up once its job is begun, and gives that.
fn hung_up(service: &Service, path: &str, part: &str, recording: &str, fields: &[(&str, &str)]) -> String {
    let newest = || {
        let job = service.get("/jobs?limit=1").json()["jobs"][0].clone();
        job["started_at"].is_string().then(|| job["id"].as_str().unwrap().to_owned())
    };
    let before = newest();
    let (kind, body) = form_with(part, Some((recording, &bytes(recording))), fields);
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
    );
    let mut socket = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).unwrap();
    socket.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    wait_for(&format!("no job came of {path}"), || newest().filter(|id| before.as_ref() != Some(id)))
}

#[test]
fn callers_that_go_away_take_their_jobs_with_them() {
    let service = Service::start_with(&[&SLOW[..], &[("VERBATIM__OPENAI__JOIN_SECS", "1")]].concat());
    for (path, part) in [("/asr", "audio_file"), ("/inference", "file")] {
        let id = hung_up(&service, path, part, "long.ogg", &[]);
        assert_eq!(service.finished(&id)["status"], "cancelled", "{path}");
    }
}

#[test]
fn a_broken_call_that_is_sent_again_joins_its_job() {
    let service = Service::start();
    let (path, stream) = ("/v1/audio/transcriptions", [("model", "whisper-1"), ("stream", "true")]);
    let id = hung_up(&service, path, "file", "long.ogg", &stream);
    let again = service.post_form(path, Some(("long.ogg", &bytes("long.ogg"))), &stream);
    assert_eq!((again.status, again.header("x-job-id")), (200, Some(id.as_str())), "{again:?}");
    let events = again.text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = events.map(|data| serde_json::from_str(data).unwrap()).collect();
    let deltas: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    let text = &fixtures::truth("long.ogg")["text"];
    assert_eq!((&json!(deltas), &events.last().unwrap()["text"]), (text, text), "from the beginning");

    let dense = bytes("en_dense.wav");
    for (path, part) in [("/asr", "audio_file"), ("/inference", "file"), ("/detect-language", "audio_file")] {
        let id = hung_up(&service, path, part, "en_dense.wav", &[]);
        let again = service.post_part(path, part, ("en_dense.wav", &dense));
        assert_eq!((again.status, again.header("x-job-id")), (200, Some(id.as_str())), "{path}: {again:?}");
    }
    assert_eq!(service.get("/jobs").json()["jobs"].as_array().unwrap().len(), 4);
}

#[test]
fn a_result_is_given_once_to_the_call_that_was_cut_off() {
    let id_of = |service: &Service, name, fields: &[(&str, &str)]| {
        inference(service, name, fields).header("x-job-id").unwrap().to_owned()
    };
    let mut service = Service::start();
    let id = hung_up(&service, "/inference", "file", "en_dense.wav", &[]);
    assert_eq!(service.finished(&id)["status"], "completed");
    for differs in [("language", "en"), ("response_format", "text")] {
        assert_ne!(id_of(&service, "en_dense.wav", &[differs]), id, "{differs:?}");
    }
    assert_eq!(id_of(&service, "en_dense.wav", &[]), id);
    assert_ne!(id_of(&service, "en_dense.wav", &[]), id, "a call after the answer is a new one");

    let left = hung_up(&service, "/inference", "file", "en_short.wav", &[]);
    assert_eq!(service.finished(&left)["status"], "completed");
    service.stop_and_restart();
    assert_ne!(id_of(&service, "en_short.wav", &[]), left, "the settings may be others now");
}

#[test]
fn bazarr_and_speakr_understand_the_answers() {
    let service = Service::start();
    let (recording, text) = (fixtures::audio("en_phrases.wav"), fixtures::text("en_phrases.wav"));
    output(python("asr_clients.py").arg(&service.base).arg(recording).arg(text));
}

#[test]
fn a_language_may_be_spelled_in_any_usual_way_on_every_route() {
    let service = Service::start();
    for spelling in ["en", "EN", "english", "en-US", "en_GB", "eng", "auto"] {
        let id = service.queue("en_short.wav", &[("language", spelling)]);
        assert_eq!(service.finished(&id)["result"]["language"], "en", "{spelling} on /jobs");
        let fields = [("model", "whisper-1"), ("language", spelling)];
        let wav = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
        let answer = service.post_form("/v1/audio/transcriptions", Some(("a.wav", &wav)), &fields);
        assert_eq!(answer.status, 200, "{spelling} on /v1: {answer:?}");
        assert_eq!(inference(&service, "en_short.wav", &[("language", spelling)]).status, 200, "{spelling}");
    }
    let wav = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let refused = service.post_form("/jobs?queue=yes", Some(("a.wav", &wav)), &[("language", "klingon")]);
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_language"));
}

#[test]
fn every_chunk_may_be_in_a_language_of_its_own() {
    let service = Service::start();
    let [english, german] =
        ["en_phrases.wav", "de_phrases.wav"].map(|name| std::fs::read(fixtures::audio(name)).unwrap());
    // Two recordings in one file, with silence between them.
    let head = english.windows(4).position(|name| name == b"data").unwrap() + 8;
    let silence = [&english[..head], &vec![0; english.len() - head]].concat();
    let joined = [english, silence, german];
    let texts = ["en_phrases.wav", "de_phrases.wav"].map(|name| {
        let id = service.queue(name, &[]);
        service.finished(&id)["result"]["text"].as_str().unwrap().to_owned()
    });
    let fields = [("language", "multi")];
    let sent = service.post_form("/jobs?queue=true", Some(("both.wav", &joined.concat())), &fields).json();
    assert_eq!(sent["options"]["language"], "multi");
    let job = service.finished(sent["id"].as_str().unwrap());
    assert_eq!((&job["result"]["language"], &job["progress"]["chunks_total"]), (&json!("en"), &json!(2)));
    assert_eq!(job["result"]["text"], texts.join(" "));
}
