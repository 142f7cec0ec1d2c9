//! How much memory a model will need, before it was ever loaded.

use crate::compute_type::ComputeType;
use crate::engine::config::{BackendKind, EngineConfig};
use crate::engine::model_file::{Format, ModelHeader, Shape};

/// whisper.cpp pads the positions of its caches to this.
const CACHE_PADDING: u64 = 256;
/// Caches hold keys and values, both in f16.
const CACHE_BYTES_PER_NUMBER: u64 = 2 * 2;
/// Room for the logits of a whole context of tokens: reserved for each chunk, used for one row.
const LOGIT_BYTES: u64 = 4;
/// The tables of a chunk's four graph schedulers, which are hardly touched.
const SCHEDULER_BYTES: u64 = 4 * (82_743_296 + 21_073_920);
/// With CUDA on an H100, with all that the engine's libraries set up there. On smaller cards it is less.
const GPU_CONTEXT_BYTES: u64 = 550_000_000;
/// Stacks of the engine's threads, and what a load has allocated at its height and not used yet.
const OTHER_UNTOUCHED_BYTES: u64 = 32 << 20;

/// Bytes that a load and the work after it will take of the device's memory: the weights, what a process takes
/// in any case, and the chunks. Within a tenth of what was measured on published shapes.
pub(in crate::engine) fn needed_bytes(header: &ModelHeader, config: &EngineConfig) -> u64 {
    if config.backend_for(header) == BackendKind::CTranslate2 {
        return CTranslate2::of(header, config).needed();
    }
    needed_on(&Rest::of(config), header, config)
}

/// Of those what chunks take while they are worked on, as many as there may be at a time: caches and buffers.
pub(super) fn chunks_bytes(header: &ModelHeader, config: &EngineConfig) -> u64 {
    if config.backend_for(header) == BackendKind::CTranslate2 {
        return CTranslate2::of(header, config).windows;
    }
    chunks_on(&Rest::of(config), header, config)
}

/// And what of a GPU's memory a process takes before it reads the model, its context there: no more than this.
pub(in crate::engine) fn context_bytes(config: &EngineConfig) -> u64 {
    config.gpu_backend().map_or(0, |_| GPU_CONTEXT_BYTES)
}

fn needed_on(rest: &Rest, header: &ModelHeader, config: &EngineConfig) -> u64 {
    header.bytes + rest.process + chunks_on(rest, header, config)
}

fn chunks_on(rest: &Rest, header: &ModelHeader, config: &EngineConfig) -> u64 {
    let shape = &header.shape;
    let (width, layers) = (number(shape.width), number(shape.decoder_layers));
    let audio = number(shape.audio_context).next_multiple_of(CACHE_PADDING);
    let text = number(shape.text_context).next_multiple_of(CACHE_PADDING);
    let self_cache = CACHE_BYTES_PER_NUMBER * layers * text * width;
    let cross_cache = CACHE_BYTES_PER_NUMBER * layers * audio * width;
    let flash_padding = CACHE_BYTES_PER_NUMBER * audio * width;
    // Several decoders share one cache of n + 2 times the size.
    let decoders = u64::from(config.decode.decoders());
    let self_caches = if decoders > 1 { decoders + 2 } else { 1 };
    let buffers = rest.buffers + rest.buffers_per_width * width;
    let chunk = self_cache * self_caches + cross_cache + flash_padding + buffers;
    chunk * config.concurrent_chunks.max(1) as u64
}

/// What CTranslate2 takes, in bytes.
struct CTranslate2 {
    process: u64,
    /// Of the loaded weights.
    weights: u64,
    /// The memory of a load beside them.
    reading: u64,
    /// Of all windows that may be encoded at a time.
    windows: u64,
}

/// Measured with base in int8: 97 MB loaded, 283 MB at the height of a load from a folder and with one or two windows, 495 MB
/// with 4 and 748 MB with 8.
impl CTranslate2 {
    const PROCESS: u64 = 50_000_000;
    /// Whether `cmake/ctranslate2` is part of the build.
    const ATTENDS_IN_BLOCKS: bool =
        cfg!(all(target_os = "linux", target_arch = "x86_64", not(feature = "cuda")));

    fn of(header: &ModelHeader, config: &EngineConfig) -> Self {
        let numbers = numbers(&header.shape);
        let on_gpu = config.gpu_backend().is_some();
        let weights = match config.compute_type {
            ComputeType::Float32 => numbers * 4,
            ComputeType::Float16 | ComputeType::Bfloat16 | ComputeType::Int16 => numbers * 2,
            ComputeType::Auto if on_gpu => numbers * 2,
            // Scales, and what stays in floats.
            ComputeType::Auto | ComputeType::Int8 | ComputeType::Int8Float32 | ComputeType::Int8Float16 => {
                numbers * 13 / 10
            }
        };
        let windows = config.windows_together(&header.shape, on_gpu);
        let positions = number(header.shape.audio_context);
        let window = match Self::ATTENDS_IN_BLOCKS {
            // What a layer of the encoder computes, and the keys and values of each layer of the decoder, in floats.
            true => {
                positions * number(header.shape.width) * 4 * (14 + 2 * number(header.shape.decoder_layers))
            }
            // The attention of one layer, in floats, and what is computed from it.
            false => number(header.shape.heads) * positions * positions * 4 * 13 / 10,
        };
        Self {
            process: Self::PROCESS + context_bytes(config),
            weights,
            reading: match header.format {
                // The converted file, and the library's copy of it.
                Format::Ggml => numbers * 2 * 2,
                Format::CTranslate2 => numbers * 2,
            },
            windows: window * windows as u64 * config.concurrent_chunks.max(1) as u64,
        }
    }

    fn needed(&self) -> u64 {
        self.process + self.weights + self.reading.max(self.windows)
    }
}

/// Numbers of a shape are not negative: the model file's check refuses others.
fn number(n: i32) -> u64 {
    u64::from(n.unsigned_abs())
}

/// Weights of a model of this shape.
fn numbers(shape: &Shape) -> u64 {
    let width = number(shape.width);
    let embedded = number(shape.vocabulary) + number(shape.audio_context) + number(shape.text_context);
    let convolutions = 3 * (number(shape.mel_bands) + width);
    let layers = 12 * number(shape.encoder_layers) + 16 * number(shape.decoder_layers);
    width * (embedded + convolutions + layers * width)
}

/// What does not follow from the model's shape alone: straight lines through what was measured at several widths.
struct Rest {
    process: u64,
    /// Of each chunk.
    buffers: u64,
    buffers_per_width: u64,
}

impl Rest {
    /// Pages that are touched, of the bundled model and full-size tiny, base and small.
    const CPU: Self = Self { process: 6_000_000, buffers: 40_000_000, buffers_per_width: 278_000 };
    /// What the driver says of full-size tiny to large with CUDA on an H100.
    const GPU: Self = Self { process: GPU_CONTEXT_BYTES, buffers: 194_000_000, buffers_per_width: 264_500 };
    const GPU_WITH_FLASH_ATTENTION: Self =
        Self { process: GPU_CONTEXT_BYTES + 66_000_000, buffers: 174_000_000, buffers_per_width: 87_000 };

    fn of(config: &EngineConfig) -> Self {
        match (config.gpu_backend(), config.flash_attn) {
            (None, _) => Self::CPU,
            (Some(_), false) => Self::GPU,
            (Some(_), true) => Self::GPU_WITH_FLASH_ATTENTION,
        }
    }
}

/// Bytes that the engine's process maps and does not use. A limit of the kernel on private memory counts
/// them like any other, so they come on top of what the process may use. Under a limit of what it has
/// touched after a load (72 MB for the bundled model) it loads; a few MB more, and a chunk runs.
pub(in crate::engine) fn untouched_bytes(header: &ModelHeader, config: &EngineConfig) -> u64 {
    if config.backend_for(header) == BackendKind::CTranslate2 {
        return OTHER_UNTOUCHED_BYTES;
    }
    let logits = LOGIT_BYTES * number(header.shape.vocabulary) * number(header.shape.text_context);
    (SCHEDULER_BYTES + logits) * config.concurrent_chunks.max(1) as u64 + OTHER_UNTOUCHED_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::config::BackendChoice;
    use crate::engine::model_file::WeightType;

    fn model(bytes: u64, width: i32, decoder_layers: i32) -> ModelHeader {
        let shape = Shape {
            vocabulary: 51_865,
            audio_context: 1500,
            text_context: 448,
            width,
            heads: width / 64,
            encoder_layers: decoder_layers,
            decoder_layers,
            mel_bands: 80,
        };
        let (path, format, weight_type) = ("model.bin".into(), Format::Ggml, WeightType::F16);
        ModelHeader { path, format, bytes, shape, weight_type, tensors: 0 }
    }

    /// Width, layers, weights, and the most memory of the device that the engine's process had in a job, the latter
    /// two in MB.
    type Measured = (i32, i32, u64, u64);

    fn is_followed(rest: &Rest, all: &[Measured]) {
        let mut config = EngineConfig::new("model.bin", "model");
        config.decode.best_of = 1;
        for (width, layers, weights, measured) in all {
            let measured = measured * 1_000_000;
            let estimated = needed_on(rest, &model(weights * 1_000_000, *width, *layers), &config);
            assert!(
                estimated.abs_diff(measured) < measured / 10,
                "width {width}: {estimated} for {measured}"
            );
        }
    }

    #[test]
    fn the_estimate_follows_what_was_measured() {
        is_followed(
            &Rest::CPU,
            &[(128, 3, 10, 97), (384, 4, 78, 243), (512, 6, 148, 367), (768, 12, 488, 826)],
        );
        is_followed(
            &Rest::GPU,
            &[
                (384, 4, 78, 937),
                (512, 6, 148, 1055),
                (768, 12, 488, 1514),
                (1024, 24, 1534, 2756),
                (1280, 32, 3095, 4521),
            ],
        );
        is_followed(
            &Rest::GPU_WITH_FLASH_ATTENTION,
            &[
                (384, 4, 78, 914),
                (512, 6, 148, 1011),
                (768, 12, 488, 1424),
                (1024, 24, 1534, 2619),
                (1280, 32, 3095, 4339),
            ],
        );
    }

    #[test]
    fn the_estimate_of_ctranslate2_follows_what_was_measured() {
        let base = ModelHeader { format: Format::CTranslate2, ..model(148_000_000, 512, 6) };
        let measured = match CTranslate2::ATTENDS_IN_BLOCKS {
            true => [283, 283, 495, 748],
            false => [265, 367, 580, 917],
        };
        for (batch_size, measured) in [1, 2, 4, 8].into_iter().zip(measured) {
            let config = EngineConfig { batch_size, ..EngineConfig::new("base", "base") };
            let estimated = CTranslate2::of(&base, &config).needed();
            let measured = measured * 1_000_000u64;
            assert!(estimated.abs_diff(measured) < measured / 8, "{batch_size}: {estimated} for {measured}");
        }
    }

    #[test]
    fn every_concurrent_chunk_needs_a_state_of_its_own() {
        let one =
            EngineConfig { backend: BackendChoice::WhisperCpp, ..EngineConfig::new("model.bin", "model") };
        let two = EngineConfig { concurrent_chunks: 2, ..one.clone() };
        let model = model(77_000_000, 384, 4);
        assert!(needed_bytes(&model, &two) > needed_bytes(&model, &one) + 150_000_000);
        assert!(untouched_bytes(&model, &two) > untouched_bytes(&model, &one) + 500_000_000);
    }
}
