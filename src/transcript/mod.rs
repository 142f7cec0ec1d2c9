//! A transcript in the formats that clients ask for.
//!
//! Rendering never fails, whatever the text holds: a cue stays one cue, a row one row, and an empty
//! transcript is a valid empty document.

mod format;
mod json;
mod logprobs;
mod rows;
mod shape;
mod subtitles;
mod verbose;
mod whisper;

use actors::domain::language::Language;
use actors::domain::options::Task;
use actors::domain::transcript::{Segment, text};

pub use format::{Format, UnknownFormat};
pub use json::{ResultView, decimal, result_json, result_view, segment_json};
pub use logprobs::{TokenView, logprobs, logprobs_json};
pub use shape::{BadShape, Shape};
pub use verbose::{Granularity, UnknownGranularity, Usage, VerboseView, usage, verbose_json};
pub use whisper::{lines, whisper_cpp_json, whisper_json};

/// What is rendered: a job's segments, all of them or those so far.
#[derive(Debug, Clone, Copy)]
pub struct Transcript<'a> {
    /// `None` where there was no speech to tell it from.
    pub language: Option<Language>,
    /// How sure that is, 0 to 1; `None` where it was asked for.
    pub language_probability: Option<f32>,
    /// Length of the recording.
    pub duration_secs: f64,
    pub task: Task,
    pub segments: &'a [Segment],
}

/// The whole document. `text` ends without a line break, so that it equals the job's own `text`.
pub fn render(transcript: &Transcript<'_>, format: Format) -> String {
    render_shaped(transcript, format, None)
}

/// The whole document, subtitles in shape. The other formats have none.
pub fn render_shaped(transcript: &Transcript<'_>, format: Format, shape: Option<&Shape>) -> String {
    let cues = || match shape {
        None => subtitles::cues(transcript.segments),
        Some(shape) => shape.cues(transcript),
    };
    let segments = transcript.segments;
    match format {
        Format::Json => result_json(transcript).to_string(),
        Format::Text => text(segments),
        Format::Srt => subtitles::srt(&cues()),
        Format::Vtt => subtitles::vtt(&cues()),
        Format::VerboseJson => verbose_json(transcript, &verbose::all_there_is(segments)).to_string(),
        Format::Tsv => rows::tsv(segments),
    }
}

/// Seconds as whole milliseconds; what is no time at all counts as 0.
fn millis(secs: f64) -> u64 {
    // The conversion saturates: negative and not-a-number become 0.
    (secs * 1000.0).round() as u64
}

/// Seconds rounded to milliseconds.
fn rounded(secs: f64) -> f64 {
    millis(secs) as f64 / 1000.0
}

/// The text in one line: line breaks and control characters become spaces, runs of space one space.
fn one_line(text: &str) -> String {
    let spaced: String =
        text.chars().map(|c| if c.is_control() || is_line_break(c) { ' ' } else { c }).collect();
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The line breaks of Unicode that are no control characters.
fn is_line_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests;
