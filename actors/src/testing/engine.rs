//! An engine that follows a test's script.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::model::lifecycle::Failure;
use crate::domain::transcript::{ChunkTranscript, Segment};
use crate::ports::{
    Batch, CancelToken, ChunkAudio, Device, Engine, EngineExit, EngineFault, Holder, LoadFailure,
    LoadedModel, MemoryProbe, MemoryReading, ModelFacts, OnExit,
};

/// A chunk with this prompt always ends the engine's process, whatever the script says.
pub const POISON: &str = "poison";
/// How often a blocked fake checks whether it may continue.
const LOOK: Duration = Duration::from_millis(1);

/// What happens at one load, or at one chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scripted {
    Succeed,
    /// Blocks until [`FakeEngine::open`] or until it is cancelled or unloaded.
    Block,
    /// Blocks until [`FakeEngine::open`], deaf to anyone.
    BlockDeaf,
    OutOfMemory,
    Broken,
    /// There is no file, for loads.
    Missing,
    /// Its file is being downloaded, for loads.
    Pulling,
    Panic,
    /// Only for chunks: the engine's process ends.
    Exit,
}

/// Follows a script for loads and one for chunks; past the script's end everything succeeds.
/// Several are made of one, and share its scripts.
pub struct FakeEngine {
    shared: Arc<Shared>,
    model: &'static str,
}

impl Default for FakeEngine {
    fn default() -> Self {
        Self { shared: Arc::default(), model: "fake" }
    }
}

#[derive(Default)]
struct Shared {
    loads: Mutex<VecDeque<Scripted>>,
    chunks: Mutex<VecDeque<Scripted>>,
    begun_loads: watch::Sender<usize>,
    begun_chunks: watch::Sender<usize>,
    prompts: Mutex<Vec<Option<String>>>,
    in_flight: AtomicUsize,
    poisoned: Mutex<Vec<usize>>,
    unloads: AtomicUsize,
    /// How many blocked steps may continue.
    gate: AtomicU64,
    /// The model that is loaded.
    live: Mutex<Option<Arc<Life>>>,
    /// Loads that succeeded although a model was there.
    overlaps: AtomicUsize,
}

/// A loaded model, until it is unloaded or exits.
struct Life {
    over: AtomicBool,
    /// The result of the chunks that were running at its end.
    cause: OnceLock<EngineFault>,
    on_exit: Mutex<Option<OnExit>>,
}

struct FakeModel {
    model: &'static str,
    shared: Arc<Shared>,
    life: Arc<Life>,
}

/// A chunk less when it is over, by a panic too.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeEngine {
    /// The engine of another model on the same device.
    pub fn another(&self, model: &'static str) -> Self {
        Self { shared: self.shared.clone(), model }
    }

    pub fn script_loads(self, script: impl IntoIterator<Item = Scripted>) -> Self {
        lock(&self.shared.loads).extend(script);
        self
    }

    pub fn script_chunks(self, script: impl IntoIterator<Item = Scripted>) -> Self {
        lock(&self.shared.chunks).extend(script);
        self
    }

    pub fn next_load(&self, step: Scripted) {
        lock(&self.shared.loads).push_back(step);
    }

    pub fn next_chunk(&self, step: Scripted) {
        lock(&self.shared.chunks).push_back(step);
    }

    /// Unblocks one step.
    pub fn open(&self) {
        self.shared.gate.fetch_add(1, Ordering::SeqCst);
    }

    /// From now on everything succeeds, and what is blocked continues.
    pub fn behave(&self) {
        lock(&self.shared.loads).clear();
        lock(&self.shared.chunks).clear();
        self.shared.gate.store(u64::MAX / 2, Ordering::SeqCst);
    }

    /// Ends the loaded model's process from outside. Whether there was one.
    pub fn kill(&self) -> bool {
        let live = lock(&self.shared.live).clone();
        live.is_some_and(|life| self.shared.exit(&life, EngineFault::Killed))
    }

    /// Whether a model is in memory.
    pub fn is_loaded(&self) -> bool {
        lock(&self.shared.live).is_some()
    }

    /// How often a second model was loaded beside the first.
    pub fn overlaps(&self) -> usize {
        self.shared.overlaps.load(Ordering::SeqCst)
    }

    pub fn loads(&self) -> usize {
        *self.shared.begun_loads.borrow()
    }

    /// Waits until the engine itself is in the middle of its `count`th load.
    pub async fn until_load(&self, count: usize) {
        // The sender is in `self`: it cannot be dropped.
        let _ = self.shared.begun_loads.subscribe().wait_for(|begun| *begun >= count).await;
    }

    /// Waits until the engine itself is in the middle of its `count`th chunk.
    pub async fn until_chunk(&self, count: usize) {
        // The sender is in `self`: it cannot be dropped.
        let _ = self.shared.begun_chunks.subscribe().wait_for(|begun| *begun >= count).await;
    }

    pub fn chunks(&self) -> usize {
        *self.shared.begun_chunks.borrow()
    }

    /// The text before that was given to each chunk.
    pub fn prompts(&self) -> Vec<Option<String>> {
        lock(&self.shared.prompts).clone()
    }

    /// Of each poisoned chunk, how many others were in the engine with it.
    pub fn poisoned(&self) -> Vec<usize> {
        lock(&self.shared.poisoned).clone()
    }

    pub fn unloads(&self) -> usize {
        self.shared.unloads.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Waits for the gate; `false` when `keep_going` returns false.
    fn pass(&self, keep_going: &dyn Fn() -> bool) -> bool {
        loop {
            let open = self.gate.try_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            if open.is_ok() {
                return true;
            }
            if !keep_going() {
                return false;
            }
            thread::sleep(LOOK);
        }
    }

    fn next_chunk(&self, prompt: Option<&str>, others: usize) -> Scripted {
        if prompt == Some(POISON) {
            lock(&self.poisoned).push(others);
            return Scripted::Exit;
        }
        lock(&self.chunks).pop_front().unwrap_or(Scripted::Succeed)
    }

    fn begin(&self, on_exit: OnExit) -> Arc<Life> {
        let life = Arc::new(Life {
            over: AtomicBool::new(false),
            cause: OnceLock::new(),
            on_exit: Mutex::new(Some(on_exit)),
        });
        if lock(&self.live).replace(life.clone()).is_some() {
            self.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        life
    }

    /// Whether it was alive until now.
    fn end(&self, life: &Arc<Life>) -> bool {
        let was_alive = !life.over.swap(true, Ordering::SeqCst);
        let mut live = lock(&self.live);
        if live.as_ref().is_some_and(|live| Arc::ptr_eq(live, life)) {
            *live = None;
        }
        was_alive
    }

    /// Reports the exit before any chunk fails, as an engine must.
    fn exit(&self, life: &Arc<Life>, cause: EngineFault) -> bool {
        // The caller that ends it for that reason gives no other.
        let _ = life.cause.set(cause);
        if let Some(on_exit) = lock(&life.on_exit).take() {
            on_exit(EngineExit::Crashed);
        }
        self.end(life)
    }
}

/// Without the report on stderr: the panic is scripted.
fn panic_quietly() -> ! {
    std::panic::resume_unwind(Box::new("scripted"))
}

fn facts(model: &str) -> ModelFacts {
    ModelFacts {
        id: model.into(),
        path: format!("/{model}.bin"),
        bytes: Some(1),
        multilingual: Some(true),
        fingerprint: model.into(),
        backend: "fake".into(),
        batch_size: 1,
        device: Device { backend: "cpu".into(), name: "fake".into() },
        holder: None,
        unusable: None,
    }
}

impl Engine for FakeEngine {
    fn describe(&self) -> ModelFacts {
        facts(self.model)
    }

    fn load(
        &self,
        keep_going: &dyn Fn() -> bool,
        on_exit: OnExit,
    ) -> Result<Arc<dyn LoadedModel>, LoadFailure> {
        let shared = &self.shared;
        let step = lock(&shared.loads).pop_front().unwrap_or(Scripted::Succeed);
        shared.begun_loads.send_modify(|n| *n += 1);
        match step {
            Scripted::Block if !shared.pass(keep_going) => return Err(LoadFailure::Cancelled),
            Scripted::BlockDeaf => drop(shared.pass(&|| true)),
            Scripted::OutOfMemory => {
                return Err(LoadFailure::OutOfMemory { needed_bytes: 100, free_bytes: 10 });
            }
            Scripted::Broken => {
                return Err(LoadFailure::Broken { code: "model_corrupt", message: "scripted".into() });
            }
            Scripted::Pulling => {
                return Err(LoadFailure::Broken { code: Failure::MODEL_PULLING, message: "scripted".into() });
            }
            Scripted::Missing => {
                return Err(LoadFailure::Broken { code: "model_not_found", message: "scripted".into() });
            }
            Scripted::Panic => panic_quietly(),
            Scripted::Succeed | Scripted::Block | Scripted::Exit => {}
        }
        Ok(Arc::new(FakeModel { model: self.model, shared: shared.clone(), life: shared.begin(on_exit) }))
    }
}

impl LoadedModel for FakeModel {
    fn facts(&self) -> ModelFacts {
        facts(self.model)
    }

    fn transcribe(
        &self,
        batch: &Batch,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(f32),
    ) -> Result<Vec<ChunkTranscript>, EngineFault> {
        let shared = &self.shared;
        let is_over = || self.life.over.load(Ordering::SeqCst);
        let exited = || Err(self.life.cause.get().cloned().unwrap_or(EngineFault::Unloaded));
        if is_over() {
            return Err(EngineFault::Unloaded);
        }
        let others = shared.in_flight.fetch_add(1, Ordering::SeqCst);
        let _in_flight = InFlight(&shared.in_flight);
        let step = shared.next_chunk(batch.prompt.as_deref(), others);
        lock(&shared.prompts).push(batch.prompt.clone());
        shared.begun_chunks.send_modify(|n| *n += 1);
        progress(0.5);
        match step {
            Scripted::Block if !shared.pass(&|| !cancel.is_cancelled() && !is_over()) => {
                return if is_over() { exited() } else { Err(EngineFault::Cancelled) };
            }
            Scripted::BlockDeaf => drop(shared.pass(&|| true)),
            Scripted::OutOfMemory => {
                return Err(EngineFault::OutOfMemory { needed_bytes: 100, free_bytes: 10 });
            }
            Scripted::Broken | Scripted::Missing | Scripted::Pulling => {
                return Err(EngineFault::Refused { message: "scripted".into() });
            }
            Scripted::Panic => panic_quietly(),
            Scripted::Exit => {
                shared.exit(&self.life, EngineFault::Exited { detail: "scripted".into() });
                return exited();
            }
            Scripted::Succeed | Scripted::Block => {}
        }
        Ok(batch
            .chunks
            .iter()
            .map(|chunk| ChunkTranscript {
                language: "en".parse().ok().or(batch.language),
                language_probability: batch.language.is_none().then_some(0.75),
                segments: vec![segment(self.model, chunk)],
                redecodes: 0,
            })
            .collect())
    }

    fn unload(&self) {
        lock(&self.life.on_exit).take();
        // Unless it has one.
        let _ = self.life.cause.set(EngineFault::Unloaded);
        self.shared.end(&self.life);
        self.shared.unloads.fetch_add(1, Ordering::SeqCst);
    }
}

/// Says how long the chunk was and, unless it was the usual model, which one decoded it.
fn segment(model: &str, chunk: &ChunkAudio) -> Segment {
    let by = if model == "fake" { String::new() } else { format!(" by {model}") };
    let text = format!(" {} samples{by}.", chunk.samples.len());
    Segment::new(0.0, 1.0, text)
}

/// A device with as much free memory as a test says.
#[derive(Default)]
pub struct FakeProbe {
    pub free_bytes: AtomicU64,
}

impl MemoryProbe for FakeProbe {
    fn read(&self, _: Option<Holder>) -> MemoryReading {
        let free_bytes = self.free_bytes.load(Ordering::SeqCst);
        MemoryReading { total_bytes: 1_000, unused_bytes: free_bytes, free_bytes, ..MemoryReading::default() }
    }
}
