//! How much memory a model will need, before it was ever loaded.

use super::model_file::ModelHeader;
use super::{EngineConfig, expected_device};

/// whisper.cpp pads the positions of its caches to this.
const CACHE_PADDING: u64 = 256;
/// Caches hold keys and values, both in f16.
const CACHE_BYTES_PER_NUMBER: u64 = 2 * 2;
/// Room for the logits of a whole context of tokens: reserved for each chunk, used for one row.
const LOGIT_BYTES: u64 = 4;
/// The tables of a chunk's four graph schedulers, which are hardly touched.
const SCHEDULER_BYTES: u64 = 4 * (82_743_296 + 21_073_920);
/// Stacks of the engine's threads, and what a load has allocated at its height and not used yet.
const OTHER_UNTOUCHED_BYTES: u64 = 32 << 20;

/// Bytes that a load and the work after it will take of the device's memory: the weights, and for each
/// concurrent chunk its caches and buffers. Within a tenth of what was measured on published shapes.
pub(super) fn needed_bytes(header: &ModelHeader, config: &EngineConfig) -> u64 {
    let shape = &header.shape;
    let number = |n: i32| u64::from(n.unsigned_abs());
    let (width, layers) = (number(shape.width), number(shape.decoder_layers));
    let audio = number(shape.audio_context).next_multiple_of(CACHE_PADDING);
    let text = number(shape.text_context).next_multiple_of(CACHE_PADDING);
    let self_cache = CACHE_BYTES_PER_NUMBER * layers * text * width;
    let cross_cache = CACHE_BYTES_PER_NUMBER * layers * audio * width;
    let flash_padding = CACHE_BYTES_PER_NUMBER * audio * width;
    // Several decoders share one cache of n + 2 times the size.
    let decoders = u64::from(config.decode.decoders());
    let self_caches = if decoders > 1 { decoders + 2 } else { 1 };
    let Rest { process, buffers } = Rest::on(&expected_device(config).backend, width);
    let state = self_cache * self_caches + cross_cache + flash_padding + buffers;
    header.bytes + process + state * config.concurrent_chunks.max(1) as u64
}

/// What does not follow from the model's shape alone.
struct Rest {
    process: u64,
    /// Of each chunk.
    buffers: u64,
}

impl Rest {
    /// Straight lines through what was measured at several widths.
    fn on(backend: &str, width: u64) -> Self {
        match backend {
            // Pages that are touched, of the bundled model and full-size tiny, base and small.
            "cpu" => Self { process: 6 << 20, buffers: 40_000_000 + 278_000 * width },
            // All that is allocated, and the driver's context, of which 0.4 GB is a common size.
            _ => Self { process: 400_000_000, buffers: 102_000_000 + 200_000 * width },
        }
    }
}

/// Bytes that the engine's process maps and does not use. A limit of the kernel on private memory counts
/// them like any other, so they come on top of what the process may use. Under a limit of what it has
/// touched after a load (72 MB for the bundled model) it loads; a few MB more, and a chunk runs.
pub(super) fn untouched_bytes(header: &ModelHeader, config: &EngineConfig) -> u64 {
    let number = |n: i32| u64::from(n.unsigned_abs());
    let logits = LOGIT_BYTES * number(header.shape.vocabulary) * number(header.shape.text_context);
    (SCHEDULER_BYTES + logits) * config.concurrent_chunks.max(1) as u64 + OTHER_UNTOUCHED_BYTES
}

#[cfg(test)]
mod tests {
    use super::super::model_file::{Shape, WeightType};
    use super::*;

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
        ModelHeader { path: "model.bin".into(), bytes, shape, weight_type: WeightType::F16, tensors: 0 }
    }

    /// Weights, and the most private memory that the engine's process had in a job, in MB.
    #[test]
    fn the_estimate_follows_what_was_measured() {
        let mut config = EngineConfig::new("model.bin", "model");
        config.decode.best_of = 1;
        for (width, layers, weights, measured) in
            [(128, 3, 10, 97), (384, 4, 78, 243), (512, 6, 148, 367), (768, 12, 488, 826)]
        {
            let measured = measured * 1_000_000;
            let estimated = needed_bytes(&model(weights * 1_000_000, width, layers), &config);
            assert!(
                estimated.abs_diff(measured) < measured / 10,
                "width {width}: {estimated} for {measured}"
            );
        }
    }

    #[test]
    fn every_concurrent_chunk_needs_a_state_of_its_own() {
        let one = EngineConfig::new("model.bin", "model");
        let two = EngineConfig { concurrent_chunks: 2, ..one.clone() };
        let model = model(77_000_000, 384, 4);
        assert!(needed_bytes(&model, &two) > needed_bytes(&model, &one) + 150_000_000);
        assert!(untouched_bytes(&model, &two) > untouched_bytes(&model, &one) + 500_000_000);
    }
}
