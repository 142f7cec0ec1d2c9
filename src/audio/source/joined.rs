//! Files in which several recordings follow each other: all of them are decoded.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use actors::domain::jobs::selection::TrackChoice;
use actors::ports::AudioError;

use super::decode::AudioStream;
use super::parts::{self, Part};
use super::sample_stream::{Doubt, SampleStream};
use super::sniff::io_error;
use crate::audio::mix::Downmix;

/// The recordings of a file, one after the other.
pub struct JoinedStream {
    path: PathBuf,
    downmix: Downmix,
    choice: Option<TrackChoice>,
    stream: AudioStream,
    /// How many there are.
    count: usize,
    /// Those that are still to come.
    left: VecDeque<Part>,
    /// Of those that are over.
    warnings: Vec<String>,
    doubt: Option<Doubt>,
    channels: usize,
}

impl JoinedStream {
    /// Opens a file and finds out by its content what it is.
    ///
    /// # Errors
    /// Its first recording cannot be decoded, or does not have the chosen audio track.
    ///
    /// # Blocking
    /// Reads the headers of its recordings.
    pub fn open(path: &Path, downmix: Downmix, choice: Option<&TrackChoice>) -> Result<Self, AudioError> {
        let mut left: VecDeque<Part> = parts::of_file(path).map_err(io_error)?.into();
        let count = left.len();
        let first = left.pop_front().ok_or(AudioError::NoSamples)?;
        let stream = AudioStream::open(path, &first, downmix, choice)?;
        let (path, choice) = (path.to_owned(), choice.cloned());
        let (warnings, doubt, channels) = (Vec::new(), None, 0);
        Ok(Self { path, downmix, choice, stream, count, left, warnings, doubt, channels })
    }

    /// Continues with the next recording that can be decoded, if any.
    fn next_part(&mut self) -> bool {
        let Some(part) = self.left.pop_front() else { return false };
        self.end_part();
        match AudioStream::open(&self.path, &part, self.downmix, self.choice.as_ref()) {
            Ok(stream) => {
                self.stream = stream;
                true
            }
            Err(error) => {
                self.give_up(&error);
                false
            }
        }
    }

    fn end_part(&mut self) {
        self.warnings.append(&mut self.stream.warnings());
        self.channels = self.channels.max(self.stream.channels());
        self.doubt = self.doubt.or(self.stream.doubt());
    }

    fn give_up(&mut self, error: &AudioError) {
        let number = self.count - self.left.len();
        self.left.clear();
        self.doubt = Some(Doubt::Short);
        self.warnings.push(format!(
            "the file holds {} recordings one after the other; from number {number} on they could not be decoded: {error}",
            self.count
        ));
    }
}

impl SampleStream for JoinedStream {
    /// # Blocking
    /// Reads and decodes one packet.
    fn next_block(&mut self, mono: &mut Vec<f32>) -> Result<Option<u32>, AudioError> {
        loop {
            match self.stream.next_block(mono) {
                Ok(Some(rate)) => return Ok(Some(rate)),
                Ok(None) if self.next_part() => {}
                Ok(None) => return Ok(None),
                Err(error) if self.left.len() + 1 == self.count => return Err(error),
                Err(error) => {
                    mono.clear();
                    self.give_up(&error);
                    return Ok(None);
                }
            }
        }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        warnings.append(&mut self.stream.warnings());
        warnings.dedup();
        warnings
    }

    fn enough(&mut self) -> Result<(), AudioError> {
        self.left.clear();
        self.stream.enough()
    }

    fn channels(&self) -> usize {
        self.channels.max(self.stream.channels())
    }

    fn doubt(&self) -> Option<Doubt> {
        self.doubt.or(self.stream.doubt())
    }
}
