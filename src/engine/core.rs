//! A loaded model in this process: the core of both adapters.

use std::sync::atomic::AtomicBool;

use actors::domain::transcript::ChunkTranscript;
use actors::ports::{Batch, EngineFault, LoadFailure, ModelFacts};
use tracing::info;

use super::backends::Backend;
#[cfg(feature = "ctranslate2")]
use super::backends::ctranslate2::CTranslate2;
use super::backends::whisper_cpp::WhisperCpp;
use super::config::{BackendKind, EngineConfig};
use super::decode::Decoder;
use super::failure::{NO_MEMORY, broken};
use super::fingerprint;
use super::model_file::ModelHeader;

/// A loaded model that several threads may use at once: the same batch gives the same transcripts.
pub struct EngineCore {
    loaded: Loaded,
    header: ModelHeader,
    config: EngineConfig,
}

enum Loaded {
    #[cfg(feature = "ctranslate2")]
    CTranslate2(Decoder<CTranslate2>),
    WhisperCpp(Decoder<WhisperCpp>),
}

/// Evaluates `$body` with the decoder, whichever backend it has.
macro_rules! with_decoder {
    ($loaded:expr, $decoder:ident => $body:expr) => {
        match $loaded {
            #[cfg(feature = "ctranslate2")]
            Loaded::CTranslate2($decoder) => $body,
            Loaded::WhisperCpp($decoder) => $body,
        }
    };
}

impl EngineCore {
    /// Loads the file that `header` was read from and decodes a second of noise; a GPU with less than
    /// `needed_bytes` free is not tried. Setting `abort` ends this before or after the warm-up.
    ///
    /// # Blocking
    /// For as long as the load takes.
    pub fn load(
        config: &EngineConfig,
        header: ModelHeader,
        needed_bytes: u64,
        abort: &AtomicBool,
    ) -> Result<Self, LoadFailure> {
        let loaded = match config.backend_for(&header) {
            #[cfg(feature = "ctranslate2")]
            BackendKind::CTranslate2 => {
                Loaded::CTranslate2(Decoder::new(CTranslate2::load(config, &header)?, config.decode))
            }
            #[cfg(not(feature = "ctranslate2"))]
            BackendKind::CTranslate2 => {
                let message = format!(
                    "{} needs CTranslate2, which this build does not have: build with the feature ctranslate2, or set \
                     [model] path to a ggml file and [engine] backend to \"auto\"",
                    header.path.display()
                );
                return Err(broken("model_corrupt", message));
            }
            BackendKind::WhisperCpp => {
                header.check_whisper_cpp()?;
                Loaded::WhisperCpp(Decoder::new(
                    WhisperCpp::load(config, &header, needed_bytes)?,
                    config.decode,
                ))
            }
        };
        let core = Self { loaded, header, config: config.clone() };
        core.warm_up(abort)?;
        let facts = core.facts();
        info!(
            model = facts.id,
            backend = facts.backend,
            device = facts.device.backend,
            threads = config.thread_count(),
            "model loaded"
        );
        Ok(core)
    }

    pub fn facts(&self) -> ModelFacts {
        let (device, batch_size) = with_decoder!(&self.loaded, decoder => (decoder.backend().device().clone(), decoder.backend().batch_size()));
        ModelFacts {
            id: self.config.model_id.clone(),
            path: self.config.model_path.display().to_string(),
            bytes: Some(self.header.bytes),
            multilingual: Some(self.header.multilingual()),
            fingerprint: fingerprint(&self.header, &self.config, &device),
            backend: self.config.backend_for(&self.header).name().to_owned(),
            batch_size,
            device,
            holder: None,
            unusable: None,
        }
    }

    /// Transcribes the chunks of one batch. `progress` is called with the fraction done, from any thread. Setting
    /// `abort` ends it with [`EngineFault::Cancelled`]: within one graph with whisper.cpp, after the present encoding
    /// or text with CTranslate2.
    ///
    /// # Blocking
    /// For as long as the batch takes.
    pub fn transcribe(
        &self,
        batch: &Batch,
        abort: &AtomicBool,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<Vec<ChunkTranscript>, EngineFault> {
        with_decoder!(&self.loaded, decoder => decoder.transcribe(batch, abort, progress))
    }

    /// Whether the engine is not to be used any more.
    pub fn has_failed(&self) -> bool {
        with_decoder!(&self.loaded, decoder => decoder.backend().has_failed())
    }

    fn warm_up(&self, abort: &AtomicBool) -> Result<(), LoadFailure> {
        match with_decoder!(&self.loaded, decoder => decoder.warm_up(abort)) {
            Ok(()) => Ok(()),
            Err(EngineFault::Cancelled) => Err(LoadFailure::Cancelled),
            Err(EngineFault::OutOfMemory { .. }) => Err(NO_MEMORY),
            Err(
                fault @ (EngineFault::Exited { .. }
                | EngineFault::Killed
                | EngineFault::Unloaded
                | EngineFault::Refused { .. }),
            ) => Err(broken("engine_crashed", format!("the model does not run: {fault}"))),
        }
    }
}
