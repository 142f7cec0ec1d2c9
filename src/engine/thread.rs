//! The engine in this process, for platforms where a process of its own cannot be had. What crashes
//! whisper.cpp crashes the service.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use actors::domain::transcript::ChunkTranscript;
use actors::ports::{
    Batch, CancelToken, Engine, EngineExit, EngineFault, Holder, LoadFailure, LoadedModel, MemoryProbe,
    ModelFacts, OnExit,
};

use super::backends::whisper_cpp::give_back_freed_memory;
use super::core::EngineCore;
use super::memory::ledger::{Ledger, Shortage};
use super::model_file::{ModelHeader, VerifiedFiles};
use super::{EngineConfig, describe};

/// How often flags are looked at while waiting.
const POLL: Duration = Duration::from_millis(20);
/// The prompt's tokeniser recurses along a word.
const STACK_BYTES: usize = 4 << 20;

/// Loads into this process.
pub struct ThreadEngine {
    config: EngineConfig,
    verified: VerifiedFiles,
    ledger: Arc<Ledger>,
}

impl ThreadEngine {
    /// `probe` reads the memory of the model's device.
    pub fn new(config: EngineConfig, probe: Arc<dyn MemoryProbe>) -> Self {
        let config = config.usable();
        let ledger = Arc::new(Ledger::new(probe, config.clone()));
        Self { config, verified: VerifiedFiles::default(), ledger }
    }
}

impl Engine for ThreadEngine {
    fn describe(&self) -> ModelFacts {
        describe(&self.config)
    }

    /// Reading the weights cannot be interrupted: a load that is given up ends after it.
    fn load(
        &self,
        keep_going: &dyn Fn() -> bool,
        on_exit: OnExit,
    ) -> Result<Arc<dyn LoadedModel>, LoadFailure> {
        if !keep_going() {
            return Err(LoadFailure::Cancelled);
        }
        let header = self.verified.verify(&self.config.model_path, keep_going)?;
        let process = std::process::id();
        let holder = Holder { process, before_bytes: self.ledger.used_by(process) };
        self.ledger.fits(&header, holder.before_bytes)?;
        let needed_bytes = self.ledger.needed_bytes(&header);
        let abort = AtomicBool::new(false);
        let crashed = |message| LoadFailure::Broken { code: "engine_crashed", message };
        let load = || EngineCore::load(&self.config, header.clone(), needed_bytes, &abort);
        let loaded = beside(load, &mut || {
            if !keep_going() {
                abort.store(true, Ordering::SeqCst);
            }
        });
        let core = match loaded.map_err(crashed)? {
            Err(LoadFailure::OutOfMemory { .. }) => return Err(self.ledger.ran_out(&header).into()),
            core => core?,
        };
        if !keep_going() {
            drop(core);
            give_back_freed_memory();
            return Err(LoadFailure::Cancelled);
        }
        self.ledger.learn(&header, holder);
        self.config.warn_without_gpu(&core.facts().device);
        Ok(Arc::new(ThreadModel {
            facts: ModelFacts { holder: Some(holder), ..core.facts() },
            ledger: self.ledger.clone(),
            header,
            core: Mutex::new(Some(Arc::new(core))),
            unloading: AtomicBool::new(false),
            on_exit: Mutex::new(Some(on_exit)),
        }))
    }
}

struct ThreadModel {
    facts: ModelFacts,
    ledger: Arc<Ledger>,
    header: ModelHeader,
    /// `None` once unloaded. Chunks that run hold on to it.
    core: Mutex<Option<Arc<EngineCore>>>,
    unloading: AtomicBool,
    on_exit: Mutex<Option<OnExit>>,
}

impl ThreadModel {
    fn core(&self) -> MutexGuard<'_, Option<Arc<EngineCore>>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_on_exit(&self) -> Option<OnExit> {
        self.on_exit.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl LoadedModel for ThreadModel {
    fn facts(&self) -> ModelFacts {
        self.facts.clone()
    }

    fn transcribe(
        &self,
        batch: &Batch,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(f32),
    ) -> Result<Vec<ChunkTranscript>, EngineFault> {
        if cancel.is_cancelled() {
            return Err(EngineFault::Cancelled);
        }
        let Some(core) = self.core().clone() else {
            return Err(EngineFault::Unloaded);
        };
        let mut reported = -1.0;
        let (abort, fraction) = (AtomicBool::new(false), AtomicU32::new(f32::to_bits(reported)));
        let run =
            || core.transcribe(batch, &abort, &|done| fraction.store(done.to_bits(), Ordering::Relaxed));
        let result = beside(run, &mut || {
            if cancel.is_cancelled() || self.unloading.load(Ordering::SeqCst) {
                abort.store(true, Ordering::SeqCst);
            }
            let done = f32::from_bits(fraction.load(Ordering::Relaxed));
            if done > reported {
                reported = done;
                progress(done);
            }
        });
        let result = result.unwrap_or_else(|detail| Err(EngineFault::Exited { detail }));
        let (result, death) = match result {
            Err(EngineFault::Cancelled) if !cancel.is_cancelled() => {
                (Err(EngineFault::Unloaded), EngineExit::Crashed)
            }
            Err(EngineFault::OutOfMemory { .. }) => {
                let Shortage { needed_bytes, free_bytes } = self.ledger.ran_out(&self.header);
                let fault = EngineFault::OutOfMemory { needed_bytes, free_bytes };
                (Err(fault), EngineExit::OutOfMemory { needed_bytes, free_bytes })
            }
            result => (result, EngineExit::Crashed),
        };
        // The chunk that failed says so itself.
        if core.has_failed()
            && result != Err(EngineFault::Unloaded)
            && let Some(on_exit) = self.take_on_exit()
        {
            on_exit(death);
        }
        result
    }

    fn unload(&self) {
        self.unloading.store(true, Ordering::SeqCst);
        drop(self.take_on_exit());
        let Some(mut core) = self.core().take() else { return };
        // The memory is back when the last chunk has let go of the model.
        while let Err(shared) = Arc::try_unwrap(core) {
            core = shared;
            thread::sleep(Duration::from_millis(1));
        }
        give_back_freed_memory();
    }
}

/// Does `work` on a thread of its own and calls `meanwhile` every 20 ms until it is done, and once
/// more after that. The error is the panic's message.
fn beside<T: Send>(work: impl FnOnce() -> T + Send, meanwhile: &mut dyn FnMut()) -> Result<T, String> {
    thread::scope(|scope| {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let builder = thread::Builder::new().name("engine-chunk".into()).stack_size(STACK_BYTES);
        let thread = builder
            .spawn_scoped(scope, move || {
                let _done = done;
                work()
            })
            .map_err(|error| format!("no thread could be started: {error}"))?;
        // Disconnects when the thread ends, by a panic too.
        while wait.recv_timeout(POLL) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            meanwhile();
        }
        let result = thread.join().map_err(|panic| match panic.downcast::<String>() {
            Ok(message) => *message,
            Err(_) => "the engine's thread panicked".to_owned(),
        });
        meanwhile();
        result
    })
}
