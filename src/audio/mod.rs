//! Recordings: decoded, resampled to what the engine hears, and cut into chunks.
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
mod decode;
mod edit_list;
mod ffmpeg;
mod frames;
mod guard;
mod health;
mod joined;
mod level;
mod matroska;
mod mix;
mod mp4_tracks;
mod parts;
mod pcm;
mod plan;
mod planner;
mod resample;
mod sniff;
mod source;
mod timeline;
mod tracks;
mod vad;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actors::domain::audio::{Decoder, Plan, Span};
use actors::domain::job::BlobKey;
use actors::domain::selection::Selection;
use actors::ports::{AudioError, CancelToken, ChunkSamples, Recordings, VoiceDetector};

use chunks::{Open, PlannedChunks};
pub use ffmpeg::{Ffmpeg, NoFfmpeg};
pub use plan::{plan_file, plan_selection, probe_file, probe_selection};
pub use planner::PlanSettings;

/// Goes up whenever decoding, resampling or planning may come to other samples or cuts than before, a library's
/// new version included.
const VERSION: u32 = 8;

/// What the adapter takes in, and how it cuts.
#[derive(Debug, Clone)]
pub struct AudioSettings {
    /// Recordings that last longer, once decoded, are refused. A small file may hold days of silence.
    pub max_secs: u64,
    pub plan: PlanSettings,
    pub channels: Channels,
    /// For what the built-in decoders do not know; `None`: they are all there is.
    pub ffmpeg: Option<Ffmpeg>,
    /// Voice detector; `None`: the built-in one.
    pub voices: Option<Arc<dyn VoiceDetector>>,
}

/// What is done with several channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Into one.
    Mix,
    /// Each is transcribed by itself.
    Split,
}

impl Default for AudioSettings {
    fn default() -> Self {
        Self {
            max_secs: 12 * 3600,
            plan: PlanSettings::default(),
            channels: Channels::Mix,
            ffmpeg: None,
            voices: None,
        }
    }
}

/// The recordings in one folder, each in the file that its key names.
#[derive(Debug, Clone)]
pub struct AudioFiles {
    dir: PathBuf,
    settings: AudioSettings,
}

impl AudioFiles {
    pub fn new(dir: PathBuf, settings: AudioSettings) -> Self {
        Self { dir, settings }
    }

    fn path(&self, blob: &BlobKey) -> PathBuf {
        self.dir.join(&blob.0)
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

    fn probe(&self, blob: &BlobKey, selection: &Selection) -> Result<(), AudioError> {
        probe_selection(&self.path(blob), selection, &self.settings)
    }

    fn plan(
        &self,
        blob: &BlobKey,
        selection: &Selection,
        cancel: &CancelToken,
        first: &mut dyn FnMut(Plan),
    ) -> Result<Plan, AudioError> {
        plan_selection(&self.path(blob), selection, &self.settings, cancel, first)
    }

    fn chunks(
        &self,
        blob: &BlobKey,
        plan: &Plan,
        first: usize,
        cancel: &CancelToken,
    ) -> Result<ChunkSamples, AudioError> {
        Ok(chunks_of_file(&self.path(blob), &self.settings, plan, first, cancel))
    }

    fn spans(
        &self,
        blob: &BlobKey,
        plan: &Plan,
        spans: &[Span],
        cancel: &CancelToken,
    ) -> Result<ChunkSamples, AudioError> {
        Ok(spans_of_file(&self.path(blob), &self.settings, plan, spans, cancel))
    }
}

/// The samples of a plan's language windows, in their order.
///
/// # Blocking
/// Decodes the recording up to the last of them.
pub fn language_windows_of_file(
    path: &Path,
    settings: &AudioSettings,
    plan: &Plan,
) -> Result<Vec<Arc<[f32]>>, AudioError> {
    let mut spans = plan.language_windows.clone();
    spans.sort_by_key(|span| span.start);
    let samples: Vec<Arc<[f32]>> =
        spans_of_file(path, settings, plan, &spans, &CancelToken::default()).collect::<Result<_, _>>()?;
    let of = |span| spans.iter().position(|known| known == span).and_then(|at| samples.get(at).cloned());
    Ok(plan.language_windows.iter().filter_map(of).collect())
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
pub fn spans_of_file(
    path: &Path,
    settings: &AudioSettings,
    plan: &Plan,
    spans: &[Span],
    cancel: &CancelToken,
) -> ChunkSamples {
    Box::new(PlannedChunks::mixed(spans, opener(path, settings, plan, cancel)))
}

fn opener(path: &Path, settings: &AudioSettings, plan: &Plan, cancel: &CancelToken) -> Open {
    let (path, ffmpeg, cancel) = (path.to_owned(), settings.ffmpeg.clone(), cancel.clone());
    let (decoder, selection) = (plan.decoder, plan.selection.clone());
    Box::new(move |downmix| source::open(&path, decoder, downmix, &selection, ffmpeg.as_ref(), &cancel))
}
