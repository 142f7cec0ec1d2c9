//! How the engine runs a model and how it decodes.

use std::path::PathBuf;
use std::time::Duration;

use actors::ports::Device;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::model_file::{Format, ModelHeader, Shape, WeightType};
use crate::compute_type::ComputeType;

/// Which model to load and how to run it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineConfig {
    /// A ggml file or a CTranslate2 folder.
    pub model_path: PathBuf,
    /// The name that clients see.
    pub model_id: String,
    pub backend: BackendChoice,
    /// Of CTranslate2. whisper.cpp computes with the file's own types.
    pub compute_type: ComputeType,
    /// Chunks of one job that are decoded together. 0: by the device.
    pub batch_size: usize,
    /// Threads of one batch. 0: all physical cores.
    pub threads: usize,
    /// Batches that are decoded at the same time, each with buffers of its own: for the estimate of the memory needed.
    pub concurrent_chunks: usize,
    /// Ignored in a build without GPU support, and where no GPU is found.
    pub use_gpu: bool,
    /// Counts from 0, GPUs only.
    pub gpu_device: u32,
    /// Of whisper.cpp.
    pub flash_attn: bool,
    /// The most private memory that the engine's process may use. `None`: no limit.
    pub memory_limit_bytes: Option<u64>,
    /// An engine's process that says nothing of a load or a batch for longer hangs.
    pub longest_silence: Duration,
    pub decode: DecodeConfig,
}

/// Which library runs the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackendChoice {
    /// The backend that was measured to be faster on the device.
    Auto,
    Ctranslate2,
    WhisperCpp,
}

/// The library that runs a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendKind {
    CTranslate2,
    WhisperCpp,
}

impl BackendKind {
    /// As in the log and in the model's status.
    pub fn name(self) -> &'static str {
        match self {
            Self::CTranslate2 => "ctranslate2",
            Self::WhisperCpp => "whisper_cpp",
        }
    }
}

impl EngineConfig {
    /// The defaults for a model: CPU or the first GPU, threads by the machine, no memory limit.
    pub fn new(model_path: impl Into<PathBuf>, model_id: impl Into<String>) -> Self {
        Self {
            model_path: model_path.into(),
            model_id: model_id.into(),
            backend: BackendChoice::Auto,
            compute_type: ComputeType::Auto,
            batch_size: 0,
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

    /// With decoding settings that the engine can use; a warning is logged for each other one.
    pub(super) fn usable(self) -> Self {
        Self { decode: self.decode.usable(), ..self }
    }

    /// The library for a model: with `auto` CTranslate2 on CPUs and with CUDA, whisper.cpp on other GPUs, in builds without
    /// CTranslate2 and for weights that cannot be converted.
    pub fn backend_for(&self, header: &ModelHeader) -> BackendKind {
        match (self.backend, header.format) {
            (BackendChoice::Ctranslate2, _) | (BackendChoice::Auto, Format::CTranslate2) => {
                BackendKind::CTranslate2
            }
            (BackendChoice::WhisperCpp, _) => BackendKind::WhisperCpp,
            (BackendChoice::Auto, Format::Ggml) => self.auto_backend(header.weight_type),
        }
    }

    fn auto_backend(&self, weights: WeightType) -> BackendKind {
        let on_its_device = matches!(self.gpu_backend(), None | Some("cuda"));
        match cfg!(feature = "ctranslate2") && on_its_device && weights.converts() {
            true => BackendKind::CTranslate2,
            false => BackendKind::WhisperCpp,
        }
    }

    /// Windows that CTranslate2 decodes together: 4 on a CPU, where more gain nothing, and one of a model so large that a
    /// batch would take minutes.
    pub(super) fn windows_together(&self, shape: &Shape, on_gpu: bool) -> usize {
        match self.batch_size {
            0 if on_gpu => 16,
            0 if shape.width <= WIDTH_OF_SMALL => 4,
            0 => 1,
            size => size,
        }
    }

    /// The GPU backend that a load will use if it finds a GPU: "cuda", "hip", "metal" or "vulkan".
    pub fn gpu_backend(&self) -> Option<&'static str> {
        compiled_gpu_backend().filter(|_| self.use_gpu)
    }

    /// A model that was to be on a GPU and is not takes many times as long.
    pub(super) fn warn_without_gpu(&self, device: &Device) {
        if self.gpu_backend().is_some() && device.backend == "cpu" {
            warn!(
                gpu_device = self.gpu_device,
                "no such GPU, or no driver for it: the model runs on the CPU"
            );
        }
    }

    pub(super) fn thread_count(&self) -> usize {
        match self.threads {
            // Hyper-threads of one core share what the encoder keeps busy. A container may have fewer cores than the machine.
            0 => num_cpus::get_physical()
                .min(std::thread::available_parallelism().map_or(1, usize::from))
                .max(1),
            threads => threads.min(MOST_THREADS),
        }
    }
}

const WIDTH_OF_SMALL: i32 = 768;

/// ggml's own limit.
const MOST_THREADS: usize = 512;

/// How tokens are chosen, and when a decoding counts as failed and is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DecodeConfig {
    /// Nats. A text of more than 32 tokens whose last 32 have less entropy is a loop.
    pub entropy_thold: f32,
    /// Nats. A text that repeats its phrases, and whose last 64 tokens have less entropy, is a loop. 0: never.
    pub loop_entropy: f32,
    /// Mean natural logarithm of the tokens' probabilities below which a text is decoded again.
    pub logprob_thold: f32,
    /// 0 to 1. A window with a higher no-speech probability, whose text is below `logprob_thold`, has no text.
    pub no_speech_thold: f32,
    /// Where voice activity detection found nothing, a text with a lower average log probability is doubtful.
    pub unvoiced_logprob_thold: f32,
    /// 0 to 1. A window with a higher no-speech probability over 30 s, whose text is doubtful, has no text.
    pub doubtful_no_speech_thold: f32,
    /// 0: as wide as the backend's default; 1: greedy; above: beam search at temperature 0. At most 8.
    pub beam_size: u32,
    /// Samples to choose from at temperatures above 0. 1 to 8.
    pub best_of: u32,
    /// Decodes of one window, the first included. 1: doubtful text is never decoded again.
    pub max_decodes: u32,
    /// Never write symbols and captions that are not speech.
    pub suppress_non_speech: bool,
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self {
            entropy_thold: ENTROPY_THOLD,
            loop_entropy: 3.5,
            logprob_thold: -1.0,
            no_speech_thold: 0.6,
            unvoiced_logprob_thold: -0.5,
            doubtful_no_speech_thold: 0.28,
            beam_size: 0,
            best_of: 5,
            max_decodes: 4,
            suppress_non_speech: true,
        }
    }
}

const ENTROPY_THOLD: f32 = 2.4;
/// The entropy of 32 tokens is ln 32 = 3.466 at the very most, so a threshold near it fails every
/// decoding of more.
const HIGHEST_ENTROPY_THOLD: f32 = 3.465_736 - 0.1;
/// whisper.cpp's limit.
const MOST_DECODERS: u32 = 8;

impl DecodeConfig {
    /// The values as the engine can use them; a warning is logged for each other one.
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
        for (name, decoders, least) in
            [("beam_size", &mut usable.beam_size, 0), ("best_of", &mut usable.best_of, 1)]
        {
            if !(least..=MOST_DECODERS).contains(decoders) {
                let used = (*decoders).clamp(least, MOST_DECODERS);
                warn!(setting = name, value = *decoders, used, "out of the engine's range");
                *decoders = used;
            }
        }
        usable
    }

    /// Decoders that run at the same time at most.
    pub(super) fn decoders(&self) -> u32 {
        self.beam_size.max(self.best_of).clamp(1, MOST_DECODERS)
    }
}

/// The GPU backend of this build that ggml prefers.
pub(super) fn compiled_gpu_backend() -> Option<&'static str> {
    [
        (cfg!(feature = "cuda"), "cuda"),
        (cfg!(feature = "hipblas"), "hip"),
        (cfg!(feature = "metal"), "metal"),
        (cfg!(feature = "vulkan"), "vulkan"),
    ]
    .into_iter()
    .find_map(|(compiled, backend)| compiled.then_some(backend))
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
}
