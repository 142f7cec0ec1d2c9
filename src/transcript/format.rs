//! The names of the formats.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The service's own.
    Json,
    Text,
    Srt,
    Vtt,
    /// As the OpenAI audio API has it.
    VerboseJson,
    /// Start and end in milliseconds, and the text, with tabs between.
    Tsv,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown format {0:?}: use json, text, srt, vtt, verbose_json or tsv")]
pub struct UnknownFormat(pub String);

impl Format {
    pub const ALL: [Format; 6] =
        [Format::Json, Format::Text, Format::Srt, Format::Vtt, Format::VerboseJson, Format::Tsv];

    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Text => "text",
            Format::Srt => "srt",
            Format::Vtt => "vtt",
            Format::VerboseJson => "verbose_json",
            Format::Tsv => "tsv",
        }
    }

    /// For the `Content-Type` header. SRT has no registered type, and clients expect a text one.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Json | Format::VerboseJson => "application/json",
            Format::Text | Format::Srt => "text/plain; charset=utf-8",
            Format::Vtt => "text/vtt; charset=utf-8",
            Format::Tsv => "text/tab-separated-values; charset=utf-8",
        }
    }

    /// Whether it shows text for a while and then the next one.
    pub fn is_subtitles(self) -> bool {
        match self {
            Format::Srt | Format::Vtt => true,
            Format::Json | Format::VerboseJson | Format::Text | Format::Tsv => false,
        }
    }

    /// The extension of its files, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Json | Format::VerboseJson => "json",
            Format::Text => "txt",
            Format::Srt => "srt",
            Format::Vtt => "vtt",
            Format::Tsv => "tsv",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_listed_for_an_unknown_one() {
        let error = "docx".parse::<Format>().unwrap_err().to_string();
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
            assert!(error.contains(format.name()), "{error}");
        }
        assert!("".parse::<Format>().is_err());
    }

    #[test]
    fn everything_but_json_is_text_in_utf_8() {
        for format in Format::ALL {
            let kind = format.content_type();
            assert!(
                kind == "application/json" || kind.starts_with("text/") && kind.ends_with("; charset=utf-8")
            );
        }
    }
}
