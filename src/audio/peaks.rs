//! Measures the loudness of a recording over time.

use std::path::Path;

use actors::domain::audio::Decoder;
use actors::domain::jobs::selection::Selection;
use actors::domain::peaks::{PeakMeter, Peaks};
use actors::ports::{AudioError, CancelToken};

use super::AudioSettings;
use super::fallback::{check_length, second_opinion, with_fallback};
use super::mix::Downmix;
use super::source::open;

/// Decodes all of the selected track, all channels mixed, and keeps the loudest sample of each stretch: of the longer one
/// where ffmpeg makes more of the recording than the built-in decoders.
///
/// # Blocking
/// For as long as decoding takes: about 1 s for every 15 min of audio. `cancel` is polled at every packet.
pub fn peaks_of_file(
    path: &Path,
    selection: &Selection,
    settings: &AudioSettings,
    cancel: &CancelToken,
) -> Result<Peaks, AudioError> {
    let selection = selection.without_range();
    let measure = |decoder| {
        let mut pcm = open(path, decoder, Downmix::Mean, &selection, settings.ffmpeg.as_ref(), cancel)?;
        let mut meter = PeakMeter::default();
        while let Some(block) = pcm.next_block()? {
            meter.push(block);
            check_length(pcm.position(), settings.max_secs)?;
        }
        pcm.position_or_none()?;
        Ok((meter.finish(), pcm.doubt()))
    };
    let (ours, doubt) = with_fallback(path, settings, measure)?;
    let theirs = || Ok(measure(Decoder::Ffmpeg)?.0);
    second_opinion(
        ours,
        doubt,
        settings,
        theirs,
        |ours, theirs, _| {
            if theirs.samples > ours.samples { theirs } else { ours }
        },
    )
}
