//! Keeps count of what went wrong while decoding, and judges the recording by it.

use std::io::ErrorKind;

use actors::ports::AudioError;
use symphonia::core::errors::Error;

use super::sample_stream::Doubt;

/// Formats that are found by a frame header of a few bits, which turns up in any data. Where no tag has their length,
/// a demultiplexer computes it from the file's size, and may be far off.
pub const FOUND_BY_SYNC: [&str; 4] = ["mp1", "mp2", "mp3", "aac"];

/// A real elementary stream is nothing but frames. Below this part of the file, what was found are
/// chance hits in something else (tags and damaged stretches stay well above).
const LEAST_FRAMED_PART: f64 = 0.3;

/// A tag with pictures may be most of a short file: this much needs no frames.
const TAG_ALLOWANCE: f64 = 4.0 * 1024.0 * 1024.0;

/// Differences from the declared length that are worth a word: both must be exceeded.
const MISSING_SECS: f64 = 1.0;
const MISSING_PART: f64 = 0.02;

/// Lengths that differ by less are the same: what an encoder adds at the ends is shorter.
const SAME_LENGTH_SECS: f64 = 0.1;

/// With more of its packets undecodable, a recording may be of a kind for another decoder.
const TOLERABLE_PART: f64 = 0.05;

/// Containers that are written into pipes, before the length of the recording is known.
const STREAMED: [&str; 2] = ["wave", "matroska"];

/// Lengths that a container states, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Declared {
    pub of_track: Option<f64>,
    /// Of all tracks: pictures may last longer than sound.
    pub of_media: Option<f64>,
}

/// What happened to one recording so far.
pub struct Health {
    file_bytes: u64,
    format: &'static str,
    declared: Declared,
    decoded_secs: f64,
    missed_secs: f64,
    packets: u64,
    packet_bytes: u64,
    failures: u64,
    first_failure: Option<String>,
    cut_short: Option<String>,
}

impl Health {
    pub fn new(file_bytes: u64, format: &'static str, declared: Declared) -> Self {
        Self {
            file_bytes,
            format,
            declared,
            decoded_secs: 0.0,
            missed_secs: 0.0,
            packets: 0,
            packet_bytes: 0,
            failures: 0,
            first_failure: None,
            cut_short: None,
        }
    }

    pub fn decoded(&mut self, bytes: usize, samples: usize, rate: u32) {
        self.packets += 1;
        self.packet_bytes += bytes as u64;
        self.decoded_secs += samples as f64 / f64::from(rate);
    }

    /// So much is not there at all.
    pub fn missed(&mut self, secs: f64) {
        self.missed_secs += secs;
    }

    pub fn failed(&mut self, reason: String) {
        self.packets += 1;
        self.failures += 1;
        self.first_failure.get_or_insert(reason);
    }

    pub fn cut_short(&mut self, error: &Error) {
        self.cut_short_by(match error {
            Error::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => "it is truncated".into(),
            other => other.to_string(),
        });
    }

    pub fn cut_short_by(&mut self, reason: String) {
        self.cut_short.get_or_insert(reason);
    }

    /// The rest of the track is hidden: it is not missing.
    pub fn played_to_its_end(&mut self) {
        self.declared = Declared::default();
    }

    /// Another recording follows in the same file: the declared length was the first one's.
    pub fn next_link(&mut self) {
        self.declared = Declared::default();
    }

    pub fn failures(&self) -> u64 {
        self.failures
    }

    pub fn nothing_yet(&self) -> bool {
        self.decoded_secs == 0.0
    }

    /// Whether what was decoded, up to the end, is a recording at all.
    pub fn judge(&self) -> Result<(), AudioError> {
        if self.nothing_yet() {
            return Err(match (&self.first_failure, &self.cut_short) {
                (Some(reason), _) => {
                    AudioError::Corrupt(format!("nothing in the recording can be decoded: {reason}"))
                }
                // A good header with nothing behind it.
                (None, _) => AudioError::NoSamples,
            });
        }
        if self.is_chance_hit() {
            return Err(AudioError::Unsupported(
                "not a recording that can be decoded: its format is not known here".into(),
            ));
        }
        Ok(())
    }

    /// One sentence for each defect.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.was_streamed() {
            // It ends where it ends.
        } else if let Some(reason) = &self.cut_short {
            warnings.push(format!("the recording stops early, after {:.1} s: {reason}", self.decoded_secs));
        } else {
            warnings.extend(self.shortfall());
        }
        if self.missed_secs > 0.0 {
            warnings.push(format!(
                "{:.1} s of the recording are missing and were taken as silence",
                self.missed_secs
            ));
        }
        if self.failures > 0 {
            let reason = self.first_failure.as_deref().unwrap_or_default();
            warnings.push(format!(
                "{} of {} packets could not be decoded and were taken as silence: {reason}",
                self.failures, self.packets
            ));
        }
        warnings
    }

    /// Why another decoder may make more of it, if it may.
    pub fn doubt(&self) -> Option<Doubt> {
        let is_cut = !self.was_streamed() && self.cut_short.is_some();
        if is_cut || self.shortfall().is_some() {
            return Some(Doubt::Short);
        }
        let many_failed = self.failures as f64 > TOLERABLE_PART * self.packets as f64;
        many_failed.then_some(Doubt::Undecodable)
    }

    /// Where no length is stated, or all of it came, the end of the file is the recording's.
    fn was_streamed(&self) -> bool {
        let stated = self.declared.of_track.or(self.declared.of_media);
        let came = self.decoded_secs + self.missed_secs + SAME_LENGTH_SECS;
        STREAMED.contains(&self.format) && stated.is_none_or(|stated| came >= stated)
    }

    fn shortfall(&self) -> Option<String> {
        shortfall(self.declared.of_track, self.decoded_secs + self.missed_secs)
    }

    fn is_chance_hit(&self) -> bool {
        let framed = self.packet_bytes as f64 / self.file_bytes.max(1) as f64;
        let unframed = self.file_bytes as f64 - self.packet_bytes as f64;
        let mostly_failed = self.failures * 2 > self.packets;
        FOUND_BY_SYNC.contains(&self.format)
            && framed < LEAST_FRAMED_PART
            && (mostly_failed || unframed > TAG_ALLOWANCE || self.decoded_secs < 1.0)
    }
}

/// The word on a recording that gave clearly less than its container declares.
pub fn shortfall(declared_secs: Option<f64>, decoded_secs: f64) -> Option<String> {
    let declared = declared_secs?;
    let missing = declared - decoded_secs;
    (missing > MISSING_SECS && missing > MISSING_PART * declared).then(|| {
        format!(
            "the recording is {declared:.1} s long by its own account, but {decoded_secs:.1} s could be decoded"
        )
    })
}
