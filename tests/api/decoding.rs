//! How chunks are decoded on the bundled model: what is doubted, and what is decoded again.

use std::fs;
use std::sync::Arc;

use actors::domain::options::Task;
use actors::domain::repetition::said_again;
use actors::domain::transcript::{ChunkTranscript, Flag, text};
use actors::ports::{CancelToken, ChunkWork, Engine, LoadedModel};
use verbatim::engine::{DecodeConfig, EngineConfig, ThreadEngine};
use verbatim::memory::SystemMemory;

use super::fixtures;

const SECOND: usize = 16_000;

/// Without the engine's own test: it looks at 32 tokens, and finds the simplest loops.
const GUARD_ALONE: DecodeConfig = DecodeConfig {
    entropy_thold: 0.0,
    loop_entropy: 3.5,
    logprob_thold: -1.0,
    no_speech_thold: 0.6,
    beam_size: 1,
    best_of: 1,
    temperature_inc: 0.2,
    suppress_non_speech: false,
};

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
fn hear(model: &dyn LoadedModel, samples: Vec<f32>, language: Option<&str>) -> ChunkTranscript {
    let work = ChunkWork {
        samples: samples.into(),
        language: language.map(|code| code.parse().unwrap()),
        task: Task::Transcribe,
        prompt: None,
        temperature: None,
        word_timestamps: false,
    };
    model.transcribe(&work, &CancelToken::default(), &mut |_| {}).unwrap()
}

fn goes_in_circles(heard: &ChunkTranscript) -> bool {
    let tokens: Vec<i32> =
        heard.segments.iter().flat_map(|segment| &segment.decoding.tokens).copied().collect();
    said_again(&tokens, 3.5).contains(&true)
}

/// The same 0.4 s of speech, cut out of words, over and over: a small model loses its way in it.
fn stutter() -> Vec<f32> {
    recording("en_dense.wav")[8_000..14_000].iter().cycle().take(10 * SECOND).copied().collect()
}

#[test]
fn clear_speech_is_decoded_once_and_not_doubted_however_dense_it_is() {
    let model = load(DecodeConfig::default());
    for name in ["en_short", "en_phrases", "en_dense", "de_phrases", "es_phrases", "fr_phrases"] {
        let heard = hear(&*model, recording(&format!("{name}.wav")), None);
        for segment in &heard.segments {
            assert_eq!(
                (&segment.flags[..], segment.decoding.temperature),
                (&[][..], 0.0),
                "{name}: {segment:?}"
            );
        }
    }
}

#[test]
fn what_is_really_said_over_and_over_stays_and_is_flagged_from_the_second_time_on() {
    let phrase = &recording("en_short.wav")[5_600..22_240];
    let mut samples: Vec<f32> = [phrase, &[0.0; 6_400]].concat().repeat(9);
    samples.resize(samples.len() + SECOND / 2, 0.0);
    let model = load(DecodeConfig { best_of: 1, ..DecodeConfig::default() });
    let heard = hear(&*model, samples, Some("en"));
    assert_eq!(text(&heard.segments), ["One two three."; 9].join(" "));
    let flags: Vec<_> = heard.segments.iter().map(|segment| &segment.flags[..]).collect();
    let mut expected = [&[Flag::Repetition][..]; 9];
    expected[0] = &[];
    assert_eq!(flags, expected);
}

#[test]
fn a_loop_of_the_models_own_is_decoded_again_until_it_is_none() {
    let unguarded = hear(&*load(DecodeConfig { loop_entropy: 0.0, ..GUARD_ALONE }), stutter(), Some("en"));
    assert!(goes_in_circles(&unguarded), "{unguarded:?}");
    assert!(unguarded.segments.iter().all(|segment| segment.flags.is_empty()));

    let model = load(GUARD_ALONE);
    let guarded = hear(&*model, stutter(), Some("en"));
    assert!(!goes_in_circles(&guarded), "{guarded:?}");
    assert!(!guarded.segments.is_empty() && guarded.segments.iter().all(|s| s.decoding.temperature > 0.0));
    assert_eq!(guarded, hear(&*model, stutter(), Some("en")), "the same chunk, the same text");
}
