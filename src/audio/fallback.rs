//! Which decoder reads a recording: the built-in ones or, for what they do not know, ffmpeg; and how long one may be.

use std::path::Path;

use actors::domain::audio::{Decoder, SAMPLE_RATE};
use actors::ports::AudioError;

use super::AudioSettings;
use super::source::ffmpeg::Ffmpeg;
use super::source::guard::guarded;
use super::source::sample_stream::Doubt;
use super::source::sniff::{Kind, look};

/// Does `work` with the built-in decoders and, where they do not support the recording, with ffmpeg. If neither
/// does, the error is that of the first.
pub fn with_fallback<T>(
    path: &Path,
    settings: &AudioSettings,
    mut work: impl FnMut(Decoder) -> Result<T, AudioError>,
) -> Result<T, AudioError> {
    let refused = match look(path)? {
        Kind::Other(name) => return Err(not_ours(name)),
        Kind::Foreign(name) => not_ours(name),
        Kind::Ours => match guarded(|| work(Decoder::BuiltIn)) {
            Err(
                error @ (AudioError::Unsupported(_)
                | AudioError::Corrupt(_)
                | AudioError::StartsPastEnd { .. }),
            ) => error,
            done => return done,
        },
    };
    if !is_installed(settings) {
        return Err(refused);
    }
    match guarded(|| work(Decoder::Ffmpeg)) {
        Err(AudioError::Unsupported(_) | AudioError::Corrupt(_) | AudioError::NoSamples) => Err(refused),
        done => done,
    }
}

/// The better of the built-in decoders' result and ffmpeg's, where there is a doubt about the former. A failure of ffmpeg's
/// leaves the former.
pub fn second_opinion<T>(
    ours: T,
    doubt: Option<Doubt>,
    settings: &AudioSettings,
    theirs: impl FnOnce() -> Result<T, AudioError>,
    better: impl FnOnce(T, T, Doubt) -> T,
) -> Result<T, AudioError> {
    let Some(doubt) = doubt.filter(|_| is_installed(settings)) else { return Ok(ours) };
    match guarded(theirs) {
        Ok(theirs) => Ok(better(ours, theirs, doubt)),
        Err(AudioError::Cancelled) => Err(AudioError::Cancelled),
        Err(_) => Ok(ours),
    }
}

fn is_installed(settings: &AudioSettings) -> bool {
    settings.ffmpeg.as_ref().map(Ffmpeg::installed).is_some_and(|found| found.is_ok())
}

fn not_ours(name: &str) -> AudioError {
    AudioError::Unsupported(format!(
        "not a recording that can be decoded: this is {name}; send WAV, MP3, FLAC, Ogg, Opus, M4A, MP4 or WebM"
    ))
}

pub fn check_length(samples: u64, max_secs: u64) -> Result<(), AudioError> {
    if samples <= max_secs.saturating_mul(u64::from(SAMPLE_RATE)) {
        return Ok(());
    }
    Err(AudioError::TooLong { max_secs })
}
