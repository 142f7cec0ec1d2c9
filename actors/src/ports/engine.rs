//! The engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::samples;
use crate::domain::audio::Plan;
use crate::domain::jobs::options::Task;
use crate::domain::language::Language;
use crate::domain::model::lifecycle::Failure;
use crate::domain::transcript::ChunkTranscript;

/// Loads the one model that the settings name.
pub trait Engine: Send + Sync + 'static {
    /// What is known without loading: reads the file's header, never its weights.
    fn describe(&self) -> ModelFacts;

    /// Checks the file, loads it and warms it up: what comes back has transcribed once already.
    ///
    /// `keep_going` is polled at least every 50 ms; once it says no the load is given up and all of
    /// its memory freed before this returns [`LoadFailure::Cancelled`]. `on_exit` is called once,
    /// from any thread, if the loaded model ends without [`LoadedModel::unload`], and before any
    /// [`LoadedModel::transcribe`] returns an [`EngineFault`] for that reason; it passes the word on and does not block.
    ///
    /// # Blocking
    /// For as long as the load takes.
    fn load(
        &self,
        keep_going: &dyn Fn() -> bool,
        on_exit: OnExit,
    ) -> Result<Arc<dyn LoadedModel>, LoadFailure>;
}

pub type OnExit = Box<dyn FnOnce(EngineExit) + Send>;

/// Why a loaded model ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineExit {
    Crashed,
    OutOfMemory { needed_bytes: u64, free_bytes: u64 },
}

/// A model in memory, ready to transcribe from several threads at once.
pub trait LoadedModel: Send + Sync + 'static {
    fn facts(&self) -> ModelFacts;

    /// Transcribes the chunks of one batch, in their order: the same batch gives the same transcripts, whatever ran
    /// before or runs beside it. `progress` is called now and then with the fraction done, 0 to 1.
    ///
    /// # Errors
    /// [`EngineFault::Cancelled`] soon after `cancel` is set: a batch that cannot be interrupted ends first.
    ///
    /// # Blocking
    /// For as long as the batch takes.
    fn transcribe(
        &self,
        batch: &Batch,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(f32),
    ) -> Result<Vec<ChunkTranscript>, EngineFault>;

    /// Gives back all memory. Work still running ends with [`EngineFault::Unloaded`], and so does all
    /// later work.
    ///
    /// # Blocking
    /// Until the memory is back.
    fn unload(&self);
}

/// What is known of the model and of the device it runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    pub id: String,
    pub path: String,
    /// `None` while the file cannot be read.
    pub bytes: Option<u64>,
    pub multilingual: Option<bool>,
    /// Equal where the same chunk has the same transcript: of the file and of how it is decoded. Empty while
    /// the file cannot be read.
    pub fingerprint: String,
    /// The library that runs it: "ctranslate2" or "whisper_cpp".
    pub backend: String,
    /// Chunks of one job that are best decoded together; at least 1.
    pub batch_size: usize,
    pub device: Device,
    /// While the model is loaded.
    pub holder: Option<Holder>,
    /// Why its file cannot be read, if it cannot.
    #[serde(skip)]
    pub unusable: Option<Failure>,
}

/// The process that has the model in its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub process: u32,
    /// What that process had of the memory that is read before the load: 0 for a process that exists for the model
    /// alone, whose own few megabytes are freed with it.
    pub before_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// "cpu", "cuda", "vulkan", "metal" or "hip".
    pub backend: String,
    pub name: String,
}

/// Chunks of one job to transcribe together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// At least one.
    pub chunks: Vec<ChunkAudio>,
    /// `None`: detect it, once for all chunks.
    pub language: Option<Language>,
    /// Where it is detected, it is one of these; empty: any.
    pub languages: Vec<Language>,
    /// Samples of likely speech from the whole recording, as in [`ChunkAudio`]: where the first chunk alone does not show
    /// the language, they do.
    #[serde(with = "samples::each")]
    pub language_windows: Vec<Arc<[f32]>>,
    pub task: Task,
    /// Text that the decoder continues.
    pub prompt: Option<String>,
    /// Words that the recording is likely to have.
    pub hotwords: Vec<String>,
    pub temperature: Option<f32>,
    pub word_timestamps: bool,
    /// Whether each token's log probability is wanted.
    pub token_logprobs: bool,
}

impl Batch {
    /// These chunks, everything else as it is by default.
    pub fn of(chunks: impl Into<Vec<ChunkAudio>>) -> Self {
        Self {
            chunks: chunks.into(),
            language: None,
            languages: Vec::new(),
            language_windows: Vec::new(),
            task: Task::default(),
            prompt: None,
            hotwords: Vec::new(),
            temperature: None,
            word_timestamps: false,
            token_logprobs: false,
        }
    }
}

/// The sound of one chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkAudio {
    /// 16 kHz mono, finite, within [-1, 1], at most 30 s.
    #[serde(with = "samples")]
    pub samples: Arc<[f32]>,
    pub voices: VoiceActivity,
    /// Whether it overlaps a neighbour: its segments get word times, by which the two are joined.
    pub is_joined: bool,
}

impl ChunkAudio {
    /// Of a plan's chunk.
    pub fn of(plan: &Plan, chunk: usize, samples: Arc<[f32]>) -> Self {
        Self {
            samples,
            voices: if plan.has_voices(chunk) { VoiceActivity::Present } else { VoiceActivity::Absent },
            is_joined: plan.overlaps_previous(chunk) || plan.overlaps_previous(chunk.saturating_add(1)),
        }
    }

    /// Of a recording by itself.
    pub fn new(samples: impl Into<Arc<[f32]>>) -> Self {
        Self { samples: samples.into(), voices: VoiceActivity::Present, is_joined: false }
    }
}

/// What voice activity detection says of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum VoiceActivity {
    Present,
    /// Nothing like speech in it: a text of which the model is not sure is doubted earlier.
    Absent,
}

/// Why a load did not end in a ready model.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoadFailure {
    #[error("the load was given up")]
    Cancelled,
    #[error("not enough memory: {needed_bytes} bytes needed, {free_bytes} free")]
    OutOfMemory { needed_bytes: u64, free_bytes: u64 },
    /// It will not load as things are: no such file, a corrupt one, a crash without a shortage.
    #[error("{message}")]
    Broken { code: &'static str, message: String },
}

/// Why a chunk has no transcript.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum EngineFault {
    #[error("cancelled")]
    Cancelled,
    #[error("the engine ran out of memory")]
    OutOfMemory { needed_bytes: u64, free_bytes: u64 },
    /// The engine's process exited; `detail` says how.
    #[error("the engine process exited: {detail}")]
    Exited { detail: String },
    /// The engine's process was killed from outside.
    #[error("the engine was killed")]
    Killed,
    /// The model is not loaded, and not because of this chunk: it was unloaded, or had ended before the chunk was begun.
    #[error("the model was unloaded")]
    Unloaded,
    /// The engine works but cannot transcribe this chunk, however often it is tried.
    #[error("the engine refused the chunk: {message}")]
    Refused { message: String },
}

/// A flag that blocking work polls; once set it stays set.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Reads the memory of the device that the model runs on.
pub trait MemoryProbe: Send + Sync + 'static {
    /// Takes well under 1 ms. `holder` is the process that has the model, or had it last.
    fn read(&self, holder: Option<Holder>) -> MemoryReading;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryReading {
    pub total_bytes: u64,
    /// Memory that no program uses.
    pub unused_bytes: u64,
    /// What the engine may still take: of the unused no more than its own limit leaves it. `u64::MAX` of a device that
    /// reports no figure, which refuses no load.
    pub free_bytes: u64,
    /// 0 without a holder, and when nothing of it is left.
    pub used_by_model_bytes: u64,
    /// The most that it ever was, at least what it is now. `None` where the device keeps no account of it.
    pub peak_by_model_bytes: Option<u64>,
}
