//! The engine in a process of its own: what crashes there is an error here, and what it held is
//! given back when it ends.

pub(super) mod child;
mod client;
mod protocol;
pub(super) mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use actors::ports::{Engine, LoadFailure, LoadedModel, MemoryProbe, ModelFacts, OnExit};
use tracing::{info, warn};

use super::memory::ledger::Ledger;
use super::model_file::{ModelHeader, VerifiedFiles};
use super::{EngineConfig, describe};

use client::{Client, Startup};

/// Starts one process for every load; unloading ends it.
pub struct ProcessEngine {
    config: EngineConfig,
    /// The program whose hidden command is the engine process.
    program: PathBuf,
    verified: VerifiedFiles,
    ledger: Arc<Ledger>,
}

impl ProcessEngine {
    /// An engine whose process is this very program. `probe` reads the memory of the model's device.
    pub fn new(config: EngineConfig, probe: Arc<dyn MemoryProbe>) -> std::io::Result<Self> {
        Ok(Self::with_program(config, probe, std::env::current_exe()?))
    }

    /// An engine whose process is `program engine-worker`.
    pub fn with_program(config: EngineConfig, probe: Arc<dyn MemoryProbe>, program: PathBuf) -> Self {
        let config = config.usable();
        let ledger = Arc::new(Ledger::new(probe, config.clone()));
        Self { config, program, verified: VerifiedFiles::default(), ledger }
    }

    /// Starts a process, has it load the model, and gives up as soon as `keep_going` returns false.
    fn start(
        &self,
        header: &ModelHeader,
        keep_going: &dyn Fn() -> bool,
        on_exit: OnExit,
    ) -> Result<Arc<dyn LoadedModel>, LoadFailure> {
        self.ledger.fits(header, 0)?;
        let began = Instant::now();
        let started = Client::start(&self.program, &self.config, header, self.ledger.clone(), on_exit);
        let client = started.map_err(|error| {
            let message = format!("the engine process {} cannot be started: {error}", self.program.display());
            LoadFailure::Broken { code: "engine_crashed", message }
        })?;
        match client.wait_until_loaded(keep_going) {
            Startup::Loaded => {
                let load_ms = began.elapsed().as_millis() as u64;
                info!(engine.pid = client.pid(), load_ms, "model loaded by the engine process");
                self.config.warn_without_gpu(&client.facts().device);
                Ok(Arc::new(client))
            }
            Startup::Failed(LoadFailure::OutOfMemory { .. }) => Err(self.ledger.ran_out(header).into()),
            Startup::Failed(failure) => Err(failure),
            Startup::GivenUp => Err(LoadFailure::Cancelled),
            Startup::Hung => {
                let message = format!(
                    "the engine said nothing for {} s while it loaded {}, and was killed: raise [engine] hang_secs for a \
                     slow disk, or look after the device's driver",
                    self.config.longest_silence.as_secs(),
                    header.path.display()
                );
                warn!(engine.pid = client.pid(), message);
                Err(LoadFailure::Broken { code: "engine_crashed", message })
            }
            Startup::Exited(end) => {
                warn!(%end, "engine process exited during the load");
                // The file passed the checks. A kill from outside during a load is taken for a shortage of memory.
                if end.for_lack_of_memory() || end.killed() || self.ledger.is_tight(header) {
                    return Err(self.ledger.ran_out(header).into());
                }
                let message =
                    format!("the engine process exited while it loaded {}: {end}", header.path.display());
                Err(LoadFailure::Broken { code: "engine_crashed", message })
            }
        }
    }
}

impl Engine for ProcessEngine {
    fn describe(&self) -> ModelFacts {
        describe(&self.config)
    }

    fn load(
        &self,
        keep_going: &dyn Fn() -> bool,
        on_exit: OnExit,
    ) -> Result<Arc<dyn LoadedModel>, LoadFailure> {
        if !keep_going() {
            return Err(LoadFailure::Cancelled);
        }
        let header = self.verified.verify(&self.config.model_path, keep_going)?;
        self.start(&header, keep_going, on_exit)
    }
}
