//! A transcript in the formats that clients ask for.
//!
//! Rendering never fails, whatever the text holds: a cue stays one cue, a row one row, and an empty
//! transcript is a valid empty document.

mod content;
mod format;
mod json;
mod logprobs;
mod millis;
mod one_line;
mod rows;
mod shape;
mod speakers;
mod subtitles;
mod verbose;
mod whisper;

pub use content::Transcript;
pub use format::{Format, UnknownFormat};
pub use json::{ResultView, SegmentFlag, decimal, result_json, result_view, segment_json};
pub use logprobs::{TokenView, logprobs, logprobs_json};
pub use shape::{BadShape, Shape};
pub use verbose::{Granularity, UnknownGranularity, Usage, VerboseView, usage, verbose_json};
pub use whisper::{lines, whisper_cpp_json, whisper_json};

/// The whole document. `text` ends without a line break, so that it equals the job's own `text`.
pub fn render(transcript: &Transcript<'_>, format: Format) -> String {
    render_shaped(transcript, format, None)
}

/// The whole document, subtitles in shape. The other formats have none.
pub fn render_shaped(transcript: &Transcript<'_>, format: Format, shape: Option<&Shape>) -> String {
    let cues = |segments| match shape {
        None => subtitles::cues(segments),
        Some(shape) => shape.cues(&Transcript { segments, ..*transcript }),
    };
    let segments = transcript.segments;
    match format {
        Format::Json => result_json(transcript).to_string(),
        Format::Text => speakers::text(transcript),
        Format::Srt => subtitles::srt(&cues(&speakers::named(segments))),
        Format::Vtt => subtitles::vtt(&cues(segments)),
        Format::VerboseJson => verbose_json(transcript, &verbose::all_there_is(segments)).to_string(),
        Format::Tsv => rows::tsv(&speakers::named(segments)),
    }
}

#[cfg(test)]
mod tests;
