//! The bodies that are read field by field, as they come. A test holds them to the fields that are read.
#![expect(dead_code, reason = "for the description")]

use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, ObjectBuilder, Type};

use super::names::{
    CallFormat, Inclusion, LanguageList, LanguageName, PriorityName, TaskName, TimestampGranularity,
};

/// A form with what it says of the recording, and how to transcribe it.
macro_rules! submission {
    ($(#[$doc:meta])* $name:ident { $($fields:tt)* }) => {
        $(#[$doc])*
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(in crate::http) struct $name {
            $($fields)*
            /// A code or an English name, see docs/USAGE.md for more spellings. Left out: detected.
            #[schema(nullable = false, value_type = Option<LanguageName>)]
            language: Option<String>,
            /// Codes with commas between them: where language is left out, it is one of these.
            #[schema(nullable = false, value_type = Option<LanguageList>)]
            languages: Option<String>,
            #[schema(nullable = false, value_type = Option<TaskName>)]
            task: Option<String>,
            /// At most 1024 bytes, without NUL.
            #[schema(nullable = false, pattern = "^[^\\u0000]*$")]
            prompt: Option<String>,
            /// Words that the recording is likely to have, separated by commas: at most 64, of at most 128 bytes each,
            /// without NUL.
            #[schema(nullable = false, pattern = "^[^\\u0000]*$")]
            hotwords: Option<String>,
            #[schema(nullable = false, minimum = 0, maximum = 1)]
            temperature: Option<f32>,
            #[schema(nullable = false)]
            word_timestamps: Option<bool>,
            /// An audio track: its number, counted from 1, or its language as the file has it. Left out: the default
            /// one.
            #[schema(nullable = false, pattern = "^([1-9][0-9]{0,4}|[A-Za-z][A-Za-z0-9_-]{0,34})$")]
            track: Option<String>,
            /// Where to begin; times in the result are those of the whole recording.
            #[schema(nullable = false, minimum = 0, maximum = 1_000_000_000)]
            start_secs: Option<f64>,
            /// Where to end, after start_secs.
            #[schema(nullable = false, minimum = 0, maximum = 1_000_000_000)]
            end_secs: Option<f64>,
            /// The job's end is sent there.
            #[schema(nullable = false, format = "uri")]
            webhook_url: Option<String>,
            #[schema(nullable = false, value_type = Option<PriorityName>)]
            priority: Option<String>,
            /// Seconds that the model stays after this job; 0: it goes with the job's end; -1: it stays.
            #[schema(nullable = false, minimum = -1, maximum = 315_360_000)]
            keep_alive: Option<i64>,
            /// A model of GET /v1/models.
            #[schema(nullable = false)]
            model: Option<String>,
        }
    };
}

submission! {
    /// A recording, and how to transcribe it.
    SubmissionForm {
        /// The recording: any audio or video that the service can decode, judged by its content.
        #[schema(format = Binary)]
        file: String,
        /// A JSON object, given back as it is.
        #[schema(nullable = false, value_type = Option<Object>)]
        metadata: Option<serde::de::IgnoredAny>,
    }
}

submission! {
    /// Where the recording is, and how to transcribe it.
    RemoteForm {
        /// It is fetched from there before the answer.
        #[schema(format = "uri")]
        url: String,
        /// Given back as it is.
        #[schema(value_type = Option<Object>)]
        metadata: Option<serde::de::IgnoredAny>,
    }
}

/// A call of the OpenAI routes: fields that are not named here are passed over.
macro_rules! call {
    ($(#[$doc:meta])* $name:ident { $($fields:tt)* }) => {
        $(#[$doc])*
        #[derive(Deserialize, ToSchema)]
        pub(in crate::http) struct $name {
            /// The recording: any audio or video that the service can decode, judged by its content.
            #[schema(format = Binary)]
            file: String,
            /// A model of GET /v1/models, or whisper-1.
            #[schema(min_length = 1, pattern = r"\S", example = "whisper-1")]
            model: String,
            /// Its end counts, 1024 bytes of it.
            #[schema(nullable = false)]
            prompt: Option<String>,
            #[schema(nullable = false, minimum = 0, maximum = 1)]
            temperature: Option<f32>,
            #[schema(nullable = false, value_type = Option<CallFormat>)]
            response_format: Option<String>,
            #[serde(rename = "keywords[]")]
            #[schema(schema_with = keywords, required = false)]
            keywords: Option<Vec<String>>,
            /// Only json has them.
            #[serde(rename = "include[]")]
            #[schema(nullable = false, value_type = Option<Vec<Inclusion>>)]
            include: Option<Vec<String>>,
            /// word with verbose_json alone.
            #[serde(rename = "timestamp_granularities[]")]
            #[schema(nullable = false, value_type = Option<Vec<TimestampGranularity>>)]
            timestamp_granularities: Option<Vec<String>>,
            /// Of srt and vtt: the most characters in a line.
            #[schema(nullable = false, minimum = 8, maximum = 500)]
            max_line_chars: Option<u32>,
            /// Of srt and vtt: the most lines in a cue.
            #[schema(nullable = false, minimum = 1, maximum = 10)]
            max_lines: Option<u32>,
            /// Of srt and vtt: the most characters a second to read.
            #[schema(nullable = false, minimum = 1, maximum = 100)]
            max_cps: Option<f64>,
            $($fields)*
        }
    };
}

call! {
    TranscriptionForm {
        /// A code or an English name, see docs/USAGE.md for more spellings. Left out: detected.
        #[schema(nullable = false, value_type = Option<LanguageName>)]
        language: Option<String>,
        /// Where language is left out, it is one of these.
        #[serde(rename = "languages[]")]
        #[schema(nullable = false, value_type = Option<Vec<LanguageList>>)]
        languages: Option<Vec<String>>,
        /// Whether the text comes as it is decoded, as server-sent events.
        #[schema(nullable = false)]
        stream: Option<bool>,
    }
}

/// Fields that translations ignore.
#[cfg(test)]
pub(super) const OF_TRANSCRIPTIONS: [&str; 3] = ["language", "languages", "stream"];

call! { TranslationForm {} }

/// The list of words that `keywords[]` takes. 32 characters always fit into its 128 bytes.
fn keywords() -> Array {
    let word =
        ObjectBuilder::new().schema_type(Type::String).max_length(Some(32)).pattern(Some("^[^\\u0000]*$"));
    ArrayBuilder::new()
        .items(word)
        .max_items(Some(64))
        .description(Some(
            "Words that the recording is likely to have, of at most 128 bytes each, without NUL.",
        ))
        .build()
}

/// A call of whisper.cpp's server: fields that are not named here are passed over.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct InferenceForm {
    /// The recording: any audio or video that the service can decode, judged by its content.
    #[schema(format = Binary)]
    file: String,
    #[schema(nullable = false, value_type = Option<CallFormat>)]
    response_format: Option<String>,
    /// A code or an English name, see docs/USAGE.md for more spellings. Left out: detected.
    #[schema(nullable = false, value_type = Option<LanguageName>)]
    language: Option<String>,
    /// Whether the language is detected whatever `language` says.
    #[schema(nullable = false)]
    detect_language: Option<bool>,
    /// Whether the text is to be English.
    #[schema(nullable = false)]
    translate: Option<bool>,
    /// Its end counts, 1024 bytes of it.
    #[schema(nullable = false)]
    prompt: Option<String>,
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    temperature: Option<f32>,
}

/// A call of the Whisper ASR web service: its options are in the query.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct AsrForm {
    /// The recording: any audio or video that the service can decode, judged by its content.
    #[schema(format = Binary)]
    audio_file: String,
}
