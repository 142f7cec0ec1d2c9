//! The bundled model and recordings, and what is said in them.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// The bundled recordings with speech.
pub const SPOKEN: [&str; 8] = [
    "en_short.wav",
    "en_phrases.wav",
    "de_phrases.wav",
    "es_phrases.wav",
    "fr_phrases.wav",
    "en_stereo44k.mp3",
    "en_dense.wav",
    "long.ogg",
];

pub fn dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

pub fn model() -> PathBuf {
    dir().join("ggml-words-q8_0.bin")
}

pub fn audio(name: &str) -> PathBuf {
    dir().join("audio").join(name)
}

/// What is said in a recording, and in which language.
pub fn truth(name: &str) -> Value {
    let all: Value = serde_json::from_slice(&fs::read(audio("truth.json")).unwrap()).unwrap();
    all[name].clone()
}

pub fn text(name: &str) -> String {
    truth(name)["text"].as_str().unwrap().to_owned()
}

/// A WAV file of 16 kHz mono silence.
pub fn silent_wav(samples: u32) -> Vec<u8> {
    let bytes = samples * 2;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16u32.to_le_bytes());
    wav.extend(1u16.to_le_bytes());
    wav.extend(1u16.to_le_bytes());
    wav.extend(16_000u32.to_le_bytes());
    wav.extend(32_000u32.to_le_bytes());
    wav.extend(2u16.to_le_bytes());
    wav.extend(16u16.to_le_bytes());
    wav.extend(b"data");
    wav.extend(bytes.to_le_bytes());
    wav.resize(wav.len() + bytes as usize, 0);
    wav
}
