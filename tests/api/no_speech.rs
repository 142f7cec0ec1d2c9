//! Silence, noise and tones, made by sox, give no text. What published models make of music, breathing and keyboards:
//! docs/QUALITY.md.

use std::fs;
use std::process::Command;

use super::clients::output;
use super::service::Service;

/// The small model's no-speech probability says nothing: each text without detected speech is doubtful here, and dropped.
const STRICT: [(&str, &str); 2] =
    [("VERBATIM__DECODE__UNVOICED_LOGPROB_THOLD", "0"), ("VERBATIM__DECODE__DOUBTFUL_NO_SPEECH_THOLD", "0")];

/// What sox is to make, by its own words: sounds that even the small model of the tests takes for none of its words.
const SOUNDS: [(&str, &[&str]); 10] = [
    ("digital silence", &["synth 12 sine 0 vol 0"]),
    ("white noise", &["synth 12 whitenoise vol 0.5"]),
    ("faint white noise", &["synth 12 whitenoise vol 0.01"]),
    ("pink noise", &["synth 12 pinknoise vol 0.7"]),
    ("brown noise", &["synth 12 brownnoise vol 0.7"]),
    ("a tone", &["synth 12 sine 440 vol 0.5"]),
    ("a low tone", &["synth 12 sine 150 vol 0.6"]),
    ("beeps", &["synth 0.3 sine 1000 pad 0 0.7 repeat 11 vol 0.5"]),
    ("hum of the mains", &["synth 12 sine 50 synth 12 sine mix 100 synth 12 square mix 50 vol 0.4"]),
    ("a chord", &["synth 12 sin C3 synth 12 sin mix E3 synth 12 sin mix G3 vol 0.6"]),
];

/// A recording of the sounds, one after the other; random ones are the same every time.
fn record(sounds: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sound.wav");
    let parts = sounds.iter().map(|sound| format!("|sox -R -n -r 16000 -b 16 -c 1 -p {sound}"));
    output(Command::new("sox").args(parts).args(["-b", "16"]).arg(&path));
    fs::read(path).unwrap()
}

#[test]
fn silence_noise_and_tones_give_no_segment() {
    let service = Service::start_with(&STRICT);
    let queued: Vec<_> = SOUNDS
        .iter()
        .map(|(name, sounds)| {
            let answer = service.post_form("/jobs?queue=true", Some(("sound.wav", &record(sounds))), &[]);
            assert_eq!(answer.status, 202, "{name}: {answer:?}");
            (name, answer.json()["id"].as_str().unwrap().to_owned())
        })
        .collect();
    let mut texts = Vec::new();
    for (name, id) in queued {
        let job = service.finished(&id);
        assert_eq!(job["status"], "completed", "{name}: {job}");
        assert!(job["audio"]["duration_secs"].as_f64().unwrap() > 3.0, "{name}: {job}");
        texts.push((*name, job["result"]["text"].as_str().unwrap().to_owned()));
    }
    texts.retain(|(_, text)| !text.is_empty());
    assert!(texts.is_empty(), "{texts:?}");
}
