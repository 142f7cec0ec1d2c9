//! The engine in a process of its own: what crashes there is an error here, and what it held is
//! given back when it ends.

mod child;
mod client;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actors::ports::{Engine, LoadFailure, LoadedModel, MemoryProbe, ModelFacts};
use tracing::{info, warn};

use super::model_file::{ModelHeader, VerifiedFiles};
use super::{EngineConfig, describe, memory};

use client::{Client, Startup};

/// Starts one process for every load; unloading ends it.
pub struct ProcessEngine {
    config: EngineConfig,
    /// The program whose hidden command is the engine process.
    program: PathBuf,
    probe: Option<Arc<dyn MemoryProbe>>,
    verified: VerifiedFiles,
    /// The most memory that an engine process of this model ever had. 0: none has run yet.
    learnt_bytes: Arc<AtomicU64>,
}

impl ProcessEngine {
    /// An engine whose process is this very program.
    pub fn new(config: EngineConfig) -> std::io::Result<Self> {
        Ok(Self::with_program(config, std::env::current_exe()?))
    }

    /// An engine whose process is `program engine-worker`.
    pub fn with_program(config: EngineConfig, program: PathBuf) -> Self {
        let learnt_bytes = Arc::new(AtomicU64::new(0));
        Self { config, program, probe: None, verified: VerifiedFiles::default(), learnt_bytes }
    }

    /// Asks `probe` for the memory of the model's device, which is the machine's otherwise.
    pub fn with_memory_probe(mut self, probe: Arc<dyn MemoryProbe>) -> Self {
        self.probe = Some(probe);
        self
    }

    /// Starts a process, has it load the model, and gives up as soon as it is told to.
    fn start(
        &self,
        header: &ModelHeader,
        keep_going: &dyn Fn() -> bool,
        on_death: Box<dyn FnOnce() + Send>,
    ) -> Result<Arc<dyn LoadedModel>, LoadFailure> {
        let free_bytes = self.free_bytes();
        let needed_bytes = self.needed_bytes(header);
        if needed_bytes > free_bytes {
            return Err(LoadFailure::OutOfMemory { needed_bytes, free_bytes });
        }
        let began = Instant::now();
        let learnt = Arc::clone(&self.learnt_bytes);
        let client = Client::start(&self.program, &self.config, learnt, on_death).map_err(|error| {
            let message = format!("the engine process {} cannot be started: {error}", self.program.display());
            LoadFailure::Broken { code: "engine_crashed", message }
        })?;
        match client.wait_until_loaded(keep_going) {
            Startup::Loaded => {
                let load_ms = began.elapsed().as_millis() as u64;
                info!(engine.pid = client.pid(), load_ms, "engine process has loaded the model");
                Ok(Arc::new(client))
            }
            Startup::Failed(failure) => Err(failure),
            Startup::GivenUp => Err(LoadFailure::Cancelled),
            Startup::Died(end) => {
                warn!(%end, "the engine process died while it loaded the model");
                let short = self.config.memory_limit_bytes.is_some() || end.for_lack_of_memory();
                if short || self.free_bytes() < needed_bytes {
                    return Err(LoadFailure::OutOfMemory { needed_bytes, free_bytes });
                }
                let message = format!("the engine died while it loaded {}: {end}", header.path.display());
                Err(LoadFailure::Broken { code: "engine_crashed", message })
            }
        }
    }

    fn needed_bytes(&self, header: &ModelHeader) -> u64 {
        let estimate = memory::estimate(header, &self.config);
        match self.config.memory_limit_bytes {
            None => estimate.max(self.learnt_bytes.load(Ordering::Relaxed)),
            // The limit leaves out pages of files, which the peak has in it.
            Some(_) => estimate,
        }
    }

    /// What the engine may take: no more than is free, and no more than its limit.
    fn free_bytes(&self) -> u64 {
        let free = match &self.probe {
            Some(probe) => Some(probe.read(None).free_bytes),
            None => memory::available(),
        };
        free.unwrap_or(u64::MAX).min(self.config.memory_limit_bytes.unwrap_or(u64::MAX))
    }
}

impl Engine for ProcessEngine {
    fn describe(&self) -> ModelFacts {
        describe(&self.config)
    }

    fn load(
        &self,
        keep_going: &dyn Fn() -> bool,
        on_death: Box<dyn FnOnce() + Send>,
    ) -> Result<Arc<dyn LoadedModel>, LoadFailure> {
        if !keep_going() {
            return Err(LoadFailure::Cancelled);
        }
        let header = self.verified.verify(&self.config.model_path, keep_going)?;
        self.start(&header, keep_going, on_death)
    }
}
