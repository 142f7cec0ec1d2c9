//! The arguments of `verbatim transcribe`.

use std::path::PathBuf;

use actors::domain::jobs::options::Task;
use actors::domain::jobs::selection::{Selection, TrackChoice, sample_at};
use actors::domain::language::{Language, asked};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use crate::cli::SettingsArgs;
use crate::cli::failure::Failure;
use crate::client::ServerUrl;
use crate::transcript::{Format, Shape};

#[derive(Debug, Args)]
#[command(
    after_help = "Without --server the model named in the settings is loaded here, for this command only.\n\
    With --server the environment variable VERBATIM_API_KEY is sent as a bearer token if it is set."
)]
pub(in crate::cli) struct TranscribeArgs {
    /// Recordings: any audio or video container that can be decoded
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Transcribe on a running service, such as http://127.0.0.1:8080
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    pub(super) server: Option<ServerUrl>,
    /// Write each transcript to DIR/<name of the recording>.<format's extension> instead of stdout
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
    /// How progress is shown on stderr
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(super) progress: ProgressMode,
    #[command(flatten)]
    pub(super) wanted: Wanted,
    #[command(flatten)]
    pub(super) settings: SettingsArgs,
}

/// What is asked for each recording.
#[derive(Debug, Clone, Args)]
pub(super) struct Wanted {
    /// Format of the transcripts
    #[arg(short, long, default_value = "text", value_parser = format_parser())]
    pub(super) format: Format,
    /// Language spoken, such as "en"; "auto" detects it
    // The full path keeps clap from asking for another type of parser.
    #[arg(short, long, value_name = "LANGUAGE", default_value = "auto", value_parser = asked)]
    pub(super) language: std::option::Option<Language>,
    /// Languages that may be spoken, such as "en,de" [default: as the settings say]
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    pub(super) languages: Vec<Language>,
    /// Transcribe, or translate into English
    #[arg(long, value_parser = task_parser(), default_value = "transcribe")]
    pub(super) task: Task,
    /// Text whose names and style the transcript should follow
    #[arg(long, value_name = "TEXT")]
    pub(super) prompt: Option<String>,
    /// Add the times of words (in the formats json and verbose_json)
    #[arg(long)]
    pub(super) word_timestamps: bool,
    #[command(flatten)]
    pub(super) part: Part,
    #[command(flatten)]
    pub(super) subtitles: Subtitles,
}

/// Which part of each recording is transcribed.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Part {
    /// Audio track: its number from 1, or its language as the file has it, such as "eng" [default: the default track]
    #[arg(long, value_name = "TRACK")]
    pub(super) track: Option<TrackChoice>,
    /// Where to begin, in seconds from the recording's beginning; times stay those of the recording
    #[arg(long, value_name = "SECONDS", value_parser = sample_at, allow_negative_numbers = true)]
    pub(super) start_secs: Option<u64>,
    /// Where to end, in seconds from the recording's beginning
    #[arg(long, value_name = "SECONDS", value_parser = sample_at, allow_negative_numbers = true)]
    pub(super) end_secs: Option<u64>,
}

/// How subtitles are to look.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Subtitles {
    /// The most characters in a line of srt or vtt, 8 to 500
    #[arg(long, value_name = "N")]
    max_line_chars: Option<u32>,
    /// The most lines in a cue of srt or vtt, 1 to 10
    #[arg(long, value_name = "N")]
    max_lines: Option<u32>,
    /// The most characters a second to read in srt or vtt, 1 to 100: cues stay on into pauses
    #[arg(long, value_name = "N")]
    max_cps: Option<f64>,
}

impl Wanted {
    /// # Errors
    /// A limit out of range, or one for what are not subtitles.
    pub(super) fn shape(&self) -> Result<Option<Shape>, Failure> {
        let Subtitles { max_line_chars, max_lines, max_cps } = self.subtitles;
        let shape = Shape::new(max_line_chars, max_lines, max_cps)?;
        if shape.is_some() && !self.format.is_subtitles() {
            return Err(Failure::NoSubtitles { format: self.format.name() });
        }
        Ok(shape)
    }

    /// # Errors
    /// The range of time ends before it begins.
    pub(super) fn selection(&self) -> Result<Selection, Failure> {
        let Part { track, start_secs, end_secs } = self.part.clone();
        let selection = Selection { track, start: start_secs.unwrap_or_default(), end: end_secs };
        selection.check()?;
        Ok(selection)
    }

    /// The query for the transcript of a job.
    pub(super) fn query(&self) -> String {
        let Subtitles { max_line_chars, max_lines, max_cps } = self.subtitles;
        let limits = [
            max_line_chars.map(|chars| format!("&max_line_chars={chars}")),
            max_lines.map(|lines| format!("&max_lines={lines}")),
            max_cps.map(|cps| format!("&max_cps={cps}")),
        ];
        format!("format={}{}", self.format, limits.into_iter().flatten().collect::<String>())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum ProgressMode {
    /// A bar on a terminal, nothing elsewhere
    #[default]
    Auto,
    /// A line for every step
    Plain,
    /// Nothing
    None,
}

fn format_parser() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name)).try_map(|name| name.parse::<Format>())
}

fn task_parser() -> impl TypedValueParser<Value = Task> {
    PossibleValuesParser::new(["transcribe", "translate"]).map(|name| match name.as_str() {
        "translate" => Task::Translate,
        _ => Task::Transcribe,
    })
}
