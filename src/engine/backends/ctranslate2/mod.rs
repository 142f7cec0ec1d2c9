//! CTranslate2: its own model folders, and ggml files that are converted in memory.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use actors::domain::language::Language;
use actors::ports::{Device, EngineFault, LoadFailure};
use ct2rs::sys;
use dsp::LogMel;
use tracing::debug;

use super::{Aligned, Alignment, Backend, Hypothesis, LanguageProbabilities, Search, Start};
use crate::compute_type::ComputeType;
use crate::engine::config::EngineConfig;
use crate::engine::failure::{NO_MEMORY, broken, mentions_memory};
use crate::engine::model_file::convert::{self, Converted};
use crate::engine::model_file::{DecodingConfig, Format, ModelHeader, Vocabulary};

/// Seconds of one encoder position.
const POSITION_SECS: f64 = 0.02;
/// Median filter over the attention, in positions, as openai-whisper has it.
const MEDIAN_FILTER: i64 = 7;
/// The decoder's positions: half of them for the text.
const MAX_POSITIONS: usize = 448;

/// A loaded model.
pub(in crate::engine) struct CTranslate2 {
    model: sys::Whisper,
    vocabulary: Vocabulary,
    features: LogMel,
    bands: usize,
    device: Device,
    batch_size: usize,
    /// What is never written where non-speech tokens are allowed.
    special_tokens: Vec<i32>,
    failed: AtomicBool,
}

impl CTranslate2 {
    /// Loads the model that `header` was read from.
    ///
    /// # Blocking
    /// For as long as reading and quantising the weights takes.
    pub(in crate::engine) fn load(config: &EngineConfig, header: &ModelHeader) -> Result<Self, LoadFailure> {
        let vocabulary = Vocabulary::read(header)?;
        let on_gpu = config.use_gpu && cfg!(feature = "cuda") && sys::get_device_count(sys::Device::CUDA) > 0;
        let device = match on_gpu {
            true => Device { backend: "cuda".into(), name: format!("GPU {}", config.gpu_device) },
            false => Device { backend: "cpu".into(), name: crate::engine::cpu_name() },
        };
        let settings = sys::Config {
            device: if on_gpu { sys::Device::CUDA } else { sys::Device::CPU },
            compute_type: compute_type(config.compute_type, on_gpu),
            device_indices: vec![i32::try_from(config.gpu_device).unwrap_or(0) * i32::from(on_gpu)],
            num_threads_per_replica: config.thread_count(),
            ..sys::Config::default()
        };
        // A folder without word alignment or languages in its configuration is completed in memory.
        let is_complete =
            header.format == Format::CTranslate2 && DecodingConfig::read(header, &vocabulary)?.in_folder;
        let model = match is_complete {
            true => sys::Whisper::new(&header.path, settings),
            false => {
                let mut files =
                    sys::ModelMemoryReader::new("ggml").map_err(|error| refused(&header.path, &error))?;
                let Converted { model, config, vocabulary } = convert::to_ctranslate2(&header.path, header)?;
                files.register_file("model.bin", &model);
                drop(model);
                files.register_file("config.json", &config);
                files.register_file("vocabulary.json", &vocabulary);
                sys::Whisper::new_from_memory(&mut files, settings)
            }
        };
        let model = model.map_err(|error| refused(&header.path, &error))?;
        let bands = model.n_mels();
        let batch_size = config.windows_together(&header.shape, on_gpu);
        let special_tokens = [
            vocabulary.start_of_transcript(),
            vocabulary.translate(),
            vocabulary.transcribe(),
            vocabulary.start_of_previous(),
            vocabulary.no_speech(),
        ];
        let special_tokens =
            special_tokens.into_iter().filter_map(|token| i32::try_from(token).ok()).collect();
        Ok(Self {
            model,
            features: LogMel::new(bands),
            vocabulary,
            bands,
            device,
            batch_size,
            special_tokens,
            failed: AtomicBool::new(false),
        })
    }

    fn prompt(&self, start: &Start<'_>) -> Vec<&str> {
        let vocabulary = &self.vocabulary;
        let mut prompt = Vec::with_capacity(start.context.len() + 4);
        if !start.context.is_empty() {
            prompt.push(vocabulary.token_string(vocabulary.start_of_previous()));
            prompt.extend(start.context.iter().map(|token| vocabulary.token_string(*token)));
        }
        prompt.extend(start.tokens(vocabulary).into_iter().map(|token| vocabulary.token_string(token)));
        prompt
    }

    fn fault(&self, doing: &str, error: &anyhow::Error) -> EngineFault {
        let message = error.to_string();
        self.failed.store(true, Ordering::SeqCst);
        if mentions_memory(&message) {
            return EngineFault::OutOfMemory { needed_bytes: 0, free_bytes: 0 };
        }
        EngineFault::Exited { detail: format!("CTranslate2 failed while {doing}: {message}") }
    }
}

impl Backend for CTranslate2 {
    type Encoding = Encoding;

    // docs/QUALITY.md, "Beam search".
    const BEAM_SIZE: usize = 3;

    fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn encode(&self, windows: &[&[f32]], frames: usize, _: &AtomicBool) -> Result<Encoding, EngineFault> {
        let mut features = Vec::with_capacity(windows.len() * self.bands * frames);
        for samples in windows {
            self.features.append(samples, frames, &mut features);
        }
        let failed = |error| self.fault("encoding", &error);
        let shape = [windows.len(), self.bands, frames];
        let features = sys::StorageView::new(&shape, &mut features, sys::Device::CPU).map_err(failed)?;
        let output = self.model.encode(&features, false).map_err(failed)?;
        Ok(Encoding { output, windows: windows.len() })
    }

    fn languages(
        &self,
        encoding: &Encoding,
        _: &AtomicBool,
    ) -> Result<Vec<LanguageProbabilities>, EngineFault> {
        let windows = self
            .model
            .detect_language(&encoding.output)
            .map_err(|error| self.fault("detecting the language", &error))?;
        let of_window = |detected: Vec<sys::DetectionResult>| {
            detected
                .into_iter()
                .filter_map(|found| {
                    let code = found.language.trim_matches(['<', '|', '>']);
                    code.parse::<Language>().ok().map(|language| (language, found.probability))
                })
                .collect()
        };
        Ok(windows.into_iter().map(of_window).collect())
    }

    fn generate(
        &self,
        encoding: &Encoding,
        start: &Start<'_>,
        search: &Search,
        _: &AtomicBool,
    ) -> Result<Vec<Hypothesis>, EngineFault> {
        let prompt = self.prompt(start);
        let limit = search.token_limit;
        let samples = search.temperature > 0.0;
        let options = sys::WhisperOptions {
            beam_size: if samples { 1 } else { search.beam_size },
            num_hypotheses: if samples { search.best_of } else { 1 },
            sampling_topk: if samples { 0 } else { 1 },
            sampling_temperature: if samples { search.temperature } else { 1.0 },
            return_scores: true,
            return_no_speech_prob: true,
            // It allows half of this for the text, and no more than the prompt leaves.
            max_length: (2 * limit).max(limit + prompt.len()).min(MAX_POSITIONS),
            suppress_tokens: if search.suppress_non_speech { vec![-1] } else { self.special_tokens.clone() },
            ..sys::WhisperOptions::default()
        };
        let results = self
            .model
            .generate(&encoding.output, &vec![prompt; encoding.windows], &options)
            .map_err(|error| self.fault("generating", &error))?;
        Ok(results.into_iter().map(|result| hypothesis(result, limit)).collect())
    }

    fn align(
        &self,
        encoding: &Encoding,
        start: &Start<'_>,
        texts: &[Aligned<'_>],
        _: &AtomicBool,
    ) -> Result<Option<Vec<Alignment>>, EngineFault> {
        let start: Vec<usize> =
            start.tokens(&self.vocabulary).into_iter().map(|token| token as usize).collect();
        let tokens: Vec<Vec<usize>> =
            texts.iter().map(|text| text.tokens.iter().map(|token| *token as usize).collect()).collect();
        let frames: Vec<usize> = texts.iter().map(|text| text.frames.max(2)).collect();
        let results = self
            .model
            .align(&encoding.output, &start, &tokens, &frames, MEDIAN_FILTER)
            .map_err(|error| self.fault("aligning words", &error))?;
        Ok(Some(results.into_iter().zip(texts).map(|(result, text)| alignment(&result, text)).collect()))
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }
}

/// The encoder's output for some windows.
pub(in crate::engine) struct Encoding {
    output: sys::StorageView<'static>,
    windows: usize,
}

fn hypothesis(result: sys::WhisperGenerationResult, limit: usize) -> Hypothesis {
    let best =
        (0..result.scores.len()).max_by(|a, b| result.scores[*a].total_cmp(&result.scores[*b])).unwrap_or(0);
    let ids = result.sequences_ids.into_iter().nth(best).unwrap_or_default();
    let tokens: Vec<u32> = ids.into_iter().filter_map(|id| u32::try_from(id).ok()).collect();
    let length = tokens.len() as f32;
    // The library divides the sum, the end token's part included, by the number of tokens without it.
    let score = result.scores.get(best).copied().unwrap_or_default();
    Hypothesis {
        avg_logprob: score * length.max(1.0) / (length + 1.0),
        no_speech_prob: result.no_speech_prob,
        logprobs: None,
        limit_reached: tokens.len() + 1 >= limit,
        tokens,
    }
}

fn alignment(result: &sys::WhisperAlignmentResult, text: &Aligned<'_>) -> Alignment {
    let mut starts: Vec<f64> = Vec::with_capacity(text.tokens.len() + 1);
    for step in &result.alignments {
        // The path visits every token in order; its first position is the token's start.
        if step.token_x >= 0 && starts.len() as i64 == step.token_x {
            starts.push(step.frame_x as f64 * POSITION_SECS);
        }
    }
    let last = starts.last().copied().unwrap_or(0.0);
    starts.resize(text.tokens.len() + 1, last);
    Alignment { starts, probabilities: result.text_token_probs.clone() }
}

fn compute_type(asked: ComputeType, on_gpu: bool) -> sys::ComputeType {
    match asked {
        ComputeType::Auto if on_gpu => sys::ComputeType::FLOAT16,
        ComputeType::Auto | ComputeType::Int8 => sys::ComputeType::INT8,
        ComputeType::Int8Float32 => sys::ComputeType::INT8_FLOAT32,
        ComputeType::Int8Float16 => sys::ComputeType::INT8_FLOAT16,
        ComputeType::Int16 => sys::ComputeType::INT16,
        ComputeType::Float16 => sys::ComputeType::FLOAT16,
        ComputeType::Bfloat16 => sys::ComputeType::BFLOAT16,
        ComputeType::Float32 => sys::ComputeType::FLOAT32,
    }
}

fn refused(path: &Path, error: &anyhow::Error) -> LoadFailure {
    let message = error.to_string();
    debug!(message, "CTranslate2 does not load the model");
    if mentions_memory(&message) {
        return NO_MEMORY;
    }
    broken("model_corrupt", format!("CTranslate2 cannot load {}: {message}", path.display()))
}
