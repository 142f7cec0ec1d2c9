//! The engine's own process: loads one model, transcribes what it is sent, and ends with its parent.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use actors::domain::transcript::ChunkTranscript;
use actors::ports::{Batch, EngineFault, LoadFailure};
use tracing::Level;

use super::child::LOG_ENVIRONMENT;
use super::protocol::{self, FromWorker, ReceiveError, ToWorker, VERSION};
use crate::engine::EngineConfig;
use crate::engine::backends::whisper_cpp::{
    echo_trouble_to_stderr, exit_now, give_back_freed_memory, keep_freed_memory,
};
use crate::engine::core::EngineCore;
use crate::engine::memory::estimate;
use crate::engine::model_file::ModelHeader;

/// The prompt's tokeniser recurses along a word.
const STACK_BYTES: usize = 4 << 20;
/// The least time between two messages about the progress of a chunk.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// A chunk that gets no further, because it is decoded again, says that it is alive at least this often.
const SIGN_OF_LIFE_INTERVAL: Duration = Duration::from_secs(30);
/// Freed memory is kept this long for the next chunks: the kernel would have to clear all of it again (docs/BENCHMARKS.md).
const MEMORY_KEPT: Duration = Duration::from_secs(1);
/// As sysexits.h has them.
const EXIT_SOFTWARE: i32 = 70;
const EXIT_PROTOCOL: i32 = 76;

/// Serves the process that started this one, over stdin and stdout, until it closes stdin or
/// exits; then ends at once, whatever is being computed. A panic in any thread ends it too.
///
/// # Blocking
/// Until the end.
pub fn run_worker() -> ExitCode {
    let replies = match take_stdout() {
        Ok(replies) => replies,
        Err(error) => {
            eprintln!("stdout cannot be used for replies: {error}");
            return ExitCode::FAILURE;
        }
    };
    end_on_panic();
    log_to_stderr();
    echo_trouble_to_stderr();
    let worker = Arc::new(Worker {
        replies: Mutex::new(replies),
        state: Mutex::new(State::Empty),
        started: Condvar::new(),
    });
    worker.reply(&FromWorker::Hello { version: VERSION, pid: std::process::id() });
    let mut requests = BufReader::with_capacity(64 << 10, io::stdin());
    loop {
        match protocol::receive(&mut requests) {
            Ok(request) => worker.serve(request),
            Err(ReceiveError::Closed) => exit_now(0),
            Err(error @ ReceiveError::Garbled(_)) => {
                eprintln!("{error}");
                exit_now(EXIT_PROTOCOL);
            }
        }
    }
}

/// Keeps stdout for the protocol alone: what a library prints goes to stderr from now on.
pub(in crate::engine) fn take_stdout() -> io::Result<File> {
    use std::os::fd::AsFd;
    let replies = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(File::from(replies))
}

/// Logs to stderr if the parent asks for that.
fn log_to_stderr() {
    if std::env::var_os(LOG_ENVIRONMENT).is_none() {
        return;
    }
    let lines = tracing_subscriber::fmt().with_max_level(Level::DEBUG).with_ansi(false).without_time();
    // Two loggers in one process are the only failure; the first one stays.
    drop(lines.with_writer(io::stderr).try_init());
}

/// A thread that panicked leaves a chunk without an answer: better no process than that.
fn end_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        exit_now(EXIT_SOFTWARE);
    }));
}

struct Worker {
    replies: Mutex<File>,
    state: Mutex<State>,
    /// Chunks were started.
    started: Condvar,
}

enum State {
    Empty,
    Loading,
    Loaded { core: Arc<EngineCore>, running: HashMap<u64, Arc<AtomicBool>> },
}

impl Worker {
    fn serve(self: &Arc<Self>, request: ToWorker) {
        match request {
            ToWorker::Load { config, needed_bytes } => self.start_loading(*config, needed_bytes),
            ToWorker::Transcribe { id, batch } => self.start_chunk(id, batch),
            ToWorker::Cancel { id } => self.cancel(id),
        }
    }

    /// On a thread of its own, so that the end of stdin is seen meanwhile.
    fn start_loading(self: &Arc<Self>, config: EngineConfig, needed_bytes: u64) {
        if !matches!(std::mem::replace(&mut *self.state(), State::Loading), State::Empty) {
            eprintln!("a second model was sent");
            exit_now(EXIT_PROTOCOL);
        }
        let worker = Arc::clone(self);
        spawn("engine-load", move || worker.load(&config, needed_bytes));
    }

    fn load(&self, config: &EngineConfig, needed_bytes: u64) {
        use_large_pages(false);
        let loaded = ModelHeader::read(&config.model_path).map_err(LoadFailure::from).and_then(|header| {
            if let Some(bytes) = config.memory_limit_bytes {
                limit_memory(bytes.saturating_add(estimate::untouched_bytes(&header, config)));
            }
            EngineCore::load(config, header, needed_bytes, &AtomicBool::new(false))
        });
        use_large_pages(true);
        keep_freed_memory();
        match loaded {
            Ok(core) => {
                let facts = core.facts();
                *self.state() = State::Loaded { core: Arc::new(core), running: HashMap::new() };
                self.reply(&FromWorker::Loaded(facts));
            }
            Err(failure) => self.reply(&FromWorker::LoadFailed(failure.into())),
        }
    }

    fn start_chunk(self: &Arc<Self>, id: u64, batch: Batch) {
        let abort = Arc::new(AtomicBool::new(false));
        let core = match &mut *self.state() {
            State::Loaded { core, running } => {
                running.insert(id, Arc::clone(&abort));
                self.started.notify_all();
                Arc::clone(core)
            }
            State::Empty | State::Loading => {
                eprintln!("a chunk was sent before the model");
                exit_now(EXIT_PROTOCOL);
            }
        };
        let worker = Arc::clone(self);
        spawn("engine-chunk", move || {
            let result = worker.transcribe(&core, id, &batch, &abort);
            worker.finish(&core, id, result);
        });
    }

    fn transcribe(
        &self,
        core: &EngineCore,
        id: u64,
        batch: &Batch,
        abort: &AtomicBool,
    ) -> Result<Vec<ChunkTranscript>, EngineFault> {
        let last: Mutex<Option<(Instant, f32)>> = Mutex::new(None);
        core.transcribe(batch, abort, &|fraction| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let due = last.is_none_or(|(at, sent)| {
                let wait = if fraction > sent { PROGRESS_INTERVAL } else { SIGN_OF_LIFE_INTERVAL };
                at.elapsed() >= wait
            });
            if due {
                *last = Some((Instant::now(), fraction));
                self.reply(&FromWorker::Progress { id, fraction });
            }
        })
    }

    /// Answers, and ends the process when the engine is not to be trusted any more.
    fn finish(&self, core: &EngineCore, id: u64, result: Result<Vec<ChunkTranscript>, EngineFault>) {
        if let State::Loaded { running, .. } = &mut *self.state() {
            running.remove(&id);
        }
        if let (true, Err(fault)) = (core.has_failed(), &result) {
            eprintln!("{fault}");
        }
        self.reply(&FromWorker::Done { id, result });
        if core.has_failed() {
            exit_now(EXIT_SOFTWARE);
        }
        self.give_back_memory_when_idle();
    }

    /// Gives freed memory back once nothing was started for [`MEMORY_KEPT`]. Where something was, its end does so.
    ///
    /// # Blocking
    /// For that long.
    fn give_back_memory_when_idle(&self) {
        let is_idle =
            |state: &mut State| matches!(state, State::Loaded { running, .. } if running.is_empty());
        let (state, waited) = self
            .started
            .wait_timeout_while(self.state(), MEMORY_KEPT, is_idle)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        if waited.timed_out() {
            give_back_freed_memory();
        }
    }

    fn cancel(&self, id: u64) {
        if let State::Loaded { running, .. } = &*self.state()
            && let Some(abort) = running.get(&id)
        {
            abort.store(true, Ordering::SeqCst);
        }
    }

    /// A closed pipe means that the parent has exited.
    fn reply(&self, message: &FromWorker) {
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        if protocol::send(&mut *replies, message).is_err() {
            exit_now(0);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    let builder = thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    if let Err(error) = builder.spawn(work) {
        eprintln!("no thread could be started: {error}");
        exit_now(EXIT_SOFTWARE);
    }
}

/// Limits private memory that can be written to, the kind that weights and buffers are. Not the address
/// space: GPU drivers reserve far more of it than they use.
#[cfg(target_os = "linux")]
fn limit_memory(bytes: u64) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    if let Err(error) = setrlimit(Resource::Data, limit) {
        eprintln!("the memory limit of {bytes} bytes cannot be set: {error}");
    }
}

/// Whether memory that is met for the first time comes in large pages, where the allocator asks for them. Chunks are
/// faster with them (engine time 0.93 of what it is without, full-size tiny); a load is not, and at times takes a
/// third longer until the machine has found as many.
#[cfg(target_os = "linux")]
fn use_large_pages(wanted: bool) {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(!wanted) {
        eprintln!("large pages stay as they are: {error}");
    }
}

#[cfg(not(target_os = "linux"))]
fn use_large_pages(_: bool) {}

#[cfg(not(target_os = "linux"))]
fn limit_memory(bytes: u64) {
    eprintln!("a memory limit ({bytes} bytes) takes effect on Linux only");
}
