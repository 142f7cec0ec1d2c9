//! Recordings: decoded, resampled for the engine, and cut into chunks.
//!
//! ```text
//! file → decode (symphonia or ffmpeg, one channel) → resample (16 kHz) ┬→ voice activity and level → planner → plan
//!                                                                      └→ the samples of a planned chunk
//! ```
//!
//! Everything is a stream: memory does not grow with a recording's length, but for two bytes each
//! 16 ms while it is planned. The same file gives the same plan and the same samples.

mod analysis;
mod chunks;
mod fallback;
mod frames;
mod level;
mod media_type;
mod mix;
mod peaks;
mod plan;
mod planner;
mod settings;
mod source;
mod vad;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use actors::domain::audio::{Decoder, Plan, Span};
use actors::domain::jobs::selection::Selection;
use actors::domain::peaks::Peaks;
use actors::ports::{AudioError, BlobFiles, CancelToken, ChunkSamples, Recordings, StoredBlob, WhileAway};

use chunks::{Open, PlannedChunks};
pub use peaks::peaks_of_file;
pub use plan::{plan_file, probe_file};
pub use planner::PlanSettings;
pub use settings::{AudioSettings, Channels};
pub use source::ffmpeg::{Ffmpeg, NoFfmpeg};

/// Goes up whenever decoding, resampling or planning may come to other samples or cuts than before, a library's
/// new version included.
const VERSION: u32 = 8;

/// The recordings that `files` has.
#[derive(Debug, Clone)]
pub struct AudioFiles {
    files: Arc<dyn BlobFiles>,
    settings: AudioSettings,
}

impl AudioFiles {
    pub fn new(files: Arc<dyn BlobFiles>, settings: AudioSettings) -> Self {
        Self { files, settings }
    }
}

impl Recordings for AudioFiles {
    fn version(&self, decoder: Decoder) -> String {
        let voices = self.settings.voices.as_ref().map_or("built in".into(), |detector| detector.version());
        let AudioSettings { plan, channels, .. } = &self.settings;
        let own = format!("audio {VERSION} {plan:?} {channels:?} voices {voices}");
        match decoder {
            Decoder::BuiltIn => own,
            Decoder::Ffmpeg => {
                let ffmpeg = self.settings.ffmpeg.as_ref().and_then(|ffmpeg| ffmpeg.installed().ok());
                format!("{own} ffmpeg {}", ffmpeg.map_or("off", |installed| installed.version()))
            }
        }
    }

    fn probe(&self, blob: &StoredBlob, selection: &Selection) -> Result<(), AudioError> {
        let file = self.files.file(blob, WhileAway::Fail)?;
        probe_file((*file).as_ref(), selection, &self.settings)
    }

    fn plan(
        &self,
        blob: &StoredBlob,
        selection: &Selection,
        cancel: &CancelToken,
        first: &mut dyn FnMut(Plan),
    ) -> Result<Plan, AudioError> {
        let file = self.files.file(blob, WhileAway::Wait(cancel))?;
        plan_file((*file).as_ref(), selection, &self.settings, cancel, first)
    }

    fn chunks(
        &self,
        blob: &StoredBlob,
        plan: &Plan,
        first: usize,
        cancel: &CancelToken,
    ) -> Result<ChunkSamples, AudioError> {
        let file = self.files.file(blob, WhileAway::Wait(cancel))?;
        let chunks = chunks_of_file((*file).as_ref(), &self.settings, plan, first, cancel);
        Ok(Box::new(chunks.inspect(move |_| {
            let _is_held = &file;
        })))
    }

    fn spans(
        &self,
        blob: &StoredBlob,
        plan: &Plan,
        spans: &[Span],
        cancel: &CancelToken,
    ) -> Result<Vec<Arc<[f32]>>, AudioError> {
        let file = self.files.file(blob, WhileAway::Wait(cancel))?;
        spans_of_file((*file).as_ref(), &self.settings, plan, spans, cancel)
    }

    fn peaks(
        &self,
        blob: &StoredBlob,
        selection: &Selection,
        cancel: &CancelToken,
    ) -> Result<Peaks, AudioError> {
        let file = self.files.file(blob, WhileAway::Fail)?;
        peaks_of_file((*file).as_ref(), selection, &self.settings, cancel)
    }

    fn media_type(&self, head: &[u8]) -> &'static str {
        media_type::media_type(head)
    }
}

/// See [`Recordings::chunks`].
pub fn chunks_of_file(
    path: &Path,
    settings: &AudioSettings,
    plan: &Plan,
    first: usize,
    cancel: &CancelToken,
) -> ChunkSamples {
    Box::new(PlannedChunks::new(plan, first, opener(path, settings, plan, cancel)))
}

/// See [`Recordings::spans`].
///
/// # Blocking
/// Decodes the recording up to the end of the last of them.
pub fn spans_of_file(
    path: &Path,
    settings: &AudioSettings,
    plan: &Plan,
    spans: &[Span],
    cancel: &CancelToken,
) -> Result<Vec<Arc<[f32]>>, AudioError> {
    let mut order: Vec<(usize, Span)> = spans.iter().copied().enumerate().collect();
    order.sort_by_key(|(_, span)| span.start);
    let ascending: Vec<Span> = order.iter().map(|(_, span)| *span).collect();
    let read = PlannedChunks::mixed(&ascending, opener(path, settings, plan, cancel));
    let mut samples = read.collect::<Result<Vec<_>, _>>()?.into_iter().zip(order).collect::<Vec<_>>();
    samples.sort_by_key(|(_, (at, _))| *at);
    Ok(samples.into_iter().map(|(samples, _)| samples).collect())
}

fn opener(path: &Path, settings: &AudioSettings, plan: &Plan, cancel: &CancelToken) -> Open {
    let (path, ffmpeg, cancel) = (path.to_owned(), settings.ffmpeg.clone(), cancel.clone());
    let (decoder, selection) = (plan.decoder, plan.selection.clone());
    Box::new(move |downmix| source::open(&path, decoder, downmix, &selection, ffmpeg.as_ref(), &cancel))
}
