//! The service's end of the pipes: one engine process from its start to its end.

use std::collections::HashMap;
use std::io::BufReader;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use actors::domain::transcript::ChunkTranscript;
use actors::ports::{
    Batch, CancelToken, EngineExit, EngineFault, Holder, LoadFailure, LoadedModel, ModelFacts, OnExit,
};
use tracing::{debug, warn};

use super::child::{self, End, OomKills, StderrTail};
use super::protocol::{self, COMMAND, FromWorker, ReceiveError, ToWorker, VERSION};
use crate::engine::backends::whisper_cpp::give_back_freed_memory;
use crate::engine::memory::ledger::{Ledger, Shortage};
use crate::engine::model_file::ModelHeader;
use crate::engine::{EngineConfig, describe};

/// How often flags are looked at while waiting.
const POLL: Duration = Duration::from_millis(20);
/// How long a process may take to end by itself once its stdin is closed. It does so at once unless
/// it is stopped.
const GRACE: Duration = Duration::from_secs(2);
/// How long the engine may continue with a cancelled chunk: a graph of a large model on few cores
/// takes seconds. After that its process is killed, which costs a load.
const CANCEL_GRACE: Duration = Duration::from_secs(10);

/// A running engine process. Dropping it ends the process too.
pub(super) struct Client {
    link: Arc<Link>,
    config: EngineConfig,
    startup: Mutex<Receiver<Startup>>,
    facts: Mutex<Option<ModelFacts>>,
    /// Ends when the process has ended and has been reaped.
    reader: Mutex<Option<JoinHandle<()>>>,
}

/// How a start ended.
pub(super) enum Startup {
    Loaded,
    Failed(LoadFailure),
    GivenUp,
    /// It sent nothing for too long.
    Hung,
    Exited(End),
}

/// What the reader and the callers share.
struct Link {
    pid: u32,
    child: Mutex<Child>,
    /// `None` once closed.
    stdin: Mutex<Option<ChildStdin>>,
    calls: Mutex<Calls>,
    words: StderrTail,
    oom_kills_before: OomKills,
    ledger: Arc<Ledger>,
    header: ModelHeader,
}

/// Chunks that wait for an answer.
#[derive(Default)]
struct Calls {
    next_id: u64,
    waiting: HashMap<u64, Sender<Reply>>,
    /// Set when nothing is answered any more.
    over: Option<Over>,
    /// Why the process is about to end: this reason stays when something else ends it meanwhile.
    cause: Option<Over>,
    loaded: Option<ModelFacts>,
    on_exit: Option<OnExit>,
}

impl Calls {
    /// From now on every call fails; those that wait see the end of their channel.
    fn stop_answering(&mut self, why: Over) {
        let why = self.cause.take().unwrap_or(why);
        self.over.get_or_insert(why);
        self.waiting.clear();
        self.on_exit = None;
    }
}

#[derive(Clone)]
enum Over {
    /// It was asked to end.
    Asked,
    Exited(End, EngineExit),
    /// It did not answer, and was killed for that.
    Hung,
}

impl Over {
    /// The result of a chunk that was running.
    fn fault(&self) -> EngineFault {
        match self {
            Over::Asked => EngineFault::Unloaded,
            Over::Exited(end, EngineExit::Crashed) if end.killed() => EngineFault::Killed,
            Over::Exited(end, EngineExit::Crashed) => EngineFault::Exited { detail: end.to_string() },
            Over::Hung => EngineFault::Exited { detail: "it hung and was killed".into() },
            Over::Exited(_, EngineExit::OutOfMemory { needed_bytes, free_bytes }) => {
                EngineFault::OutOfMemory { needed_bytes: *needed_bytes, free_bytes: *free_bytes }
            }
        }
    }
}

enum Reply {
    Progress(f32),
    Done(Result<Vec<ChunkTranscript>, EngineFault>),
}

impl Client {
    /// Starts the process and asks it to load the model.
    pub(super) fn start(
        program: &Path,
        config: &EngineConfig,
        header: &ModelHeader,
        ledger: Arc<Ledger>,
        on_exit: OnExit,
    ) -> std::io::Result<Self> {
        let oom_kills_before = OomKills::now();
        let needed_bytes = ledger.needed_bytes(header);
        let mut child = child::spawn(program, [COMMAND.as_ref()])?;
        let (pid, stdin, stdout, stderr) =
            (child.id(), child.stdin.take(), child.stdout.take(), child.stderr.take());
        let link = Arc::new(Link {
            pid,
            child: Mutex::new(child),
            stdin: Mutex::new(stdin),
            calls: Mutex::new(Calls { on_exit: Some(on_exit), ..Calls::default() }),
            words: StderrTail::default(),
            oom_kills_before,
            ledger,
            header: header.clone(),
        });
        let (report, startup) = mpsc::channel();
        let started = stderr.zip(stdout).ok_or_else(|| std::io::Error::other("no pipes")).and_then(
            |(stderr, stdout)| {
                let listener = link.words.listen(pid, stderr)?;
                let shared = Arc::clone(&link);
                thread::Builder::new()
                    .name("engine-replies".into())
                    .spawn(move || shared.read(stdout, listener, &report))
            },
        );
        match started {
            Ok(reader) => {
                // The reader finds a process that has exited already.
                drop(link.send(&ToWorker::Load { config: Box::new(config.clone()), needed_bytes }));
                Ok(Self {
                    link,
                    config: config.clone(),
                    startup: Mutex::new(startup),
                    facts: Mutex::new(None),
                    reader: Mutex::new(Some(reader)),
                })
            }
            Err(error) => {
                link.kill();
                Err(error)
            }
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.link.pid
    }

    /// Waits until the model is ready or will not be. Unless it is, the process has exited when this
    /// returns.
    pub(super) fn wait_until_loaded(&self, keep_going: &dyn Fn() -> bool) -> Startup {
        let startup = self.startup.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        let outcome = loop {
            match startup.recv_timeout(POLL) {
                Ok(outcome) => break outcome,
                Err(RecvTimeoutError::Timeout) if !keep_going() => break Startup::GivenUp,
                Err(RecvTimeoutError::Timeout) if began.elapsed() > self.config.longest_silence => {
                    break Startup::Hung;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break Startup::Exited(self.link.ending(None)),
            }
        };
        match outcome {
            Startup::Loaded if keep_going() => {
                *self.facts() = self.link.calls().loaded.clone();
                self.learn();
                Startup::Loaded
            }
            Startup::Loaded | Startup::GivenUp => {
                self.end(Duration::ZERO);
                Startup::GivenUp
            }
            Startup::Failed(_) | Startup::Exited(_) | Startup::Hung => {
                self.end(Duration::ZERO);
                outcome
            }
        }
    }

    fn facts(&self) -> MutexGuard<'_, Option<ModelFacts>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self) {
        self.link.ledger.learn(&self.link.header, self.holder());
    }

    /// The process lives for the model alone.
    fn holder(&self) -> Holder {
        Holder { process: self.link.pid, before_bytes: 0 }
    }

    /// Ends the process and waits until it has exited and is reaped.
    fn end(&self, grace: Duration) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reader) = reader.take() else { return };
        self.link.calls().stop_answering(Over::Asked);
        self.link.close_stdin();
        let deadline = Instant::now() + grace;
        while !reader.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        if !reader.is_finished() {
            self.link.kill();
        }
        if reader.join().is_err() {
            warn!(engine.pid = self.link.pid, "the thread that reads the engine's replies panicked");
            self.link.kill();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.end(GRACE);
    }
}

impl LoadedModel for Client {
    fn facts(&self) -> ModelFacts {
        let running = self.link.calls().over.is_none();
        let mut facts = self.facts().clone().unwrap_or_else(|| describe(&self.config));
        facts.holder = running.then(|| self.holder());
        facts
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
        let (id, replies) = self.link.register()?;
        // A process that hangs reads nothing: writing to it may block for as long as it lives, which is
        // why this thread only waits, and sees to it that the process does not outlive its welcome.
        thread::scope(|writers| {
            let work = ToWorker::Transcribe { id, batch: batch.clone() };
            let sending = writers.spawn(move || self.link.send_or_end(&work));
            let mut last_reply = Instant::now();
            let (mut cancelled, mut is_sent) = (None, false);
            loop {
                match replies.recv_timeout(POLL) {
                    Ok(Reply::Progress(fraction)) => {
                        last_reply = Instant::now();
                        progress(fraction);
                    }
                    Ok(Reply::Done(result)) => return result,
                    Err(RecvTimeoutError::Disconnected) => return Err(self.link.fault()),
                    Err(RecvTimeoutError::Timeout) => {}
                }
                if cancelled.is_none() && cancel.is_cancelled() {
                    cancelled = Some(Instant::now());
                }
                // Not before the chunk itself: the engine cannot cancel a chunk that it does not have.
                if cancelled.is_some() && !is_sent && sending.is_finished() {
                    is_sent = true;
                    writers.spawn(|| self.link.send_or_end(&ToWorker::Cancel { id }));
                }
                if last_reply.elapsed() > self.config.longest_silence
                    || cancelled.is_some_and(|at| at.elapsed() > CANCEL_GRACE)
                {
                    warn!(engine.pid = self.link.pid, "engine does not respond; killing its process");
                    // The reader notices, and ends this wait.
                    self.link.calls().cause.get_or_insert(Over::Hung);
                    self.link.kill();
                    (last_reply, cancelled, is_sent) = (Instant::now(), Some(Instant::now()), true);
                }
            }
        })
    }

    fn unload(&self) {
        if self.link.is_at_rest() {
            self.learn();
        }
        self.end(GRACE);
        // The service's own: what samples and messages took while the model was there.
        give_back_freed_memory();
    }
}

impl Link {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&self) -> Result<(u64, Receiver<Reply>), EngineFault> {
        let mut calls = self.calls();
        if calls.over.is_some() {
            return Err(EngineFault::Unloaded);
        }
        let (reply, replies) = mpsc::channel();
        calls.next_id += 1;
        let id = calls.next_id;
        calls.waiting.insert(id, reply);
        Ok((id, replies))
    }

    /// # Blocking
    /// While the pipe is full.
    fn send(&self, message: &ToWorker) -> std::io::Result<()> {
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        match stdin.as_mut() {
            Some(stdin) => protocol::send(stdin, message),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Sends a message that must arrive. If it cannot be sent, the process is at its end, and the reader
    /// reports that to all callers.
    ///
    /// # Blocking
    /// While the pipe is full.
    fn send_or_end(&self, message: &ToWorker) {
        if self.send(message).is_err() {
            debug!(engine.pid = self.pid, "engine process closed its stdin");
        }
    }

    fn close_stdin(&self) {
        match self.stdin.try_lock() {
            Ok(mut stdin) => *stdin = None,
            Err(TryLockError::Poisoned(stdin)) => *stdin.into_inner() = None,
            // Another thread waits for a full pipe that the process does not read.
            Err(TryLockError::WouldBlock) => drop(self.kill()),
        }
    }

    /// Kills the process and reaps it; does nothing to one that has been reaped.
    fn kill(&self) -> Option<std::process::ExitStatus> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = child.kill() {
            debug!(engine.pid = self.pid, %error, "cannot kill the engine process");
        }
        child.wait().ok()
    }

    /// Whether it is there and works on no chunk.
    fn is_at_rest(&self) -> bool {
        let calls = self.calls();
        calls.over.is_none() && calls.waiting.is_empty()
    }

    fn fault(&self) -> EngineFault {
        self.calls().over.as_ref().map_or(EngineFault::Unloaded, Over::fault)
    }

    /// Passes on the process's messages until it exits, then reaps it and reports that to all callers.
    fn read(&self, stdout: ChildStdout, listener: JoinHandle<()>, startup: &Sender<Startup>) {
        let mut stdout = BufReader::with_capacity(64 << 10, stdout);
        loop {
            match protocol::receive(&mut stdout) {
                Ok(message) => {
                    if self.pass_on(message, startup).is_err() {
                        break;
                    }
                }
                Err(ReceiveError::Closed) => break,
                Err(error @ ReceiveError::Garbled(_)) => {
                    warn!(engine.pid = self.pid, %error, "the engine process does not speak the protocol");
                    break;
                }
            }
        }
        self.record_end(listener, startup);
    }

    /// A process without stdout is of no use: it has exited, or is killed now.
    fn record_end(&self, listener: JoinHandle<()>, startup: &Sender<Startup>) {
        let status = self.reap();
        drop(listener.join());
        let end = self.ending(status);
        let death = self.judge(&end);
        let mut calls = self.calls();
        // In one step: when a call fails, the model must not be reported as ready any more.
        if let (true, Some(on_exit)) = (calls.loaded.is_some(), calls.on_exit.take()) {
            warn!(engine.pid = self.pid, %end, "engine process exited");
            on_exit(death);
        }
        calls.stop_answering(Over::Exited(end.clone(), death));
        drop(calls);
        drop(startup.send(Startup::Exited(end)));
    }

    fn ending(&self, status: Option<std::process::ExitStatus>) -> End {
        self.words.ending(status, self.oom_kills_before)
    }

    fn judge(&self, end: &End) -> EngineExit {
        match end.for_lack_of_memory() {
            true => self.ledger.ran_out(&self.header).into(),
            false => EngineExit::Crashed,
        }
    }

    /// Adds the numbers of a shortage, which the engine's process does not have.
    fn complete(&self, fault: EngineFault) -> EngineFault {
        match fault {
            EngineFault::OutOfMemory { .. } => {
                let Shortage { needed_bytes, free_bytes } = self.ledger.ran_out(&self.header);
                EngineFault::OutOfMemory { needed_bytes, free_bytes }
            }
            EngineFault::Cancelled
            | EngineFault::Exited { .. }
            | EngineFault::Killed
            | EngineFault::Unloaded
            | EngineFault::Refused { .. } => fault,
        }
    }

    /// Its own end counts, if it is about to come to one.
    fn reap(&self) -> Option<std::process::ExitStatus> {
        let deadline = Instant::now() + GRACE;
        loop {
            let ended = self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
            match ended {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
                Ok(None) | Err(_) => return self.kill(),
            }
        }
    }

    /// An error means that the two ends do not understand each other.
    fn pass_on(&self, message: FromWorker, startup: &Sender<Startup>) -> Result<(), ()> {
        match message {
            FromWorker::Hello { version: VERSION, pid } => {
                debug!(engine.pid = pid, "engine process started");
            }
            FromWorker::Hello { version, pid: _ } => {
                warn!(version, expected = VERSION, "engine process has another version");
                return Err(());
            }
            FromWorker::Loaded(facts) => {
                self.calls().loaded = Some(facts);
                drop(startup.send(Startup::Loaded));
            }
            FromWorker::LoadFailed(failure) => drop(startup.send(Startup::Failed(failure.into()))),
            FromWorker::Progress { id, fraction } => {
                if let Some(call) = self.calls().waiting.get(&id) {
                    drop(call.send(Reply::Progress(fraction)));
                }
            }
            FromWorker::Done { id, result } => match result.map_err(|fault| self.complete(fault)) {
                // The process ends with that. All callers are notified then, in one step.
                Err(EngineFault::Exited { .. } | EngineFault::Unloaded) => {}
                result => {
                    if let Some(call) = self.calls().waiting.remove(&id) {
                        drop(call.send(Reply::Done(result)));
                    }
                }
            },
        }
        Ok(())
    }
}
