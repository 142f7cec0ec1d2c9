//! How much memory a model will need, and how much the machine has to give.

use std::fs;
use std::path::Path;

use super::EngineConfig;
use super::model_file::ModelHeader;

/// What a process of this program needs before it has loaded anything.
const PROCESS_BYTES: u64 = 16 << 20;
/// whisper.cpp pads the positions of its caches to this.
const CACHE_PADDING: u64 = 256;
/// Caches hold keys and values, both in f16.
const CACHE_BYTES_PER_NUMBER: u64 = 2 * 2;

/// Bytes that a load and the work after it will take: the weights, and for each concurrent chunk
/// its caches and compute buffers. Within a tenth of what was measured on published shapes.
pub(super) fn estimate(header: &ModelHeader, config: &EngineConfig) -> u64 {
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
    // A straight line through the published widths: 178 MB at 384, 355 MB at 1280.
    let compute = 102_000_000 + 200_000 * width;
    let state = self_cache * self_caches + cross_cache + flash_padding + compute;
    header.bytes + PROCESS_BYTES + state * config.concurrent_chunks.max(1) as u64
}

/// Bytes that can be allocated now without swapping, as the machine and this process's control
/// group have them. `None` where neither says.
pub(super) fn available() -> Option<u64> {
    [meminfo_available(), cgroup_available()].into_iter().flatten().min()
}

/// The most memory that a process had at any time.
pub(super) fn peak_of(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    kibibytes(&text, "VmHWM:")
}

fn meminfo_available() -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What the control group (v2) has left, page cache counted as free since it is given back.
fn cgroup_available() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = Path::new("/sys/fs/cgroup").join(group);
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let limit: u64 = read("memory.max")?.trim().parse().ok()?;
    let used: u64 = read("memory.current")?.trim().parse().ok()?;
    let cached = read("memory.stat")
        .and_then(|text| text.lines().find_map(|line| line.strip_prefix("inactive_file "))?.parse().ok())
        .unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(cached)))
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

    /// Weights and state in MB as whisper.cpp allocates them for one decoder.
    #[test]
    fn the_estimate_follows_what_was_measured() {
        let mut config = EngineConfig::new("model.bin", "model");
        config.decode.best_of = 1;
        for (width, layers, weights, state) in [
            (384, 4, 77, 193),
            (512, 6, 147, 231),
            (768, 12, 487, 334),
            (1024, 24, 1533, 512),
            (1280, 32, 3094, 699),
        ] {
            let measured = (weights + state) * 1_000_000;
            let estimated = estimate(&model(weights * 1_000_000, width, layers), &config);
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
        assert!(estimate(&model, &two) > estimate(&model, &one) + 190_000_000);
    }

    #[test]
    fn kernel_files_are_read_by_key() {
        let text = "MemTotal:  100 kB\nMemAvailable:    42 kB\n";
        assert_eq!(kibibytes(text, "MemAvailable:"), Some(42 * 1024));
        assert_eq!(kibibytes(text, "SwapFree:"), None);
        assert_eq!(kibibytes("MemAvailable: much kB", "MemAvailable:"), None);
    }
}
