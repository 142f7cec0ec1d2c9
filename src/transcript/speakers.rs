//! Speakers' names in formats that have no place for them.

use std::borrow::Cow;

use actors::domain::transcript::{Segment, edit};

use super::content::Transcript;
use super::one_line::one_line;

/// The text alone: where speakers have names, a line for each turn of theirs, as `Ann: Good morning.`
pub(super) fn text(transcript: &Transcript<'_>) -> String {
    if transcript.segments.iter().all(|segment| segment.speaker.is_none()) {
        return transcript.text();
    }
    let turns = transcript.segments.chunk_by(|one, next| one.speaker == next.speaker);
    let lines = turns.map(|turn| {
        let text = edit::joined(turn);
        match turn.first().and_then(|segment| segment.speaker.as_deref()) {
            Some(name) => format!("{}: {text}", one_line(name)),
            None => text,
        }
    });
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The segments with the speaker's name before each text, as part of it.
pub(super) fn named(segments: &[Segment]) -> Cow<'_, [Segment]> {
    if segments.iter().all(|segment| segment.speaker.is_none()) {
        return Cow::Borrowed(segments);
    }
    segments.iter().cloned().map(with_name).collect()
}

/// The first word has the name as well: words that are not the text would lose their times.
fn with_name(mut segment: Segment) -> Segment {
    let Some(name) = segment.speaker.take().filter(|_| !segment.text.trim().is_empty()) else {
        return segment;
    };
    let named = |text: &str| format!("{}: {}", one_line(&name), text.trim_start());
    segment.text = named(&segment.text);
    if let Some(word) = segment.words.as_mut().and_then(|words| words.first_mut()) {
        word.word = named(&word.word);
    }
    segment
}
