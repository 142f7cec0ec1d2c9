//! What the service says of itself.

use actors::domain::language::Language;
use actors::ports::ModelFacts;
use serde_json::{Value, json};

use super::wire::Event;

/// The answer to `describe`: one program, with each model that there is to choose from, the default one first.
pub(super) fn info<'a>(models: impl Iterator<Item = &'a ModelFacts>) -> Event {
    let program = json!({
        "name": "verbatim",
        "description": "Whisper speech-to-text that shares its GPU",
        "attribution": attribution(),
        "installed": true,
        "version": env!("CARGO_PKG_VERSION"),
        "models": models.map(model).collect::<Vec<_>>(),
        "supports_transcript_streaming": false,
    });
    Event::new(
        "info",
        json!({
            "asr": [program], "tts": [], "handle": [], "intent": [], "wake": [], "mic": [], "snd": [],
        }),
    )
}

fn model(facts: &ModelFacts) -> Value {
    // A model that cannot be read counts as multilingual.
    let only_english = facts.multilingual == Some(false);
    let languages = Language::all().map(Language::code).take(if only_english { 1 } else { usize::MAX });
    json!({
        "name": facts.id,
        "description": facts.id,
        "attribution": attribution(),
        "installed": facts.bytes.is_some(),
        "version": null,
        "languages": languages.collect::<Vec<_>>(),
    })
}

fn attribution() -> Value {
    json!({ "name": "OpenAI Whisper, by whisper.cpp", "url": "https://github.com/ggml-org/whisper.cpp" })
}
