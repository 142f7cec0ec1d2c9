//! Documents as the programs write them that came with Whisper: its own in Python, and the server of whisper.cpp.

use actors::domain::transcript::Segment;
use serde_json::{Value, json};

use super::content::Transcript;
use super::json::word_view;
use super::one_line::one_line;
use super::verbose::{self, Granularity, verbose_json};

/// A line for each segment that has a text.
pub fn lines(segments: &[Segment]) -> String {
    let texts = segments.iter().map(|segment| one_line(&segment.text)).filter(|text| !text.is_empty());
    texts.flat_map(|text| [text, "\n".into()]).collect()
}

/// As Whisper's own program writes it: the language by its code, words inside their segments.
pub fn whisper_json(transcript: &Transcript<'_>) -> Value {
    json!({
        "text": transcript.text(),
        "segments": segments_with_words(transcript.segments),
        "language": transcript.language,
    })
}

/// As whisper.cpp's server writes it: the OpenAI API's document, with words inside their segments and the language that
/// was detected.
pub fn whisper_cpp_json(transcript: &Transcript<'_>) -> Value {
    let mut document = verbose_json(transcript, &[Granularity::Segment]);
    document["text"] = lines(transcript.segments).into();
    document["segments"] = segments_with_words(transcript.segments);
    document["detected_language"] = json!(transcript.language.map(|language| language.name()));
    document
}

fn segments_with_words(segments: &[Segment]) -> Value {
    let with_words = |segment: &Segment| {
        let mut value = json!(verbose::segment(segment));
        if let Some(words) = &segment.words {
            value["words"] = json!(words.iter().map(word_view).collect::<Vec<_>>());
        }
        value
    };
    segments.iter().map(with_words).collect()
}
