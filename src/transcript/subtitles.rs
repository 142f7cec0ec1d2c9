//! SubRip and WebVTT.
//!
//! Written here and not by a crate: what is hard about both formats is what a text may not hold, and
//! that is decided in this file; the crates for them take a text as it is.

use std::fmt::Write;

use actors::domain::transcript::Segment;

use super::millis::millis;
use super::one_line::one_line;

/// What is shown at a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cue {
    pub start_ms: u64,
    pub end_ms: u64,
    /// At least one, none of them empty: a blank line would end the cue.
    pub lines: Vec<String>,
    /// Who says it. SubRip has no place for that.
    pub speaker: Option<String>,
}

/// Cues without gaps in their numbers.
pub(super) fn srt(cues: &[Cue]) -> String {
    let mut document = String::new();
    for (number, cue) in (1..).zip(cues) {
        let (start, end) = (clock(cue.start_ms, ','), clock(cue.end_ms, ','));
        let gap = if number == 1 { "" } else { "\n" };
        // Writing to a string cannot fail.
        let _ = write!(document, "{gap}{number}\n{start} --> {end}\n{}\n", cue.lines_with(plain));
    }
    document
}

/// Cues with `&`, `<` and `>` escaped, so that no text is taken for markup or for a cue's times.
pub(super) fn vtt(cues: &[Cue]) -> String {
    let mut document = String::from("WEBVTT\n");
    for cue in cues {
        let (start, end) = (clock(cue.start_ms, '.'), clock(cue.end_ms, '.'));
        // Writing to a string cannot fail.
        let voice = cue.speaker.as_deref().map(|name| format!("<v {}>", escaped(&one_line(name))));
        let (voice, lines) = (voice.unwrap_or_default(), cue.lines_with(escaped));
        let _ = write!(document, "\n{start} --> {end}\n{voice}{lines}\n");
    }
    document
}

/// A cue of one line for each segment that has something to show.
pub(super) fn cues(segments: &[Segment]) -> Vec<Cue> {
    let lines = segments.iter().map(|segment| (segment, one_line(&segment.text)));
    let shown = lines.filter(|(_, line)| !line.is_empty());
    let cue = |(segment, line): (&Segment, String)| {
        Cue::new(segment.start, segment.end, vec![line]).said_by(segment.speaker.as_deref())
    };
    shown.map(cue).collect()
}

impl Cue {
    /// From seconds. It ends after its start, whatever they say.
    pub(super) fn new(start: f64, end: f64, lines: Vec<String>) -> Self {
        let start_ms = millis(start);
        Self { start_ms, end_ms: millis(end).max(start_ms.saturating_add(1)), lines, speaker: None }
    }

    pub(super) fn said_by(self, speaker: Option<&str>) -> Self {
        Self { speaker: speaker.map(str::to_owned), ..self }
    }

    fn lines_with(&self, written: impl Fn(&str) -> String) -> String {
        self.lines.iter().map(|line| written(line)).collect::<Vec<_>>().join("\n")
    }
}

/// Hours, minutes, seconds and milliseconds: 01:02:03,004. Hours have as many digits as they need.
fn clock(ms: u64, mark: char) -> String {
    let secs = ms / 1000;
    format!("{:02}:{:02}:{:02}{mark}{:03}", secs / 3600, secs / 60 % 60, secs % 60, ms % 1000)
}

/// SubRip has no escapes. Players look for the arrow everywhere, and leave out what they take for a tag or for an
/// instruction: the sign that it begins with is replaced by a similar one.
fn plain(line: &str) -> String {
    let mut text = line.replace("{\\", "(\\");
    // Shortening "--->" makes another arrow.
    while text.contains("-->") {
        text = text.replace("-->", "->");
    }
    let parts = text.split('<').enumerate();
    let signed = parts.map(|(number, after)| match (number, begins_tag(after)) {
        (0, _) => after.to_owned(),
        (_, true) => format!("‹{after}"),
        (_, false) => format!("<{after}"),
    });
    signed.collect()
}

/// As tolerant players see it: a letter, or a slash and a letter, spaces between or not.
fn begins_tag(after_bracket: &str) -> bool {
    let name = after_bracket.trim_start();
    let name = name.strip_prefix('/').unwrap_or(name).trim_start();
    name.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
