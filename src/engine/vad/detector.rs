//! Silero's detector of voices behind its port: a process for each recording.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fmt, thread};

use actors::ports::{AudioError, CancelToken, VoiceDetector, VoiceListener};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::worker::{COMMAND, WINDOW};
use crate::engine::SAMPLE_RATE;
use crate::engine::process::child::{self, OomKills, StderrTail};
use crate::hex::hex;

/// Samples for one value of the port.
const FRAME: usize = 256;

/// Every file of this kind begins so: ggml's mark, and the length of the name that follows.
const BEGINNING: [u8; 8] = *b"lmgg\x0a\0\0\0";
const NAME: &[u8] = b"silero-16k";
/// No such model has ten times the weights of the known ones.
const MOST_BYTES: u64 = 16 << 20;
/// Samples of silence for a trial: a quarter of a second, which fits into the pipe whether or not anyone reads it.
const TRIED: usize = SAMPLE_RATE / 4;
/// A process that takes no sample and gives no answer for so long hangs. Between two samples it processes up to five minutes
/// of a recording, which takes about a second on a quiet machine.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// A Silero model in whisper.cpp's format that has been tried.
pub struct Silero {
    /// The program whose hidden command is the process.
    program: PathBuf,
    model: PathBuf,
    /// SHA-256 of the file, its beginning, in hexadecimal.
    digest: String,
    idle_limit: Duration,
}

/// Why a file is not a Silero model.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "audio.vad_model: {} {reason}: name a Silero model in ggml format, or leave it empty for the built-in detector",
    path.display()
)]
pub struct BadVadModel {
    pub path: PathBuf,
    pub reason: String,
}

impl Silero {
    /// Looks at the file and runs it on some silence in a process of this very program.
    ///
    /// # Blocking
    /// Until that is done: a few tens of milliseconds.
    pub fn open(model: PathBuf) -> Result<Self, BadVadModel> {
        match std::env::current_exe() {
            Ok(program) => Self::with_program(model, program, IDLE_LIMIT),
            Err(error) => Err(BadVadModel { path: model, reason: format!("cannot be tried: {error}") }),
        }
    }

    /// The same with another program's processes; over a recording each is ended once it has not moved for so long.
    pub fn with_program(model: PathBuf, program: PathBuf, idle_limit: Duration) -> Result<Self, BadVadModel> {
        let opened = inspect(&model).and_then(|digest| {
            let silero = Self { program, model: model.clone(), digest, idle_limit };
            silero.try_out()?;
            Ok(silero)
        });
        opened.map_err(|reason| BadVadModel { path: model, reason })
    }

    fn try_out(&self) -> Result<(), String> {
        let trial = self.start(IDLE_LIMIT, CancelToken::default()).and_then(|mut process| {
            process.send(&[0.0; TRIED])?;
            process.probabilities()
        });
        trial.map(drop).map_err(|error| format!("does not run: {error}"))
    }

    fn start(&self, idle_limit: Duration, cancel: CancelToken) -> io::Result<Process> {
        let before = OomKills::now();
        let mut child = child::spawn(&self.program, [COMMAND.as_ref(), self.model.as_os_str()])?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (input, blocks) = mpsc::sync_channel(1);
        let (taken, written) = mpsc::sync_channel(1);
        let (found, replies) = mpsc::sync_channel(1);
        let mut process = Process {
            child,
            input: Some(input),
            written,
            replies,
            stderr: None,
            words: StderrTail::default(),
            before,
            sent: 0,
            idle_limit,
            cancel,
        };
        if let Some(stderr) = process.child.stderr.take() {
            process.stderr = Some(process.words.listen(process.child.id(), stderr)?);
        }
        if let Some(stdin) = stdin {
            let write = move || write_all(stdin, &blocks, &taken);
            thread::Builder::new().name("vad-samples".into()).spawn(write)?;
        }
        if let Some(mut stdout) = stdout {
            let read = move || {
                let mut replies = Vec::new();
                let read = stdout.read_to_end(&mut replies).map(|_| replies);
                // The receiver is dropped once the process was given up.
                drop(found.send(read));
            };
            thread::Builder::new().name("vad-replies".into()).spawn(read)?;
        }
        Ok(process)
    }
}

/// Writes blocks as they come, and reports each when the process has taken it.
fn write_all(mut stdin: ChildStdin, blocks: &Receiver<Vec<u8>>, taken: &SyncSender<io::Result<()>>) {
    for block in blocks {
        if taken.send(stdin.write_all(&block)).is_err() {
            return;
        }
    }
}

impl fmt::Debug for Silero {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Silero").field("model", &self.model).field("digest", &self.digest).finish()
    }
}

impl VoiceDetector for Silero {
    fn version(&self) -> String {
        format!("silero {}", self.digest)
    }

    fn listen(&self, cancel: &CancelToken) -> Result<Box<dyn VoiceListener>, AudioError> {
        // Another file under the same name would make another plan than the version says.
        let changed = inspect(&self.model).map_or_else(Some, |digest| {
            (digest != self.digest).then(|| "has changed since the start: start the service again".to_owned())
        });
        if let Some(reason) = changed {
            let reason = format!("audio.vad_model: {} {reason}", self.model.display());
            return Err(AudioError::Io(reason));
        }
        Ok(Box::new(self.start(self.idle_limit, cancel.clone()).map_err(of_detector)?))
    }
}

/// Looks at a file without whisper.cpp; gives its digest.
fn inspect(model: &PathBuf) -> Result<String, String> {
    let unreadable = |error: io::Error| format!("cannot be read ({error})");
    let file = File::open(model).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let named = bytes.strip_prefix(&BEGINNING).is_some_and(|rest| rest.starts_with(NAME));
    if !named || bytes.len() as u64 > MOST_BYTES {
        return Err("is not a Silero model".into());
    }
    Ok(hex(Sha256::digest(&bytes).iter().take(8)))
}

/// The detector's process for one recording. Dropping it ends it.
///
/// Threads of their own write to it and read from it: a caller that waits for them can stop waiting.
struct Process {
    child: Child,
    /// `None` once all was sent.
    input: Option<SyncSender<Vec<u8>>>,
    written: Receiver<io::Result<()>>,
    replies: Receiver<io::Result<Vec<u8>>>,
    stderr: Option<JoinHandle<()>>,
    words: StderrTail,
    before: OomKills,
    sent: usize,
    /// How long it may take for its next move.
    idle_limit: Duration,
    /// Set once the result is no longer needed.
    cancel: CancelToken,
}

impl Process {
    fn send(&mut self, samples: &[f32]) -> io::Result<()> {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.sent += samples.len();
        let Some(input) = &self.input else { return Ok(()) };
        if input.send(bytes).is_err() {
            return Err(self.end());
        }
        match self.next(&self.written) {
            Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => Err(self.end()),
            Err(RecvTimeoutError::Timeout) => Err(self.give_up()),
        }
    }

    /// What it found, once it has ended.
    fn probabilities(&mut self) -> io::Result<Vec<u8>> {
        self.input = None;
        let replies = match self.next(&self.replies) {
            Ok(Ok(replies)) => replies,
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Err(self.end()),
            Err(RecvTimeoutError::Timeout) => return Err(self.give_up()),
        };
        if self.wait()?.success() && replies.len() == self.sent.div_ceil(WINDOW) {
            Ok(replies)
        } else {
            Err(self.end())
        }
    }

    /// Waits for its next move, for as long as it may take and the result is needed.
    fn next<T>(&self, moves: &Receiver<T>) -> Result<T, RecvTimeoutError> {
        let give_up = Instant::now() + self.idle_limit;
        loop {
            let moved = moves.recv_timeout(POLL);
            let waits = matches!(moved, Err(RecvTimeoutError::Timeout));
            if !waits || self.cancel.is_cancelled() || Instant::now() > give_up {
                return moved;
            }
        }
    }

    /// Waits until it has ended, and ends it when that takes too long.
    fn wait(&mut self) -> io::Result<ExitStatus> {
        let give_up = Instant::now() + self.idle_limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if self.cancel.is_cancelled() || Instant::now() > give_up {
                self.child.kill()?;
                return self.child.wait();
            }
            thread::sleep(POLL);
        }
    }

    /// Says why it ended.
    fn end(&mut self) -> io::Error {
        self.input = None;
        let status = self.wait().ok();
        if let Some(stderr) = self.stderr.take() {
            // The process has exited; a thread that panicked read none.
            let _: thread::Result<()> = stderr.join();
        }
        io::Error::other(self.words.ending(status, self.before).to_string())
    }

    /// Ends one that hangs.
    fn give_up(&mut self) -> io::Error {
        match self.child.kill().and_then(|()| self.child.wait()) {
            Ok(_) => io::Error::other(format!("it did nothing for {:?} and was ended", self.idle_limit)),
            Err(error) => error,
        }
    }
}

impl VoiceListener for Process {
    fn push(&mut self, samples: &[f32]) -> Result<(), AudioError> {
        self.send(samples).map_err(of_detector)
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>, AudioError> {
        let frames = self.sent.div_ceil(FRAME);
        let windows = self.probabilities().map_err(of_detector)?;
        let mut activity: Vec<u8> = windows.into_iter().flat_map(|p| [p; WINDOW / FRAME]).collect();
        activity.truncate(frames);
        Ok(activity)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The number of a child that has been waited for may belong to another process by now.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn of_detector(error: io::Error) -> AudioError {
    AudioError::Io(format!("the detector of voices failed: {error}"))
}
