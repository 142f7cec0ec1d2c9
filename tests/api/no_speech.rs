//! Silence, noise and music, made by sox: in none of it somebody speaks.

use std::fs;
use std::process::Command;

use super::clients::output;
use super::service::Service;

/// What sox is to make, by its own words: one sound, or several one after the other.
const SOUNDS: [(&str, &[&str]); 17] = [
    ("digital silence", &["synth 12 sine 0 vol 0"]),
    ("white noise", &["synth 12 whitenoise vol 0.5"]),
    ("faint white noise", &["synth 12 whitenoise vol 0.01"]),
    ("pink noise", &["synth 12 pinknoise vol 0.7"]),
    ("brown noise", &["synth 12 brownnoise vol 0.7"]),
    ("beats of noise", &["synth 0.08 whitenoise fade 0 0.08 0.07 pad 0 0.42 repeat 20"]),
    ("a tone", &["synth 12 sine 440 vol 0.5"]),
    ("a low tone", &["synth 12 sine 150 vol 0.6"]),
    ("beeps", &["synth 0.3 sine 1000 pad 0 0.7 repeat 11 vol 0.5"]),
    ("hum of the mains", &["synth 12 sine 50 synth 12 sine mix 100 synth 12 square mix 50 vol 0.4"]),
    ("a rising tone", &["synth 12 sine 100-1500 vol 0.5"]),
    ("a chord", &["synth 12 sin C3 synth 12 sin mix E3 synth 12 sin mix G3 vol 0.6"]),
    ("a chord of saws", &["synth 12 saw C3 synth 12 saw mix E3 synth 12 saw mix G3 vol 0.5"]),
    ("a plucked melody", &MELODY_PLUCKED),
    ("a melody on a reed", &MELODY_REED),
    ("a melody on a flute", &MELODY_FLUTE),
    ("plucked chords", &CHORDS),
];

const MELODY_PLUCKED: [&str; 12] = [
    "synth 0.5 pluck C4",
    "synth 0.5 pluck E4",
    "synth 0.5 pluck G4",
    "synth 0.5 pluck C5",
    "synth 0.25 pluck B4",
    "synth 0.25 pluck G4",
    "synth 0.5 pluck A4",
    "synth 0.5 pluck F4",
    "synth 0.3 pluck D4",
    "synth 0.3 pluck E4",
    "synth 0.4 pluck C4",
    "synth 1 pluck G3",
];

const MELODY_REED: [&str; 6] = [
    "synth 0.6 saw C4 fade 0.02 0.6 0.1 lowpass 2000 vol 0.6",
    "synth 0.6 saw E4 fade 0.02 0.6 0.1 lowpass 2000 vol 0.6",
    "synth 0.6 saw G4 fade 0.02 0.6 0.1 lowpass 2000 vol 0.6",
    "synth 0.3 saw F4 fade 0.02 0.3 0.1 lowpass 2000 vol 0.6",
    "synth 0.3 saw D4 fade 0.02 0.3 0.1 lowpass 2000 vol 0.6",
    "synth 1.2 saw C4 fade 0.02 1.2 0.1 lowpass 2000 vol 0.6",
];

const MELODY_FLUTE: [&str; 5] = [
    "synth 0.7 sine C5 fade 0.05 0.7 0.2 tremolo 5 40",
    "synth 0.7 sine E5 fade 0.05 0.7 0.2 tremolo 5 40",
    "synth 0.7 sine A4 fade 0.05 0.7 0.2 tremolo 5 40",
    "synth 0.7 sine G4 fade 0.05 0.7 0.2 tremolo 5 40",
    "synth 1.4 sine C4 fade 0.05 1.4 0.2 tremolo 5 40",
];

const CHORDS: [&str; 4] = [
    "synth 2 pluck A3 synth 2 pluck mix C4 synth 2 pluck mix E4 fade 0 2 0.1",
    "synth 2 pluck F3 synth 2 pluck mix A3 synth 2 pluck mix C4 fade 0 2 0.1",
    "synth 2 pluck C3 synth 2 pluck mix E3 synth 2 pluck mix G3 fade 0 2 0.1",
    "synth 2 pluck G3 synth 2 pluck mix B3 synth 2 pluck mix D4 fade 0 2 0.1",
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
fn silence_noise_and_music_give_no_segment() {
    let service = Service::start();
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
