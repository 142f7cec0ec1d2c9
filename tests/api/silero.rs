//! Silero's detector of voices in place of the built-in one.

use std::fs;

use super::fixtures;
use super::service::{Service, command};

const SETTING: &str = "VERBATIM__AUDIO__VAD_MODEL";

#[test]
fn recordings_cut_by_silero_have_the_same_words() {
    let model = fixtures::dir().join("silero-v6.2.0-ggml.bin");
    let service = Service::start_with(&[(SETTING, model.to_str().unwrap())]);
    let names = ["en_short.wav", "en_phrases.wav", "de_phrases.wav", "es_phrases.wav", "fr_phrases.wav"];
    let names = names.into_iter().chain(["en_stereo44k.mp3", "en_dense.wav", "long.ogg"]);
    let queued: Vec<_> = names.map(|name| (name, service.queue(name, &[]))).collect();
    for (name, id) in queued {
        let job = service.finished(&id);
        assert_eq!(job["status"], "completed", "{job}");
        // What the built-in detector leads to as well: another test holds it to the truth.
        assert_eq!(job["result"]["text"], fixtures::truth(name)["text"], "{name}");
    }
    for name in ["silence.wav", "noise.wav"] {
        let job = service.finished(&service.queue(name, &[]));
        assert_eq!((&job["result"]["text"], &job["progress"]["chunks_total"]), (&"".into(), &0.into()));
    }
}

#[test]
fn a_file_that_is_no_silero_model_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let whole = fs::read(fixtures::dir().join("silero-v6.2.0-ggml.bin")).unwrap();
    let (cut, odd) = (dir.path().join("cut.bin"), dir.path().join("odd.bin"));
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let mut bytes = whole.clone();
    // The number of layers.
    bytes[38..42].fill(0xff);
    fs::write(&odd, bytes).unwrap();
    for bad in [dir.path().join("missing.bin"), fixtures::model(), cut, odd] {
        let output = command(dir.path()).env(SETTING, &bad).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{}: {said}", bad.display());
        assert!(said.contains("audio.vad_model") && said.contains(bad.to_str().unwrap()), "{said}");
        assert!(said.contains("name a Silero model"), "{said}");
    }
}
