//! The OpenAI-compatible routes, as their clients use them.

use std::io::Write;
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::clients::{node, output, python};
use super::fixtures;
use super::service::{Answer, SLOW, Service, form, wait_for};

fn bytes(recording: &str) -> Vec<u8> {
    std::fs::read(fixtures::audio(recording)).unwrap()
}

fn call(service: &Service, route: &str, recording: &str, fields: &[(&str, &str)]) -> Answer {
    let fields: Vec<_> = [("model", "whisper-1")].iter().chain(fields).copied().collect();
    service.post_form(&format!("/v1/audio/{route}"), Some((recording, &bytes(recording))), &fields)
}

fn transcribed(service: &Service, recording: &str, fields: &[(&str, &str)]) -> Answer {
    let answer = call(service, "transcriptions", recording, fields);
    assert_eq!(answer.status, 200, "{answer:?}");
    let job = service.job(answer.header("x-job-id").unwrap());
    assert_eq!((&job["status"], &job["options"]["priority"]), (&json!("completed"), &json!("interactive")));
    answer
}

/// Whether a document is what the API's schema says, as far as that names properties, types and what is required.
fn check(schema: &str, document: &Value) {
    let file = std::fs::read_to_string("tests/fixtures/openai/audio-subset.json").unwrap();
    let mut whole: Value = serde_json::from_str(&file).unwrap();
    assert!(whole["components"]["schemas"][schema].is_object(), "no schema {schema}");
    whole["$ref"] = json!(format!("#/components/schemas/{schema}"));
    let validator = jsonschema::validator_for(&whole).unwrap();
    let problems: Vec<_> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{schema}: {problems:?} in {document}");
}

#[test]
fn every_api_format_is_answered_from_an_unloaded_model() {
    let service = Service::start();
    let truth = fixtures::truth("en_phrases.wav");
    let short = transcribed(&service, "en_phrases.wav", &[]).json();
    check("CreateTranscriptionResponseJson", &short);
    assert_eq!(short["text"], truth["text"]);
    assert_eq!(
        (&short["usage"]["type"], &short["languages"]),
        (&json!("duration"), &json!([{ "code": "en" }]))
    );
    let sure = transcribed(&service, "en_phrases.wav", &[("include[]", "logprobs")]).json();
    check("CreateTranscriptionResponseJson", &sure);
    let tokens = sure["logprobs"].as_array().unwrap().iter().map(|token| token["token"].as_str().unwrap());
    assert_eq!(json!(tokens.collect::<String>().trim()), truth["text"]);

    let verbose = transcribed(&service, "en_phrases.wav", &[("response_format", "verbose_json")]).json();
    check("CreateTranscriptionResponseVerboseJson", &verbose);
    assert_eq!((&verbose["language"], &verbose["text"]), (&json!("english"), &truth["text"]));
    assert!(verbose.get("words").is_none());
    let fields = [
        "id",
        "seek",
        "start",
        "end",
        "text",
        "tokens",
        "temperature",
        "avg_logprob",
        "compression_ratio",
        "no_speech_prob",
    ];
    for segment in verbose["segments"].as_array().unwrap() {
        assert!(fields.iter().all(|field| !segment[field].is_null()), "{segment}");
    }

    let words = [("response_format", "verbose_json"), ("timestamp_granularities[]", "word")];
    let words = transcribed(&service, "en_phrases.wav", &words).json();
    check("CreateTranscriptionResponseVerboseJson", &words);
    assert!(words.get("segments").is_none() && !words["words"].as_array().unwrap().is_empty());
    let both = [
        ("response_format", "verbose_json"),
        ("timestamp_granularities", "word"),
        ("timestamp_granularities", "segment"),
    ];
    let both = transcribed(&service, "en_phrases.wav", &both).json();
    check("CreateTranscriptionResponseVerboseJson", &both);
    assert!(both["segments"].is_array() && both["words"].is_array());

    for (format, kind, begins) in
        [("text", "text/plain", "One"), ("srt", "text/plain", "1\n"), ("vtt", "text/vtt", "WEBVTT\n")]
    {
        let answer = transcribed(&service, "en_short.wav", &[("response_format", format)]);
        assert!(answer.header("content-type").unwrap().starts_with(kind), "{answer:?}");
        assert!(answer.text.starts_with(begins), "{answer:?}");
    }
}

/// The field of every segment, in order.
fn of_segments<'a>(verbose: &'a Value, field: &str) -> Vec<&'a Value> {
    verbose["segments"].as_array().unwrap().iter().map(|segment| &segment[field]).collect()
}

fn numbers(verbose: &Value, field: &str) -> Vec<f64> {
    of_segments(verbose, field).into_iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn segments_say_how_they_were_decoded() {
    let service = Service::start();
    let verbose = transcribed(&service, "long.ogg", &[("response_format", "verbose_json")]).json();
    let (starts, seeks) = (numbers(&verbose, "start"), numbers(&verbose, "seek"));
    assert!(seeks.iter().any(|seek| *seek > seeks[0]), "one window for all: {seeks:?}");
    for (start, seek) in starts.iter().zip(&seeks) {
        let into_window = start - seek / 100.0;
        assert!((-0.011..30.0).contains(&into_window), "{start} s is not in a window from {seek}");
    }
    assert!(numbers(&verbose, "temperature").iter().all(|temperature| *temperature == 0.0));
    let silence = numbers(&verbose, "no_speech_prob");
    assert!(silence.iter().all(|silence| (0.0..0.5).contains(silence)), "{silence:?}");
    // What is there before anything was computed: all tokens alike.
    assert!(silence.iter().all(|silence| (silence - 1.0 / 51_865.0).abs() > 1e-6), "{silence:?}");
    assert!(numbers(&verbose, "avg_logprob").iter().all(|mean| (-1.0..0.0).contains(mean)));
    for (text, tokens) in of_segments(&verbose, "text").iter().zip(of_segments(&verbose, "tokens")) {
        let (words, tokens) = (text.as_str().unwrap().split_whitespace().count(), tokens.as_array().unwrap());
        assert!(tokens.len() >= words && tokens.iter().all(|token| token.as_u64().unwrap() < 50_257));
    }

    let warm = [("response_format", "verbose_json"), ("temperature", "0.4")];
    let warm = transcribed(&service, "en_short.wav", &warm).json();
    assert_eq!(
        of_segments(&warm, "temperature"),
        vec![&json!(0.4); warm["segments"].as_array().unwrap().len()]
    );
}

#[test]
fn what_clients_send_beside_is_passed_over() {
    let service = Service::start();
    let fields = [
        ("language", ""),
        ("prompt", ""),
        ("temperature", "0.0"),
        ("chunking_strategy[type]", "server_vad"),
        ("chunking_strategy[threshold]", "0.4"),
        ("include[]", "logprobs"),
        ("known_speaker_names[]", "Ada"),
        ("whatever", "else"),
    ];
    let answer = transcribed(&service, "en_short.wav", &fields);
    let options = service.job(answer.header("x-job-id").unwrap())["options"].clone();
    assert_eq!(
        (&options["language"], &options["prompt"], &options["temperature"]),
        (&json!(null), &json!(null), &json!(null))
    );
    let german = [
        ("language", "de"),
        ("temperature", "0.2"),
        ("prompt", "Zahlen."),
        ("keywords[]", "eins"),
        ("keywords[]", "zwei"),
    ];
    let answer = transcribed(&service, "de_phrases.wav", &german);
    let options = service.job(answer.header("x-job-id").unwrap())["options"].clone();
    assert_eq!((&options["language"], &options["prompt"]), (&json!("de"), &json!("Zahlen.")));
    assert_eq!(options["hotwords"], json!(["eins", "zwei"]));
}

#[test]
fn the_language_is_one_of_those_that_are_allowed() {
    let service = Service::start();
    let fields = [("response_format", "verbose_json"), ("languages[]", "es"), ("languages[]", "fr")];
    let answer = transcribed(&service, "fr_phrases.wav", &fields).json();
    assert_eq!(
        (&answer["language"], &answer["text"]),
        (&json!("french"), &fixtures::truth("fr_phrases.wav")["text"])
    );
    let other = transcribed(&service, "de_phrases.wav", &fields).json();
    assert!([json!("spanish"), json!("french")].contains(&other["language"]), "{other}");
    let refused =
        call(&service, "transcriptions", "de_phrases.wav", &[("language", "de"), ("languages", "es,fr")]);
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("languages")));
}

#[test]
fn silence_is_no_error_but_an_empty_text() {
    let service = Service::start();
    let answered = |fields: &[(&str, &str)]| transcribed(&service, "silence.wav", fields);
    let short = answered(&[]).json();
    check("CreateTranscriptionResponseJson", &short);
    assert_eq!((&short["text"], &short["languages"]), (&json!(""), &json!([])));
    let verbose = answered(&[
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
    ]);
    check("CreateTranscriptionResponseVerboseJson", &verbose.json());
    assert_eq!((&verbose.json()["segments"], &verbose.json()["words"]), (&json!([]), &json!([])));
    let stream = answered(&[("stream", "true")]).text;
    let data: Vec<_> = stream.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let done: Value = serde_json::from_str(data[0]).unwrap();
    check("TranscriptTextDoneEvent", &done);
    assert_eq!((data.len(), &done["text"]), (1, &json!("")));
    for (format, empty) in [("text", ""), ("srt", ""), ("vtt", "WEBVTT\n")] {
        assert_eq!(answered(&[("response_format", format)]).text, empty);
    }
}

#[test]
fn a_translation_is_english() {
    let service = Service::start();
    let answer = call(&service, "translations", "de_phrases.wav", &[("response_format", "verbose_json")]);
    assert_eq!(answer.status, 200, "{answer:?}");
    check("CreateTranslationResponseVerboseJson", &answer.json());
    assert_eq!(answer.json()["language"], "english");
    let short = call(&service, "translations", "de_phrases.wav", &[]);
    check("CreateTranslationResponseJson", &short.json());
    assert_eq!(service.job(short.header("x-job-id").unwrap())["options"]["task"], "translate");
}

#[test]
fn a_stream_sends_the_text_as_it_is_decoded() {
    let service = Service::start();
    let fields = [("stream", "true"), ("language", "en"), ("include", "logprobs")];
    let answer = transcribed(&service, "long.ogg", &fields);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let data = answer.text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
    let (done, deltas) = events.split_last().unwrap();
    check("TranscriptTextDoneEvent", done);
    assert!(deltas.len() > 5);
    deltas.iter().for_each(|delta| check("TranscriptTextDeltaEvent", delta));
    let joined: String = deltas.iter().map(|delta| delta["delta"].as_str().unwrap()).collect();
    assert_eq!(
        (done["text"].as_str().unwrap(), &done["text"]),
        (joined.as_str(), &fixtures::truth("long.ogg")["text"])
    );
    let names: Vec<_> = answer.text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(names, types);
    let is_known =
        |line: &&str| line.is_empty() || ["data: ", "event: ", ":"].iter().any(|s| line.starts_with(s));
    let others: Vec<_> = answer.text.lines().filter(|line| !is_known(line)).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn a_stream_sends_segments_where_they_are_asked_for() {
    let service = Service::start();
    let fields = [("stream", "true"), ("language", "en"), ("timestamp_granularities[]", "segment")];
    let answer = transcribed(&service, "long.ogg", &fields);
    let data = answer.text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).collect::<Vec<_>>();
    let segments = of("transcript.text.segment");
    assert_eq!(segments.len(), of("transcript.text.delta").len());
    segments.iter().for_each(|segment| check("TranscriptTextSegmentEvent", segment));
    let job = service.job(answer.header("x-job-id").unwrap());
    let stored = service.get(&format!("/jobs/{}/transcript?format=json", job["id"].as_str().unwrap())).json();
    for (sent, stored) in segments.iter().zip(stored["segments"].as_array().unwrap()) {
        assert_eq!((&sent["text"], &sent["start"]), (&stored["text"], &stored["start"]));
    }
    let deltas = of("transcript.text.delta");
    let joined: String = deltas.iter().map(|delta| delta["delta"].as_str().unwrap()).collect();
    assert_eq!(events.last().unwrap()["text"], joined);
}

#[test]
fn the_served_model_has_its_name_and_those_of_openai() {
    let service = Service::start();
    let list = service.get("/v1/models").json();
    check("ListModelsResponse", &list);
    let id = list["data"][0]["id"].as_str().unwrap().to_owned();
    for name in [id.as_str(), "whisper-1", "gpt-transcribe", "gpt-4o-mini-transcribe"] {
        check("Model", &service.get(&format!("/v1/models/{name}")).json());
    }
    let unknown = service.get("/v1/models/gpt-7");
    assert_eq!((unknown.status, unknown.error().as_str()), (404, "unknown_model"));
    check("ErrorResponse", &unknown.json());
    let kept = service.delete(&format!("/v1/models/{id}"));
    assert_eq!(kept.status, 405, "files are the operator's");
    check("ErrorResponse", &kept.json());
}

#[test]
fn a_bad_call_is_answered_with_the_fix() {
    let service = Service::start();
    let sent = |file: Option<&[u8]>, fields: &[(&str, &str)]| {
        let file = file.map(|bytes| ("a.wav", bytes));
        let answer = service.post_form("/v1/audio/transcriptions", file, fields);
        check("ErrorResponse", &answer.json());
        (answer.status, answer.json()["error"]["param"].as_str().unwrap_or_default().to_owned())
    };
    let wav = bytes("en_short.wav");
    let wav = Some(wav.as_slice());
    assert_eq!(sent(wav, &[]), (400, "model".into()));
    assert_eq!(sent(wav, &[("model", "gpt-7")]), (404, "model".into()));
    assert_eq!(sent(None, &[("model", "whisper-1")]), (400, "file".into()));
    assert_eq!(sent(Some(b"no recording"), &[("model", "whisper-1")]), (415, "file".into()));
    let word = "x".repeat(60_000);
    let many = [&[("model", "whisper-1")][..], &[("keywords[]", word.as_str()); 5]].concat();
    assert_eq!(sent(wav, &many), (400, "keywords".into()), "a keyword is a word");
    for (name, value) in [
        ("response_format", "diarized_json"),
        ("temperature", "hot"),
        ("language", "xx"),
        ("stream", "maybe"),
        ("include[]", "everything"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "letter"),
    ] {
        let param = name.trim_end_matches("[]");
        assert_eq!(
            sent(wav, &[("model", "whisper-1"), (name, value)]),
            (400, param.into()),
            "{name}={value}"
        );
    }
    service.has_taken_nothing_in();
}

#[test]
fn a_failed_load_is_answered_at_once_a_slow_one_after_wait_secs() {
    let service = Service::start_with(&[("VERBATIM__MODEL__PATH", "/nonexistent.bin")]);
    let answer = call(&service, "transcriptions", "en_short.wav", &[]);
    assert_eq!((answer.status, answer.error().as_str()), (422, "model_not_found"), "{answer:?}");

    let env = [("VERBATIM__ENGINE__MEMORY_LIMIT_BYTES", "5000000"), ("VERBATIM__OPENAI__WAIT_SECS", "1")];
    let service = Service::start_with(&env);
    assert_eq!(service.post("/model/load?wait=true").json()["state"], "waiting_for_gpu");
    let answer = call(&service, "transcriptions", "en_short.wav", &[]);
    assert_eq!((answer.status, answer.error().as_str()), (503, "out_of_memory"), "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    let job = service.finished(answer.header("x-job-id").unwrap());
    assert_eq!(job["status"], "cancelled", "a client that is turned away sends it again");
}

#[test]
fn a_call_does_not_get_an_earlier_mended_failure() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.bin");
    let service = Service::start_with(&[("VERBATIM__MODEL__PATH", model.to_str().unwrap())]);
    for _ in 0..5 {
        let answer = call(&service, "transcriptions", "en_short.wav", &[]);
        assert_eq!((answer.status, answer.error().as_str()), (422, "model_not_found"), "{answer:?}");
        std::fs::copy(fixtures::model(), &model).unwrap();
        let answer = call(&service, "transcriptions", "en_short.wav", &[]);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(service.post("/model/unload?wait=true&hold_secs=0").status, 200);
        std::fs::remove_file(&model).unwrap();
    }
}

/// Sends a call and hangs up before it is answered to its end; the job that became of it, once it is over.
fn hung_up(service: &Service, stream: &str) -> Value {
    let fields = [("model", "whisper-1"), ("stream", stream)];
    let (kind, body) = form(Some(("long.ogg", &bytes("long.ogg"))), &fields);
    let mut socket = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).unwrap();
    let length = body.len();
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(&body).unwrap();
    let id = wait_for("no job came of it", || {
        service.get("/jobs?status=running").json()["jobs"][0]["id"].as_str().map(str::to_owned)
    });
    drop(socket);
    service.finished(&id)
}

#[test]
fn on_disconnect_cancels_or_keeps_the_job() {
    let cancels = Service::start_with(&[("VERBATIM__OPENAI__JOIN_SECS", "0")]);
    let keeps = Service::start_with(&[("VERBATIM__OPENAI__ON_DISCONNECT", "keep")]);
    for stream in ["false", "true"] {
        assert_eq!(hung_up(&cancels, stream)["status"], "cancelled");
        assert_eq!(hung_up(&keeps, stream)["status"], "completed");
    }
}

#[test]
fn the_official_clients_understand_the_answers() {
    let service = Service::start();
    let (recording, text) = (fixtures::audio("en_phrases.wav"), fixtures::text("en_phrases.wav"));
    let german = fixtures::audio("de_phrases.wav");
    for mut client in [python("openai_client.py"), node("openai_client.mjs")] {
        output(client.arg(&service.base).args([recording.as_os_str(), text.as_ref(), german.as_os_str()]));
    }
}

#[test]
fn the_official_client_has_a_class_for_every_refusal() {
    let refused = |env: &[(&str, &str)], expected: [&str; 3]| {
        let service = Service::start_with(env);
        // What becomes of a load is known before a call waits for it no longer than a second.
        service.post("/model/load?wait=true");
        let recording = fixtures::audio("en_short.wav");
        output(python("openai_refused.py").arg(&service.base).arg(recording).args(expected));
    };
    let limited = Service::start_with(&[("VERBATIM__LIMITS__REQUESTS_PER_MINUTE", "1")]);
    assert_eq!(limited.get("/v1/models").status, 200);
    let expected = ["RateLimitError", "429", "rate_limited"];
    output(
        python("openai_refused.py").arg(&limited.base).arg(fixtures::audio("en_short.wav")).args(expected),
    );
    let keys = [("VERBATIM__AUTH__MODE", "keys"), ("VERBATIM__AUTH__KEYS", "a-key-of-sixteen-letters")];
    refused(&keys, ["AuthenticationError", "401", "invalid_api_key"]);
    let limit = [("VERBATIM__SERVER__MAX_UPLOAD_BYTES", "1024")];
    refused(&limit, ["APIStatusError", "413", "file_too_large"]);
    let missing = [("VERBATIM__MODEL__PATH", "/nonexistent.bin")];
    refused(&missing, ["UnprocessableEntityError", "422", "model_not_found"]);
    let short = [("VERBATIM__ENGINE__MEMORY_LIMIT_BYTES", "5000000"), ("VERBATIM__OPENAI__WAIT_SECS", "1")];
    refused(&short, ["InternalServerError", "503", "out_of_memory"]);
}

#[test]
fn a_call_behind_a_long_one_waits_for_its_turn() {
    let env = [&SLOW[..], &[("VERBATIM__OPENAI__WAIT_SECS", "1")]].concat();
    let service = Service::start_with(&env);
    service.load();
    let long = service.queue("long.ogg", &[("priority", "interactive")]);
    let answer = call(&service, "transcriptions", "en_short.wav", &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(service.job(&long)["status"], "completed", "it came first");
}

#[test]
fn a_recording_may_come_as_base64_in_json() {
    let service = Service::start();
    let file = STANDARD.encode(bytes("en_short.wav"));
    for file in [file.clone(), format!("data:audio/wav;base64,{file}")] {
        let body = json!({
            "model": "whisper-1", "file": file, "filename": "dir/a.wav", "response_format": "verbose_json",
            "timestamp_granularities": ["segment", "word"], "temperature": 0, "unknown": {"of": "others"},
        });
        let answer = service.post_json("/v1/audio/transcriptions", &body);
        assert_eq!((answer.status, &answer.json()["text"]), (200, &json!("One two three.")), "{answer:?}");
        assert_eq!(answer.json()["words"].as_array().unwrap().len(), 3);
        let job = service.job(answer.header("x-job-id").unwrap());
        assert_eq!(job["audio"]["filename"], "a.wav");
    }
    let refused =
        service.post_json("/v1/audio/transcriptions", &json!({ "model": "whisper-1", "file": "?" }));
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_body"));
    let refused = service.post_json("/v1/audio/transcriptions", &json!({ "model": "whisper-1" }));
    assert_eq!((refused.status, refused.error().as_str()), (400, "missing_file"));
}
