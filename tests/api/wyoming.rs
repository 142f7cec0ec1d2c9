//! The Wyoming protocol, as Home Assistant speaks it and as it must not be spoken.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::clients::{output, python};
use super::fixtures;
use super::service::{HANG_GUARD, Service, command, free_port, wait_for};

/// A service with a port for Wyoming clients.
fn start(env: &[(&str, &str)]) -> (Service, u16) {
    let port = free_port();
    let text = port.to_string();
    let env = [&[("VERBATIM__WYOMING__PORT", text.as_str())], env].concat();
    (Service::start_with(&env), port)
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(HANG_GUARD)).unwrap();
        Self(BufReader::new(stream))
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// Its data in the header, as older clients have it.
    fn send(&mut self, kind: &str, data: Value, payload: &[u8]) {
        let header = json!({ "type": kind, "data": data, "payload_length": payload.len() });
        self.raw(&[format!("{header}\n").as_bytes(), payload].concat());
    }

    fn speak(&mut self, format: &Value, samples: &[u8]) {
        self.send("audio-start", format.clone(), b"");
        samples.chunks(100_000).for_each(|chunk| self.send("audio-chunk", format.clone(), chunk));
        self.send("audio-stop", json!({}), b"");
    }

    /// The next event's type and data; `None` where the service has closed the connection.
    fn next(&mut self) -> Option<(String, Value)> {
        let mut line = String::new();
        if self.0.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let header: Value = serde_json::from_str(&line).unwrap();
        let mut data = vec![0; header["data_length"].as_u64().unwrap() as usize];
        self.0.read_exact(&mut data).unwrap();
        Some((header["type"].as_str().unwrap().to_owned(), serde_json::from_slice(&data).unwrap()))
    }

    /// The code of the error that is sent before the connection ends.
    fn refusal(&mut self) -> String {
        let (kind, data) = self.next().unwrap();
        assert_eq!(kind, "error", "{data}");
        assert!(!data["text"].as_str().unwrap().is_empty());
        assert_eq!(self.next(), None, "nothing comes after an error");
        data["code"].as_str().unwrap().to_owned()
    }
}

fn speech() -> Value {
    json!({ "rate": 16000, "width": 2, "channels": 1 })
}

fn samples(recording: &str) -> Vec<u8> {
    std::fs::read(fixtures::audio(recording)).unwrap().split_off(44)
}

/// A recording as ffmpeg converts it.
fn converted(dir: &Path, recording: &str, name: &str, options: &[&str]) -> PathBuf {
    let to = dir.join(name);
    let mut ffmpeg = Command::new("ffmpeg");
    output(ffmpeg.args(["-v", "error", "-i"]).arg(fixtures::audio(recording)).args(options).arg(&to));
    to
}

#[test]
fn the_official_client_is_understood_whatever_its_audio_is_like() {
    let (service, port) = start(&[]);
    let dir = service.dir.path();
    let recordings = [
        fixtures::audio("en_phrases.wav"),
        converted(dir, "en_phrases.wav", "a.wav", &["-ar", "44100", "-ac", "2", "-c:a", "pcm_s16le"]),
    ];
    let text = fixtures::text("en_phrases.wav");
    output(python("wyoming_client.py").arg(port.to_string()).arg(&text).args(recordings));
    // A byte a sample is too few for good results: the text is that of the same file.
    let coarse = converted(dir, "en_phrases.wav", "c.wav", &["-c:a", "pcm_u8"]);
    let coarse =
        service.post_part("/asr?output=json", "audio_file", ("c.wav", &std::fs::read(coarse).unwrap()));
    let coarse = coarse.json()["text"].as_str().unwrap().to_owned();
    let mut client = Client::connect(port);
    for (name, rate, width, channels, text) in
        [("u8", "16000", 1, 1, &coarse), ("s24le", "22050", 3, 1, &text), ("s32le", "48000", 4, 2, &text)]
    {
        let options = ["-f", name, "-ar", rate, "-ac", if channels == 1 { "1" } else { "2" }];
        let raw = std::fs::read(converted(dir, "en_phrases.wav", name, &options)).unwrap();
        let rate: u32 = rate.parse().unwrap();
        client.speak(&json!({ "rate": rate, "width": width, "channels": channels }), &raw);
        assert_eq!(client.next().unwrap().1["text"], text.as_str(), "{name}");
    }
    let jobs = service.get("/jobs").json()["jobs"].as_array().unwrap().clone();
    assert_eq!(jobs.len(), 7);
    for job in jobs {
        assert_eq!(
            (&job["status"], &job["options"]["priority"]),
            (&json!("completed"), &json!("interactive"))
        );
    }
}

#[test]
fn a_language_is_found_out_and_silence_is_an_empty_transcript() {
    let (_service, port) = start(&[]);
    let mut client = Client::connect(port);
    client.send("something-new", json!({}), b"of no matter");
    // Without a start, as some clients do.
    client.send("audio-chunk", speech(), &samples("de_phrases.wav"));
    client.send("audio-stop", json!({}), b"");
    let (kind, data) = client.next().unwrap();
    assert_eq!((kind.as_str(), &data["language"]), ("transcript", &json!("de")));
    assert_eq!(data["text"], fixtures::text("de_phrases.wav").as_str());
    client.speak(&speech(), &samples("silence.wav"));
    assert_eq!(client.next(), Some(("transcript".into(), json!({ "text": "" }))));
}

#[test]
fn a_bad_event_is_an_error_and_ends_the_connection() {
    let (service, port) = start(&[("VERBATIM__SERVER__MAX_UPLOAD_BYTES", "200000")]);
    let refused = |speak: &dyn Fn(&mut Client)| {
        let mut client = Client::connect(port);
        speak(&mut client);
        client.refusal()
    };
    assert_eq!(refused(&|client| client.raw(b"GET / HTTP/1.1\r\n\r\n")), "invalid_body");
    assert_eq!(refused(&|client| client.raw(&vec![b'x'; 70_000])), "invalid_body");
    let huge = b"{\"type\":\"audio-chunk\",\"payload_length\":5000000000}\n";
    assert_eq!(refused(&|client| client.raw(huge)), "invalid_body");
    let options = |data: Value| refused(&move |client| client.send("transcribe", data.clone(), b""));
    assert_eq!(options(json!({ "language": "klingon" })), "invalid_language");
    assert_eq!(options(json!({ "name": "gpt-7" })), "unknown_model");
    assert_eq!(refused(&|client| client.send("audio-stop", json!({}), b"")), "no_audio");
    assert_eq!(refused(&|client| client.speak(&speech(), b"")), "no_audio");
    assert_eq!(refused(&|client| client.send("audio-start", json!({ "rate": 1 }), b"")), "unsupported_media");
    let changed = |client: &mut Client| {
        client.send("audio-start", speech(), b"");
        client.send("audio-chunk", json!({ "rate": 8000, "width": 2, "channels": 1 }), &[0; 100]);
    };
    assert_eq!(refused(&changed), "unsupported_media");
    assert_eq!(refused(&|client| client.speak(&speech(), &[0; 200_002])), "file_too_large");
    service.has_taken_nothing_in();
}

#[test]
fn another_language_is_refused_by_an_english_only_model() {
    let model = super::models::english_only();
    let (service, port) = start(&[("VERBATIM__MODEL__PATH", model.to_str().unwrap())]);
    let mut client = Client::connect(port);
    client.send("transcribe", json!({ "language": "es" }), b"");
    assert_eq!(client.refusal(), "unsupported_language");
    service.has_taken_nothing_in();
}

#[test]
fn a_client_that_leaves_takes_its_job_with_it() {
    let (service, port) = start(&[]);
    let raw =
        converted(service.dir.path(), "long.ogg", "long.raw", &["-f", "s16le", "-ar", "16000", "-ac", "1"]);
    let mut client = Client::connect(port);
    client.speak(&speech(), &std::fs::read(raw).unwrap());
    let id = wait_for("no job came of it", || {
        service.get("/jobs?status=running").json()["jobs"][0]["id"].as_str().map(str::to_owned)
    });
    drop(client);
    assert_eq!(service.finished(&id)["status"], "cancelled");
}

#[test]
fn a_silent_client_is_dropped_and_others_wait_their_turn() {
    let limits =
        [("VERBATIM__LIMITS__STALLED_CLIENT_SECS", "1"), ("VERBATIM__WYOMING__MAX_CONNECTIONS", "1")];
    let (_service, port) = start(&limits);
    let (mut silent, mut next) = (Client::connect(port), Client::connect(port));
    next.send("ping", json!({ "text": "me?" }), b"");
    silent.raw(b"{\"type\":");
    assert_eq!(next.next(), Some(("pong".into(), json!({ "text": "me?" }))));
    assert_eq!(silent.next(), None);
}

#[test]
fn beside_keys_the_port_needs_an_owner() {
    let key = "alices-key-of-24-letters";
    let keys = [("VERBATIM__AUTH__MODE", "keys"), ("VERBATIM__AUTH__KEYS", "alices-key-of-24-letters alice")];
    let dir = tempfile::tempdir().unwrap();
    for owner in ["", "alcie"] {
        let mut program = command(dir.path());
        program.envs(keys).env("VERBATIM__WYOMING__PORT", "10300").env("VERBATIM__WYOMING__OWNER", owner);
        let refused = program.output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains("wyoming.owner") && said.contains(owner), "{said}");
    }

    let (service, port) = start(&[keys[0], keys[1], ("VERBATIM__WYOMING__OWNER", "alice")]);
    let mut client = Client::connect(port);
    client.speak(&speech(), &samples("en_short.wav"));
    assert_eq!(client.next().unwrap().1["text"], "One two three.");
    let jobs = service.with_key(key).get("/jobs").json();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1, "it is hers");
}
