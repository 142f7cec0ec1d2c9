//! Recordings: decoded, resampled to what the engine hears, and cut into chunks.
//!
//! ```text
//! file → decode (symphonia, mono) → resample (16 kHz) ┬→ voice activity → planner → plan
//!                                                     └→ the samples of a planned chunk
//! ```
//!
//! Everything is a stream: memory does not grow with a recording's length, but for one byte each
//! 16 ms while it is planned. The same file gives the same plan and the same samples.

mod chunks;
mod decode;
mod guard;
mod health;
mod pcm;
mod planner;
mod resample;
mod sniff;
mod vad;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use actors::domain::audio::{Plan, SAMPLE_RATE, Span, secs};
use actors::domain::job::BlobKey;
use actors::ports::{AudioError, CancelToken, ChunkSamples, Recordings};

use chunks::PlannedChunks;
use guard::guarded;
use pcm::Pcm;
pub use planner::{PlanSettings, plan_chunks};
use vad::Vad;

/// Goes up whenever decoding, resampling or planning may come to other samples or cuts than before, a library's
/// new version included.
const VERSION: u32 = 2;

/// What the adapter takes in, and how it cuts.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioSettings {
    /// Recordings that last longer, once decoded, are refused. A small file may hold days of silence.
    pub max_secs: u64,
    pub plan: PlanSettings,
}

impl Default for AudioSettings {
    fn default() -> Self {
        Self { max_secs: 12 * 3600, plan: PlanSettings::default() }
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
    fn version(&self) -> String {
        format!("audio {VERSION} {:?}", self.settings.plan)
    }

    fn probe(&self, blob: &BlobKey) -> Result<(), AudioError> {
        probe_file(&self.path(blob))
    }

    fn plan(
        &self,
        blob: &BlobKey,
        cancel: &CancelToken,
        first: &mut dyn FnMut(Span),
    ) -> Result<Plan, AudioError> {
        plan_file(&self.path(blob), &self.settings, cancel, first)
    }

    fn chunks(&self, blob: &BlobKey, plan: &Plan, first: usize) -> Result<ChunkSamples, AudioError> {
        chunks_of_file(&self.path(blob), plan, first)
    }
}

/// Makes sure that at least one sample of the file can be decoded.
///
/// # Blocking
/// Reads and decodes the beginning.
pub fn probe_file(path: &Path) -> Result<(), AudioError> {
    guarded(|| {
        let mut pcm = Pcm::open(path)?;
        while pcm.next_block()?.is_some() {
            if pcm.position() > 0 {
                break;
            }
        }
        pcm.position_or_none().map(drop)
    })
}

/// How much has to be heard before the first chunk is told: more than the longest one. What comes later
/// hardly ever changes where it ends.
const HEARD_FIRST_SECS: u64 = 40;

/// Decodes all of the file once and decides where it is cut; `first` is told in advance what the first
/// of several chunks will very likely be.
///
/// # Blocking
/// For as long as decoding takes: about 1 s for every 15 min of audio. `cancel` is polled at every
/// packet.
pub fn plan_file(
    path: &Path,
    settings: &AudioSettings,
    cancel: &CancelToken,
    first: &mut dyn FnMut(Span),
) -> Result<Plan, AudioError> {
    guarded(|| {
        let mut pcm = Pcm::open(path)?;
        let mut vad = Vad::new();
        let mut first = Some(first);
        while let Some(block) = pcm.next_block()? {
            vad.push(block);
            if cancel.is_cancelled() {
                return Err(AudioError::Cancelled);
            }
            check_length(pcm.position(), settings.max_secs)?;
            if pcm.position() >= HEARD_FIRST_SECS * u64::from(SAMPLE_RATE)
                && let Some(tell) = first.take()
                && let [chunk, _, ..] = plan_chunks(vad.so_far(), pcm.position(), &settings.plan)[..]
            {
                tell(chunk);
            }
        }
        let samples = pcm.position_or_none()?;
        let chunks = plan_chunks(&vad.finish(), samples, &settings.plan);
        tracing::debug!(audio.secs = secs(samples), audio.chunks = chunks.len(), "recording planned");
        Ok(Plan { samples, chunks, warnings: pcm.warnings(), ..Plan::default() })
    })
}

/// The samples of the plan's chunks from index `first` on, in order, each when it is asked for.
///
/// # Blocking
/// Reads the file's beginning; every call of `next` decodes up to the end of one chunk.
pub fn chunks_of_file(path: &Path, plan: &Plan, first: usize) -> Result<ChunkSamples, AudioError> {
    Ok(Box::new(guarded(|| PlannedChunks::open(path, plan, first))?))
}

fn check_length(samples: u64, max_secs: u64) -> Result<(), AudioError> {
    if samples <= max_secs.saturating_mul(u64::from(SAMPLE_RATE)) {
        return Ok(());
    }
    Err(AudioError::Unsupported(format!(
        "the recording is longer than the {max_secs} s that are allowed: send it in parts"
    )))
}
