//! Which part of a recording is transcribed: one of its audio tracks, and a range of its time.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::audio::{SAMPLE_RATE, secs};

/// No recording is longer: 31 years.
const LONGEST_SECS: f64 = 1e9;
/// Language tags (RFC 5646) that are longer have private parts.
const LONGEST_LANGUAGE_BYTES: usize = 35;

/// One of a recording's audio tracks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackChoice {
    /// Audio tracks are counted from 1, in the container's order.
    Number(NonZeroU16),
    /// The first track with this language, as the container's language field has it, such as "eng".
    Language(String),
}

impl FromStr for TrackChoice {
    type Err = NotATrack;

    fn from_str(text: &str) -> Result<Self, NotATrack> {
        let text = text.trim();
        let refused = || NotATrack(text.to_owned());
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return text.parse().map(Self::Number).map_err(|_| refused());
        }
        let is_tag = text.len() <= LONGEST_LANGUAGE_BYTES
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if is_tag { Ok(Self::Language(text.to_owned())) } else { Err(refused()) }
    }
}

impl fmt::Display for TrackChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Language(language) => write!(f, "{language}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not an audio track: use a number from 1, or the track's language as the container has it, such as \"eng\""
)]
pub struct NotATrack(String);

/// A time in a recording, in samples at [`SAMPLE_RATE`].
///
/// # Errors
/// The text is not a finite number of seconds from 0 on.
pub fn sample_at(text: &str) -> Result<u64, NotATime> {
    let time: Option<f64> = text.trim().parse().ok();
    let time = time.filter(|time| (0.0..=LONGEST_SECS).contains(time));
    let time = time.ok_or_else(|| NotATime(text.trim().to_owned()))?;
    Ok((time * f64::from(SAMPLE_RATE)).round() as u64)
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a time in a recording: use a number of seconds from 0 to 1000000000, such as 12.5")]
pub struct NotATime(String);

/// Which part of a recording is transcribed. Times are in samples at [`SAMPLE_RATE`] from the recording's beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// `None`: the default track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<TrackChoice>,
    #[serde(default)]
    pub start: u64,
    /// `None`: the recording's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
}

impl Selection {
    /// Whether nothing is left out on request, and the track is the default one.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// The same track without limits of time.
    pub fn without_range(&self) -> Self {
        Self { track: self.track.clone(), ..Self::default() }
    }

    /// # Errors
    /// The range has no samples.
    pub fn check(&self) -> Result<(), EmptyRange> {
        match self.end {
            Some(end) if end <= self.start => Err(EmptyRange { start: self.start, end }),
            Some(_) | None => Ok(()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the range ends at {} s, but starts at {} s: use an end_secs greater than start_secs", secs(*end), secs(*start))]
pub struct EmptyRange {
    start: u64,
    end: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_is_a_number_from_1_or_a_language_tag() {
        assert_eq!("2".parse(), Ok(TrackChoice::Number(NonZeroU16::new(2).unwrap())));
        for language in ["eng", "pt-BR", "zh_Hans"] {
            assert_eq!(language.parse(), Ok(TrackChoice::Language(language.into())));
        }
        for text in ["", "0", "-1", "1.5", "2x", "65536", "en g", "é", &"e".repeat(36)] {
            let error = text.parse::<TrackChoice>().unwrap_err().to_string();
            assert!(error.contains("is not an audio track: use a number from 1"), "{error}");
        }
    }

    #[test]
    fn a_time_is_a_finite_number_of_seconds_from_0() {
        assert_eq!(
            [sample_at("0"), sample_at(" 5.3 "), sample_at("1e3")],
            [Ok(0), Ok(84_800), Ok(16_000_000)]
        );
        for text in ["", "-1", "-0.001", "nan", "inf", "1e10", "1:30", "five"] {
            let error = sample_at(text).unwrap_err().to_string();
            assert!(error.contains("use a number of seconds"), "{error}");
        }
    }

    #[test]
    fn a_range_ends_after_its_start() {
        let range = |start, end| Selection { start, end, ..Selection::default() }.check();
        assert_eq!([range(0, None), range(16_000, Some(16_001))], [Ok(()), Ok(())]);
        let error = range(80_000, Some(48_000)).unwrap_err().to_string();
        assert_eq!(
            error,
            "the range ends at 3 s, but starts at 5 s: use an end_secs greater than start_secs"
        );
        assert!(range(0, Some(0)).is_err());
    }
}
