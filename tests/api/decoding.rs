//! How chunks are decoded on the bundled model: what is doubted, and what is decoded again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;

use actors::domain::transcript::repetition::repeated_tokens;
use actors::domain::transcript::{ChunkTranscript, Flag, text};
use actors::ports::{Batch, CancelToken, ChunkAudio, Engine, LoadedModel};
use serde_json::{Value, json};
use verbatim::engine::{DecodeConfig, EngineConfig, ThreadEngine};
use verbatim::memory::SystemMemory;

use super::fixtures;
use super::service::{Service, command, signal};

const SECOND: usize = 16_000;

fn load(decode: DecodeConfig) -> Arc<dyn LoadedModel> {
    let config = EngineConfig { decode, ..EngineConfig::new(fixtures::model(), "words") };
    let engine = ThreadEngine::new(config, Arc::new(SystemMemory { limit_bytes: None }));
    engine.load(&|| true, Box::new(|_| {})).unwrap()
}

/// Samples of a recording at 16 kHz.
fn recording(name: &str) -> Vec<f32> {
    let bytes = fs::read(fixtures::audio(name)).unwrap();
    let data = bytes.windows(4).position(|window| window == b"data").unwrap() + 8;
    bytes[data..].chunks_exact(2).map(|s| f32::from(i16::from_le_bytes([s[0], s[1]])) / 32768.0).collect()
}

/// Transcribes samples, in English unless it is to be found out.
fn transcribed(model: &dyn LoadedModel, samples: Vec<f32>, language: Option<&str>) -> ChunkTranscript {
    let batch = Batch {
        language: language.map(|code| code.parse().unwrap()),
        ..Batch::of([ChunkAudio::new(samples)])
    };
    model.transcribe(&batch, &CancelToken::default(), &mut |_| {}).unwrap().remove(0)
}

fn is_loop(transcript: &ChunkTranscript) -> bool {
    let tokens: Vec<i32> =
        transcript.segments.iter().flat_map(|segment| &segment.decoding.tokens).copied().collect();
    repeated_tokens(&tokens, 3.5).contains(&true)
}

/// The same 0.4 s of speech, cut out of words, over and over: a small model loses its way in it.
fn stutter() -> Vec<f32> {
    recording("en_dense.wav")[8_000..14_000].iter().cycle().take(10 * SECOND).copied().collect()
}

#[test]
fn clear_dense_speech_is_decoded_once() {
    let model = load(DecodeConfig::default());
    for name in ["en_short", "en_phrases", "en_dense", "de_phrases", "es_phrases", "fr_phrases"] {
        let transcript = transcribed(&*model, recording(&format!("{name}.wav")), None);
        for segment in &transcript.segments {
            assert_eq!(
                (&segment.flags[..], segment.decoding.temperature),
                (&[][..], 0.0),
                "{name}: {segment:?}"
            );
        }
    }
}

/// The words of a transcript, without punctuation and capitals.
fn words(transcript: &ChunkTranscript) -> Vec<String> {
    let only_letters = |word: &str| word.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    text(&transcript.segments).to_lowercase().split_whitespace().map(only_letters).collect()
}

#[test]
fn a_growing_buffer_keeps_the_words_that_two_texts_share() {
    let model = load(DecodeConfig::default());
    let samples = recording("en_dense.wav");
    let complete = words(&transcribed(&*model, samples.clone(), Some("en")));
    let mut earlier: Vec<String> = vec![];
    let mut stable = 0;
    for end in (2 * SECOND..=samples.len()).step_by(SECOND) {
        let now = words(&transcribed(&*model, samples[..end].to_vec(), Some("en")));
        let shared = earlier.iter().zip(&now).take_while(|(a, b)| a == b).count();
        assert_eq!(now[..shared], complete[..shared], "what two texts in a row share, after {end} samples");
        assert!(shared >= stable, "after {end} samples {shared} words are shared, before it {stable}");
        (earlier, stable) = (now, shared);
    }
    assert!(stable + 5 >= complete.len(), "{stable} of {} words are stable", complete.len());
}

#[test]
fn spoken_repetition_stays_and_is_flagged_from_the_second() {
    let phrase = &recording("en_short.wav")[5_600..22_240];
    let mut samples: Vec<f32> = [phrase, &[0.0; 6_400]].concat().repeat(9);
    samples.resize(samples.len() + SECOND / 2, 0.0);
    let model = load(DecodeConfig { best_of: 1, ..DecodeConfig::default() });
    let transcript = transcribed(&*model, samples, Some("en"));
    assert_eq!(text(&transcript.segments), ["One two three."; 9].join(" "));
    let flags: Vec<_> = transcript.segments.iter().map(|segment| &segment.flags[..]).collect();
    let mut expected = [&[Flag::Repetition][..]; 9];
    expected[0] = &[];
    assert_eq!(flags, expected);
}

#[test]
fn a_loop_of_the_models_own_is_decoded_again_or_flagged() {
    let model = load(DecodeConfig::default());
    let guarded = transcribed(&*model, stutter(), Some("en"));
    let is_flagged = guarded.segments.iter().any(|segment| segment.flags.contains(&Flag::Repetition));
    assert!(!is_loop(&guarded) || is_flagged, "{guarded:?}");
    assert_eq!(guarded, transcribed(&*model, stutter(), Some("en")), "the same chunk, the same text");
}

/// Samples as a WAV file.
fn wav(samples: &[f32]) -> Vec<u8> {
    let mut wav = fixtures::silent_wav(samples.len() as u32);
    let bytes = samples.iter().flat_map(|sample| ((sample * 32767.0) as i16).to_le_bytes());
    wav.splice(44.., bytes);
    wav
}

/// A job of a recording, to its end.
fn job_of(service: &Service, bytes: &[u8], fields: &[(&str, &str)]) -> Value {
    let answer = service.post_form("/jobs?queue=true", Some(("a.wav", bytes)), fields);
    assert_eq!(answer.status, 202, "{answer:?}");
    service.finished(answer.json()["id"].as_str().unwrap())
}

/// Hisses that come and go: the model takes them for words, the detector does not take them for speech.
fn hisses(secs: usize) -> impl Iterator<Item = f32> {
    let mut state = 7u32;
    (0..secs * SECOND).map(move |at| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let loudness = (at as f32 / SECOND as f32 * 3.0 * std::f32::consts::TAU).sin().abs();
        (state as f32 / u32::MAX as f32 - 0.5) * 0.5 * loudness
    })
}

#[test]
fn text_outside_speech_is_dropped_or_flagged() {
    let service = Service::start();
    let phrases = recording("en_short.wav");
    let mut samples = phrases.clone();
    samples.extend(hisses(6));
    samples.extend(&phrases);
    let job = job_of(&service, &wav(&samples), &[("language", "en")]);
    let segments = job["result"]["segments"].as_array().unwrap();
    let (silent, spoken): (Vec<_>, Vec<_>) =
        segments.iter().partition(|s| s["start"].as_f64() > Some(2.4) && s["end"].as_f64() < Some(7.5));
    let has = |segment: &Value| segment["flags"].as_array().unwrap().contains(&json!("no_speech"));
    assert!(silent.iter().all(|segment| has(segment)), "{job}");
    assert!(!spoken.is_empty(), "{job}");
    assert!(!spoken.iter().any(|segment| has(segment)), "{job}");
}

#[test]
fn a_threshold_that_fails_all_is_logged_and_replaced() {
    let transcribed = |threshold: &str| {
        let dir = tempfile::tempdir().unwrap();
        let transcript = command(dir.path())
            .args(["transcribe", "--format", "verbose_json", "--language", "en"])
            .arg(fixtures::audio("en_dense.wav"))
            .env("VERBATIM__DECODE__ENTROPY_THOLD", threshold)
            .output()
            .unwrap();
        assert!(transcript.status.success(), "{transcript:?}");
        String::from_utf8(transcript.stdout).unwrap()
    };
    assert_eq!(
        transcribed("3.5"),
        transcribed("2.4"),
        "the same words, times, temperatures and probabilities"
    );

    let log = |threshold: &str| {
        let dir = tempfile::tempdir().unwrap();
        let mut serve = command(dir.path());
        serve.arg("serve").env("VERBATIM__DECODE__ENTROPY_THOLD", threshold);
        let mut service = serve.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(service.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("listening on"), "{line}");
        signal("TERM", service.id());
        String::from_utf8(service.wait_with_output().unwrap().stderr).unwrap()
    };
    let said = log("3.5");
    for part in ["decode.entropy_thold", "ln 32 = 3.47", "decode.loop_entropy", "used=2.4"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!log("3.3").contains("entropy_thold"));
}

#[test]
fn the_language_is_found_among_those_that_are_allowed() {
    let service = Service::start_with(&[("VERBATIM__DECODE__LANGUAGES", "es,fr")]);
    for name in ["de_phrases.wav", "es_phrases.wav", "fr_phrases.wav"] {
        let bytes = fs::read(fixtures::audio(name)).unwrap();
        let truth = fixtures::truth(name);
        let transcript = |fields: &[(&str, &str)]| job_of(&service, &bytes, fields);
        let among_all = transcript(&[("languages", "fr, EN,de,es")]);
        assert_eq!(among_all["options"]["languages"], json!(["fr", "en", "de", "es"]));
        assert_eq!(among_all["result"]["language"], truth["language"], "{name}");
        assert_eq!(among_all["result"]["text"], truth["text"], "{name}");
        // The spoken language is left out, so that it has to be another.
        let others = ["de", "es", "fr"].into_iter().filter(|code| truth["language"] != *code);
        let others = others.collect::<Vec<_>>();
        let language = transcript(&[("languages", &others.join(","))])["result"]["language"].clone();
        assert!(others.iter().any(|code| language == *code), "{name}: {language} of {others:?}");
        let only = transcript(&[("languages", "en")]);
        assert_eq!(only["result"]["language"], "en", "{name}");
        // Those of the settings, where the job names none; else the job's.
        let language = transcript(&[])["result"]["language"].clone();
        assert!(["es", "fr"].iter().any(|code| language == *code), "{name}: {language}");
        let given = transcript(&[("language", "de")]);
        assert_eq!((&given["result"]["language"], &given["options"].get("languages")), (&json!("de"), &None));
    }
    let bytes = fs::read(fixtures::audio("en_short.wav")).unwrap();
    for fields in [
        &[("languages", "en,klingon")][..],
        &[("languages", "en,,de")],
        &[("languages", ",")],
        &[("languages", "en,de"), ("language", "fr")],
    ] {
        let answer = service.post_form("/jobs?queue=true", Some(("a.wav", &bytes)), fields);
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_option"), "{fields:?}");
        assert_eq!(answer.json()["error"]["param"], "languages");
    }
    // No Whisper model of 99 languages has the hundredth.
    assert_eq!(job_of(&service, &bytes, &[("languages", "yue")])["error"]["code"], "engine_refused");
}

#[test]
fn conditioned_chunks_are_the_same_after_a_restart() {
    let env = [("VERBATIM__DECODE__CONDITION_ON_PREVIOUS", "true"), ("VERBATIM__DECODE__BEST_OF", "1")];
    let mut service = Service::start_with(&env);
    let result = |service: &Service, id: &str| service.finished(id)["result"].to_string();
    let uninterrupted = result(&service, &service.queue("long.ogg", &[("language", "en")]));

    let id = service.queue("long.ogg", &[("language", "en")]);
    let mut events = service.events(&format!("/jobs/{id}/events"), None);
    assert!(events.any(|event| event.name == "progress" && event.data["chunk"] == 4));
    service.kill_and_restart();
    assert_eq!(result(&service, &id), uninterrupted);
    let job = service.job(&id);
    assert_eq!(job["attempts"], 2);

    // Without it the same recording is another transcript, and an interrupted job starts again.
    let plain = Service::start();
    assert_ne!(result(&plain, &plain.queue("long.ogg", &[("language", "en")])), uninterrupted);
}
