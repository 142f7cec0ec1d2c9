//! SubRip and WebVTT.
//!
//! Written here and not by a crate: what is hard about both formats is what a text may not hold, and
//! that is decided in this file; the crates for them take a text as it is.

use std::fmt::Write;

use actors::domain::transcript::Segment;

use super::{millis, one_line};

/// A segment that has something to show.
struct Cue {
    start_ms: u64,
    end_ms: u64,
    /// One line, not empty.
    text: String,
}

/// Cues without gaps in their numbers. Each has one line of text, for a blank line would end it.
pub(super) fn srt(segments: &[Segment]) -> String {
    let mut document = String::new();
    for (number, cue) in (1..).zip(cues(segments)) {
        let (start, end) = (clock(cue.start_ms, ','), clock(cue.end_ms, ','));
        let gap = if number == 1 { "" } else { "\n" };
        // Writing to a string cannot fail.
        let _ = write!(document, "{gap}{number}\n{start} --> {end}\n{}\n", without_arrow(cue.text));
    }
    document
}

/// Cues with `&`, `<` and `>` escaped, so that no text is taken for markup or for a cue's times.
pub(super) fn vtt(segments: &[Segment]) -> String {
    let mut document = String::from("WEBVTT\n");
    for cue in cues(segments) {
        let (start, end) = (clock(cue.start_ms, '.'), clock(cue.end_ms, '.'));
        // Writing to a string cannot fail.
        let _ = write!(document, "\n{start} --> {end}\n{}\n", escaped(&cue.text));
    }
    document
}

fn cues(segments: &[Segment]) -> impl Iterator<Item = Cue> {
    segments.iter().map(cue).filter(|cue| !cue.text.is_empty())
}

fn cue(segment: &Segment) -> Cue {
    let start_ms = millis(segment.start);
    // A cue must end after its start.
    let end_ms = millis(segment.end).max(start_ms.saturating_add(1));
    Cue { start_ms, end_ms, text: one_line(&segment.text) }
}

/// Hours, minutes, seconds and milliseconds: 01:02:03,004. Hours have as many digits as they need.
fn clock(ms: u64, mark: char) -> String {
    let secs = ms / 1000;
    format!("{:02}:{:02}:{:02}{mark}{:03}", secs / 3600, secs / 60 % 60, secs % 60, ms % 1000)
}

/// SubRip has no escapes, and players look for the arrow everywhere.
fn without_arrow(mut text: String) -> String {
    // Shortening "--->" makes another arrow.
    while text.contains("-->") {
        text = text.replace("-->", "->");
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
