//! What is asked for a recording, as the fields of its upload.

use actors::domain::audio::secs;
use actors::domain::jobs::options::Task;
use actors::domain::jobs::selection::TrackChoice;

use crate::cli::transcribe::args::{Part, Wanted};

/// Only what differs from the server's own defaults.
pub(super) fn fields(wanted: &Wanted) -> Vec<(&'static str, String)> {
    let task = match wanted.task {
        Task::Transcribe => None,
        Task::Translate => Some("translate".to_owned()),
    };
    let Part { track, start_secs, end_secs } = &wanted.part;
    let languages: Vec<&str> = wanted.languages.iter().map(|language| language.code()).collect();
    let fields = [
        ("model", wanted.model.name.clone()),
        ("language", wanted.language.map(|language| language.to_string())),
        ("languages", (!languages.is_empty()).then(|| languages.join(","))),
        ("task", task),
        ("prompt", wanted.prompt.clone()),
        ("word_timestamps", wanted.word_timestamps.then(|| "true".to_owned())),
        ("track", track.as_ref().map(TrackChoice::to_string)),
        ("start_secs", start_secs.map(|start| secs(start).to_string())),
        ("end_secs", end_secs.map(|end| secs(end).to_string())),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings_args::ModelArg;
    use crate::transcript::Format;

    fn wanted() -> Wanted {
        Wanted {
            formats: vec![Format::Text],
            language: None,
            languages: vec![],
            task: Task::Transcribe,
            model: Default::default(),
            prompt: None,
            word_timestamps: false,
            part: Part::default(),
            subtitles: Default::default(),
        }
    }

    #[test]
    fn options_are_fields_only_when_they_are_given() {
        let given = Wanted {
            model: ModelArg { name: Some("large".into()) },
            language: "de".parse().ok(),
            languages: vec!["de".parse().unwrap(), "fr".parse().unwrap()],
            task: Task::Translate,
            prompt: Some("Grüße".into()),
            word_timestamps: true,
            part: Part { track: "eng".parse().ok(), start_secs: Some(84_800), end_secs: Some(160_000) },
            ..wanted()
        };
        let expected = [
            ("model", "large"),
            ("language", "de"),
            ("languages", "de,fr"),
            ("task", "translate"),
            ("prompt", "Grüße"),
            ("word_timestamps", "true"),
            ("track", "eng"),
            ("start_secs", "5.3"),
            ("end_secs", "10"),
        ];
        assert_eq!(fields(&given), expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(fields(&wanted()), []);
    }
}
