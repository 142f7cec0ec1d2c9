//! The engine: whisper.cpp, in a process of its own or in this one, behind the port
//! [`actors::ports::Engine`].
//!
//! ```text
//! process (client) ──pipe── worker ── whisper     one process for the model: the default
//! thread ──────────────────────────── whisper     the same in this process
//! ```
//!
//! [`model_file`] stands before both: whisper.cpp sees no file that has not passed it.

mod doubts;
mod estimate;
mod loudness;
mod memory;
pub mod model_file;
mod process;
mod protocol;
mod request;
mod second_hearing;
mod segments;
mod silero;
mod starts;
mod thread;
mod unheard;
mod whisper;
mod windows;
mod words;
mod worker;

use std::path::{Path, PathBuf};
use std::time::Duration;

use actors::ports::{Device, LoadFailure, ModelFacts};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::warn;

pub use model_file::{ModelFileError, ModelHeader};
pub use process::{BadVadModel, ProcessEngine, Silero};
pub use silero::run_vad_worker;
pub use thread::ThreadEngine;
pub use whisper::WhisperCore;
pub use worker::run_worker;

use model_file::ChecksumError;

/// Keeps what this process frees in a heap that can be given back when the model goes. For the start
/// of the service: an unloaded one should be small again.
pub fn share_one_heap() {
    whisper::share_one_heap();
}

/// Which model to load and how to run it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineConfig {
    pub model_path: PathBuf,
    /// The name that clients see.
    pub model_id: String,
    /// Threads of one chunk. 0: all cores but one.
    pub threads: usize,
    /// Chunks that are transcribed at the same time, each with buffers of its own: for the estimate
    /// of the memory needed.
    pub concurrent_chunks: usize,
    /// Takes effect in a build for GPUs, where one is found.
    pub use_gpu: bool,
    /// Counts from 0, GPUs only.
    pub gpu_device: u32,
    /// On a GPU only, where chunks are faster with it and take less memory; on a CPU they are slower.
    pub flash_attn: bool,
    /// The most private memory that the engine's process may use. `None`: no limit.
    pub memory_limit_bytes: Option<u64>,
    /// An engine's process that says nothing of a load or a chunk for longer hangs.
    pub longest_silence: Duration,
    pub decode: DecodeConfig,
}

impl EngineConfig {
    /// The defaults for a model: CPU or the first GPU, threads by the machine, no memory limit.
    pub fn new(model_path: impl Into<PathBuf>, model_id: impl Into<String>) -> Self {
        Self {
            model_path: model_path.into(),
            model_id: model_id.into(),
            threads: 0,
            concurrent_chunks: 1,
            use_gpu: true,
            gpu_device: 0,
            flash_attn: true,
            memory_limit_bytes: None,
            longest_silence: Duration::from_secs(600),
            decode: DecodeConfig::default(),
        }
    }

    /// With decoding settings that the engine can use; a warning is logged for each one that it cannot.
    fn usable(self) -> Self {
        Self { decode: self.decode.usable(), ..self }
    }

    /// The GPU backend that a load will use if it finds a GPU: "cuda", "hip", "metal" or "vulkan".
    pub fn gpu_backend(&self) -> Option<&'static str> {
        compiled_gpu_backend().filter(|_| self.use_gpu)
    }

    fn flash_attn_on(&self, device: &Device) -> bool {
        self.flash_attn && device.backend != "cpu"
    }

    /// A model that was to be on a GPU and is not takes many times as long: whoever runs the service should know why.
    fn warn_without_gpu(&self, device: &Device) {
        if self.gpu_backend().is_some() && device.backend == "cpu" {
            warn!(
                gpu_device = self.gpu_device,
                "no such GPU, or no driver for it: the model runs on the CPU"
            );
        }
    }

    /// Leaves one core to the rest of the machine: a graph's threads wait for each other by
    /// spinning, and a single busy neighbour on the last core slows all of them down.
    fn thread_count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1)).max(1),
            threads => threads.min(MOST_THREADS),
        }
    }
}

/// ggml's own limit.
const MOST_THREADS: usize = 512;

/// How tokens are chosen, and when a decoding counts as failed and is tried at a higher temperature.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DecodeConfig {
    /// Nats. A decoding of more than 32 tokens whose last 32 have less entropy failed: it is a loop.
    pub entropy_thold: f32,
    /// Nats. A chunk that says the same over and over, and whose last 64 tokens have less entropy, is decoded again,
    /// and flagged if that does not help. 0: never.
    pub loop_entropy: f32,
    /// Mean natural logarithm of the tokens' probabilities below which a decoding failed.
    pub logprob_thold: f32,
    /// 0 to 1. A segment is doubted whose window is silent with more than this probability and that the model is not
    /// sure of. English-only models without a prompt leave such a window out themselves.
    pub no_speech_thold: f32,
    /// Above 1: beam search at temperature 0. At most 8.
    pub beam_size: u32,
    /// Samples to choose from at temperatures above 0. 1 to 8.
    pub best_of: u32,
    /// How much hotter the next try is after a failed one; 0: no other try.
    pub temperature_inc: f32,
    /// Never write symbols and notes that nobody speaks.
    pub suppress_non_speech: bool,
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self {
            entropy_thold: ENTROPY_THOLD,
            loop_entropy: 3.5,
            logprob_thold: -1.0,
            no_speech_thold: 0.6,
            beam_size: 1,
            best_of: 5,
            temperature_inc: 0.2,
            suppress_non_speech: false,
        }
    }
}

const ENTROPY_THOLD: f32 = 2.4;
/// The entropy of 32 tokens is ln 32 = 3.466 at the very most, so a threshold near it fails every
/// decoding of more: all six temperatures run, and the last one's text is taken unseen.
const HIGHEST_ENTROPY_THOLD: f32 = 3.465_736 - 0.1;
/// whisper.cpp's limit.
const MOST_DECODERS: u32 = 8;

impl DecodeConfig {
    /// The values as the engine can use them; a warning is logged for each one that it cannot.
    fn usable(self) -> Self {
        let mut usable = self;
        if self.entropy_thold.is_nan() || self.entropy_thold > HIGHEST_ENTROPY_THOLD {
            warn!(
                entropy_thold = self.entropy_thold,
                used = ENTROPY_THOLD,
                "decode.entropy_thold is too high, using the default: 32 tokens have ln 32 = 3.47 nats at most, so a \
                 threshold near that fails every decoding; loops of long phrases are what decode.loop_entropy is for"
            );
            usable.entropy_thold = ENTROPY_THOLD;
        }
        for (name, decoders) in [("beam_size", &mut usable.beam_size), ("best_of", &mut usable.best_of)] {
            if !(1..=MOST_DECODERS).contains(decoders) {
                let used = (*decoders).clamp(1, MOST_DECODERS);
                warn!(setting = name, value = *decoders, used, "out of the engine's range");
                *decoders = used;
            }
        }
        usable
    }

    /// Decoders that run at the same time at most.
    fn decoders(&self) -> u32 {
        self.beam_size.max(self.best_of).clamp(1, MOST_DECODERS)
    }
}

/// What is known of a model before it is loaded.
fn describe(config: &EngineConfig) -> ModelFacts {
    let header = ModelHeader::read(&config.model_path).ok();
    let device = expected_device(config);
    ModelFacts {
        id: config.model_id.clone(),
        path: config.model_path.display().to_string(),
        bytes: header.as_ref().map(|header| header.bytes),
        multilingual: header.as_ref().map(ModelHeader::multilingual),
        fingerprint: header.map(|header| fingerprint(&header, config, &device)).unwrap_or_default(),
        device,
        holder: None,
    }
}

/// Of the file, by its shape, size and time, and of what decides over text: settings, and the kind of device.
fn fingerprint(header: &ModelHeader, config: &EngineConfig, device: &Device) -> String {
    let modified = std::fs::metadata(header.weights_path()).and_then(|file| file.modified()).ok();
    let device = (device.backend.as_str(), config.flash_attn_on(device));
    let ModelHeader { path: _, format, bytes, shape, weight_type, tensors } = header;
    let all = format!(
        "{ENGINE} {format} {bytes} {shape:?} {weight_type:?} {tensors} {modified:?} {:?} {device:?}",
        config.decode
    );
    Sha256::digest(all).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Goes up whenever the same chunk may have another transcript than before.
const ENGINE: &str = "whisper.cpp 1.8.3, 5";

/// Where a load would go by this build and the settings; only a load finds out whether it does.
fn expected_device(config: &EngineConfig) -> Device {
    match config.gpu_backend() {
        Some(backend) => Device { backend: backend.into(), name: format!("GPU {}", config.gpu_device) },
        None => Device { backend: "cpu".into(), name: cpu_name() },
    }
}

/// The GPU backend of this build, the one that ggml would prefer.
fn compiled_gpu_backend() -> Option<&'static str> {
    [
        (cfg!(feature = "cuda"), "cuda"),
        (cfg!(feature = "hipblas"), "hip"),
        (cfg!(feature = "metal"), "metal"),
        (cfg!(feature = "vulkan"), "vulkan"),
    ]
    .into_iter()
    .find_map(|(compiled, backend)| compiled.then_some(backend))
}

fn cpu_name() -> String {
    std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            line.split_once(':').map(|(_, name)| name.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

impl From<ModelFileError> for LoadFailure {
    fn from(error: ModelFileError) -> Self {
        LoadFailure::Broken { code: error.code(), message: error.to_string() }
    }
}

impl From<ChecksumError> for LoadFailure {
    fn from(error: ChecksumError) -> Self {
        match error {
            ChecksumError::GivenUp => LoadFailure::Cancelled,
            ChecksumError::File(error) => error.into(),
        }
    }
}

/// The model file's name without "ggml-" and ".bin", as models are known by.
pub fn model_id_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.strip_prefix("ggml-").map(str::to_owned).unwrap_or(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entropy_threshold_that_fails_everything_is_replaced() {
        let with =
            |entropy_thold| DecodeConfig { entropy_thold, ..DecodeConfig::default() }.usable().entropy_thold;
        assert_eq!((with(3.5), with(f32::NAN), with(2.8)), (2.4, 2.4, 2.8));
        // Up to ln 32 - 0.1 = 3.3657 there are decodings that pass.
        assert_eq!((with(3.365), with(3.366)), (3.365, 2.4));
    }

    #[test]
    fn no_more_decoders_are_asked_for_than_the_engine_has() {
        let asked = DecodeConfig { beam_size: 99, best_of: 0, ..DecodeConfig::default() }.usable();
        assert_eq!((asked.beam_size, asked.best_of), (8, 1));
    }

    #[test]
    fn a_missing_file_is_described_as_unknown() {
        let facts = describe(&EngineConfig::new("/no/such/model.bin", "none"));
        assert_eq!((facts.bytes, facts.multilingual, facts.holder), (None, None, None));
    }

    #[test]
    fn models_are_called_by_their_files() {
        assert_eq!(model_id_of(Path::new("/models/ggml-base.en.bin")), "base.en");
    }
}
