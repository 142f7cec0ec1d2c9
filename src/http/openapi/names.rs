//! Texts and numbers of which only some are taken.

use actors::domain::jobs::job::Status;
use actors::domain::language::Language;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::error::one_of;
use crate::http::intake::form::SEVERAL;
use crate::transcript::Format;

/// Seconds.
pub(in crate::http) enum RetryAfter {}

impl PartialSchema for RetryAfter {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(60)).into()
    }
}

impl ToSchema for RetryAfter {}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $names:expr;)*) => {$(
        $(#[$doc])*
        pub(in crate::http) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                one_of($names).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

names! {
    JobStatus: Status::ALL.map(Status::name);
    TaskName: ["transcribe", "translate"];
    PriorityName: ["interactive", "batch"];
    ExtentName: ["beginning"];
    TranscriptFormat: Format::ALL.map(Format::name);
    /// Of the OpenAI routes, and of those that are made after them.
    CallFormat: Format::ALL.into_iter().filter(|format| *format != Format::Tsv).map(Format::name);
    AsrOutput: ["txt", "srt", "vtt", "tsv", "json"];
    TimestampGranularity: ["word", "segment"];
    Inclusion: ["logprobs"];
    /// Codes, English names, and what has languages detected. Further spellings are taken, see docs/USAGE.md.
    LanguageName: ["auto", "", SEVERAL]
        .into_iter()
        .chain(Language::all().flat_map(|language| [language.code(), language.name()]));
}

/// Codes of languages with commas between them.
pub(in crate::http) enum LanguageList {}

impl PartialSchema for LanguageList {
    fn schema() -> RefOr<Schema> {
        let codes: Vec<_> = Language::all().map(Language::code).collect();
        let code = codes.join("|");
        let list = Some(format!("^({code})(,({code}))*$"));
        ObjectBuilder::new().schema_type(Type::String).pattern(list).into()
    }
}

impl ToSchema for LanguageList {}
