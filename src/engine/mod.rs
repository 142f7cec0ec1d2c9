//! The engine: Whisper models run by CTranslate2 or whisper.cpp, in a process of their own or in this one, behind the
//! port [`actors::ports::Engine`].
//!
//! ```text
//! process (client) ──pipe── worker ── core ── decode ── backends      one process for the model: the default
//! thread ──────────────────────────── core ── decode ── backends      the same in this process
//! ```
//!
//! [`model_file`] stands before both: no library sees a file that has not passed it.

mod backends;
mod config;
mod core;
mod decode;
mod failure;
mod memory;
pub mod model_file;
mod process;
mod request;
mod thread;
mod vad;

use actors::domain::model::lifecycle::Failure;
use actors::ports::{Device, ModelFacts};
use sha2::{Digest, Sha256};

use crate::hex::hex;

pub use config::{BackendChoice, BackendKind, DecodeConfig, EngineConfig};
pub use model_file::{ModelFileError, ModelHeader};
pub use process::ProcessEngine;
pub use process::worker::run_worker;
pub use thread::ThreadEngine;
pub use vad::detector::{BadVadModel, Silero};
pub use vad::worker::run_vad_worker;

/// Samples a second of everything the engine is given.
const SAMPLE_RATE: usize = actors::domain::audio::SAMPLE_RATE as usize;
const _: () = assert!(dsp::SAMPLE_RATE == actors::domain::audio::SAMPLE_RATE);

/// Keeps what this process frees in a heap that can be given back when the model goes. For the start
/// of the service: an unloaded one should be small again.
pub fn share_one_heap() {
    backends::whisper_cpp::share_one_heap();
}

/// Bytes that a load of the model and the work after it are estimated to take of its device's memory.
///
/// # Errors
/// The model's file cannot be read.
pub fn needed_bytes(config: &EngineConfig) -> Result<u64, ModelFileError> {
    let header = ModelHeader::read(&config.model_path)?;
    Ok(memory::estimate::needed_bytes(&header, config))
}

/// What is known of a model before it is loaded.
fn describe(config: &EngineConfig) -> ModelFacts {
    let (header, unusable) = match ModelHeader::read(&config.model_path) {
        Ok(header) => (Some(header), None),
        Err(error) => (None, Some(Failure { code: error.code(), message: error.to_string() })),
    };
    let device = expected_device(config);
    let backend = header.as_ref().map_or("", |header| config.backend_for(header).name());
    ModelFacts {
        id: config.model_id.clone(),
        path: config.model_path.display().to_string(),
        bytes: header.as_ref().map(|header| header.bytes),
        multilingual: header.as_ref().map(ModelHeader::multilingual),
        fingerprint: header.map(|header| fingerprint(&header, config, &device)).unwrap_or_default(),
        backend: backend.to_owned(),
        batch_size: 1,
        device,
        holder: None,
        unusable,
    }
}

/// Of the file, by its shape, size and time, and of what decides over text: library, settings, and the kind of device.
fn fingerprint(header: &ModelHeader, config: &EngineConfig, device: &Device) -> String {
    let modified = std::fs::metadata(header.weights_path()).and_then(|file| file.modified()).ok();
    let ModelHeader { path: _, format, bytes, shape, weight_type, tensors } = header;
    let backend = config.backend_for(header).name();
    let computed = (device.backend.as_str(), config.flash_attn, config.compute_type, config.batch_size);
    let all = format!(
        "{ENGINE} {backend} {format} {bytes} {shape:?} {weight_type:?} {tensors} {modified:?} {:?} {computed:?}",
        config.decode
    );
    hex(Sha256::digest(all).iter().take(16))
}

/// Goes up whenever the same chunk may have another transcript than before.
const ENGINE: &str = "CTranslate2 4.8.4, whisper.cpp 1.8.3, 7";

/// Where a load would go by this build and the settings; only a load finds out whether it does.
fn expected_device(config: &EngineConfig) -> Device {
    match config.gpu_backend() {
        Some(backend) => Device { backend: backend.into(), name: format!("GPU {}", config.gpu_device) },
        None => Device { backend: "cpu".into(), name: cpu_name() },
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_described_as_unknown() {
        let facts = describe(&EngineConfig::new("/no/such/model.bin", "none"));
        assert_eq!((facts.bytes, facts.multilingual, facts.holder), (None, None, None));
        assert_eq!(facts.unusable.unwrap().code, "model_not_found");
    }
}
