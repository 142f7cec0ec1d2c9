//! Where samples come from: the built-in decoders, or ffmpeg for what they do not support.

mod audio_track;
mod decode;
mod edit_list;
pub(super) mod ffmpeg;
pub(super) mod guard;
mod health;
mod joined;
mod matroska;
mod mp4_tracks;
mod parts;
pub(super) mod pcm;
pub(super) mod sample_stream;
pub(super) mod sniff;
mod timeline;
mod tracks;

use std::path::Path;

use actors::domain::audio::Decoder;
use actors::domain::jobs::selection::Selection;
use actors::ports::{AudioError, CancelToken};

use super::mix::Downmix;
use ffmpeg::Ffmpeg;
use joined::JoinedStream;
use pcm::Pcm;
use sample_stream::SampleStream;

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
