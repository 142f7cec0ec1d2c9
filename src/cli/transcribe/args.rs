//! The arguments of `verbatim transcribe`.

use std::path::PathBuf;

use actors::domain::jobs::options::Task;
use actors::domain::jobs::selection::{Selection, TrackChoice, sample_at};
use actors::domain::language::{Language, asked};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use glob::Pattern;

use super::inputs::{Choice, Depth};
use crate::cli::connection::server_of_environment;
use crate::cli::failure::Failure;
use crate::cli::progress::ProgressMode;
use crate::cli::settings_args::ModelArg;
use crate::cli::{EngineArgs, SettingsArgs};
use crate::client::ServerUrl;
use crate::settings::Sources;
use crate::transcript::{Format, Shape};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    verbatim transcribe talk.mp3\n  \
    verbatim transcribe --format srt,text -o out --recursive recordings/\n  \
    verbatim transcribe --server nas:8080 https://example.com/episode.mp3\n  \
    ffmpeg -i talk.mkv -f wav - | verbatim transcribe -\n  \
    verbatim transcribe --watch ~/Recordings\n\n\
    Without a server the model named in the settings is loaded here, for this command only.\n\
    VERBATIM_SERVER is the server where --server is not given; VERBATIM_API_KEY is sent to it as a bearer token.")]
pub(in crate::cli) struct TranscribeArgs {
    /// Files, folders, patterns such as "*.mp3", http:// and https:// URLs, or - for standard input
    #[arg(required_unless_present = "watch", value_name = "RECORDING")]
    pub(super) files: Vec<PathBuf>,
    /// Transcribe on a running service, such as 192.168.1.5:8080 or https://speech.example.com
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["config", "threads", "backend"])]
    server: Option<ServerUrl>,
    /// Transcribe here, also where VERBATIM_SERVER names a server
    #[arg(long, conflicts_with = "server")]
    local: bool,
    /// Write each transcript to DIR/<name of the recording>.<format's extension> instead of stdout
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
    /// Replace transcripts that are there already
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Take what is below folders, too
    #[arg(short, long)]
    recursive: bool,
    /// Take files of folders whose names match, such as "*.mp3"; may be repeated [default: audio and video]
    #[arg(long, value_name = "GLOB")]
    include: Vec<Pattern>,
    /// Transcribe what appears in DIR, until interrupted; transcripts go beside the recordings or to -o
    #[arg(long, value_name = "DIR")]
    pub(super) watch: Option<PathBuf>,
    /// How progress is shown on stderr
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(super) progress: ProgressMode,
    #[command(flatten)]
    pub(super) wanted: Wanted,
    #[command(flatten)]
    pub(super) engine: EngineArgs,
    #[command(flatten)]
    pub(super) settings: SettingsArgs,
}

impl TranscribeArgs {
    /// The service that is to do it.
    ///
    /// # Errors
    /// VERBATIM_SERVER is not an address.
    pub(super) fn server(&self) -> Result<Option<ServerUrl>, Failure> {
        match &self.server {
            Some(server) => Ok(Some(server.clone())),
            None if self.local || self.settings.config.is_some() || self.engine.is_given() => Ok(None),
            None => server_of_environment(),
        }
    }

    /// The settings of a transcription here.
    pub(super) fn sources(&self) -> Sources {
        self.settings.sources(self.wanted.model.set(self.engine.overrides()))
    }

    /// Which files of folders are taken.
    pub(super) fn choice(&self) -> Choice {
        let depth = if self.recursive { Depth::Recursive } else { Depth::Flat };
        Choice { depth, include: self.include.clone() }
    }
}

/// What is asked for each recording.
#[derive(Debug, Clone, Args)]
pub(super) struct Wanted {
    /// Formats of the transcripts, such as srt,text
    #[arg(short, long = "format", default_value = "text", value_name = "FORMATS", value_delimiter = ',', value_parser = format_parser())]
    pub(super) formats: Vec<Format>,
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
    #[command(flatten)]
    pub(super) model: ModelArg,
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
        let formats = self.formats();
        match formats.first() {
            Some(format) if shape.is_some() && !formats.iter().any(|format| format.is_subtitles()) => {
                Err(Failure::NoSubtitles { format: format.name() })
            }
            Some(_) | None => Ok(shape),
        }
    }

    /// Each once.
    pub(super) fn formats(&self) -> Vec<Format> {
        let mut formats: Vec<Format> = Vec::new();
        for format in &self.formats {
            if !formats.contains(format) {
                formats.push(*format);
            }
        }
        formats
    }

    /// # Errors
    /// The range of time ends before it begins.
    pub(super) fn selection(&self) -> Result<Selection, Failure> {
        let Part { track, start_secs, end_secs } = self.part.clone();
        let selection = Selection { track, start: start_secs.unwrap_or_default(), end: end_secs };
        selection.check()?;
        Ok(selection)
    }

    /// The query for the transcript of a job. Only subtitles have limits.
    pub(super) fn query(&self, format: Format) -> String {
        let Subtitles { max_line_chars, max_lines, max_cps } = self.subtitles;
        let limits = [
            max_line_chars.map(|chars| format!("&max_line_chars={chars}")),
            max_lines.map(|lines| format!("&max_lines={lines}")),
            max_cps.map(|cps| format!("&max_cps={cps}")),
        ];
        let limits = limits.into_iter().flatten().filter(|_| format.is_subtitles());
        format!("format={format}{}", limits.collect::<String>())
    }
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
