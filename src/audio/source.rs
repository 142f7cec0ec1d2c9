//! Where samples come from: the built-in decoders, or ffmpeg for what they do not know.

use std::path::Path;

use actors::domain::audio::Decoder;
use actors::domain::selection::Selection;
use actors::ports::{AudioError, CancelToken};

use super::ffmpeg::Ffmpeg;
use super::joined::JoinedStream;
use super::mix::Downmix;
use super::pcm::Pcm;

/// A recording's samples, in order, with memory that does not grow with its length.
pub trait SampleStream: Send {
    /// Replaces `mono` by the next samples and gives their rate in Hz, or `None` at the end. Samples are
    /// finite and within [-1, 1]. A recording without a single one is an error.
    fn next_block(&mut self, mono: &mut Vec<f32>) -> Result<Option<u32>, AudioError>;

    /// What was odd so far, one sentence each; complete once the end was reached, or [`SampleStream::enough`] was called.
    fn warnings(&self) -> Vec<String>;

    /// No more samples are wanted: what comes behind is not missing.
    fn enough(&mut self) -> Result<(), AudioError>;

    /// The most channels that it had so far.
    fn channels(&self) -> usize;

    /// Why another decoder may make more of the recording, if it may; known once the end was reached.
    fn doubt(&self) -> Option<Doubt>;
}

/// What is wrong with a decoded recording, and perhaps the decoder's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It ends where it should not.
    Short,
    /// Many of its packets could not be decoded.
    Undecodable,
}

/// Opens what is selected of a recording for one decoder. Once `cancel` is set reading it ends with [`AudioError::Cancelled`].
///
/// # Blocking
/// Reads the beginning, and the end where a container keeps its index there. Starts a process for [`Decoder::Ffmpeg`].
pub fn open(
    path: &Path,
    decoder: Decoder,
    downmix: Downmix,
    selection: &Selection,
    ffmpeg: Option<&Ffmpeg>,
    cancel: &CancelToken,
) -> Result<Pcm, AudioError> {
    let stream: Box<dyn SampleStream> = match decoder {
        Decoder::BuiltIn => Box::new(JoinedStream::open(path, downmix, selection.track.as_ref())?),
        Decoder::Ffmpeg => {
            let Some(Ok(ffmpeg)) = ffmpeg.map(Ffmpeg::installed) else {
                return Err(AudioError::Io("ffmpeg is no longer there".into()));
            };
            Box::new(ffmpeg.open(path, downmix, selection, cancel)?)
        }
    };
    Ok(Pcm::new(stream, selection, cancel.clone()))
}
