//! Silero's detector of voices behind its port: a process for each recording.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fmt, thread};

use actors::ports::{AudioError, VoiceDetector, VoiceListener};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::child::{self, LastWords, OomKills};
use crate::engine::request::SAMPLE_RATE;
use crate::engine::silero::{COMMAND, WINDOW};

/// Samples for one value of the port.
const FRAME: usize = 256;

/// Every file of this kind begins so: ggml's mark, and the length of the name that follows.
const BEGINNING: [u8; 8] = *b"lmgg\x0a\0\0\0";
const NAME: &[u8] = b"silero-16k";
/// No such model has ten times the weights of the known ones.
const MOST_BYTES: u64 = 16 << 20;
/// Samples of silence that a trial hears: a quarter of a second, which fits into the pipe whether or not anyone reads it.
const TRIED: usize = SAMPLE_RATE / 4;
/// A process that has not heard them by then hangs.
const TRIAL: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// A Silero model in whisper.cpp's format that has been tried.
pub struct Silero {
    /// The program whose hidden command is the process.
    program: PathBuf,
    model: PathBuf,
    /// SHA-256 of the file, its beginning, in hexadecimal.
    digest: String,
}

/// Why a file is no such model.
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
    /// Looks at the file and has a process of this very program hear some silence with it.
    ///
    /// # Blocking
    /// Until that is done: a few tens of milliseconds.
    pub fn open(model: PathBuf) -> Result<Self, BadVadModel> {
        let opened = std::env::current_exe().map_err(|error| format!("cannot be tried: {error}"));
        let opened = opened.and_then(|program| {
            let digest = inspect(&model)?;
            let silero = Self { program, model: model.clone(), digest };
            silero.try_out()?;
            Ok(silero)
        });
        opened.map_err(|reason| BadVadModel { path: model, reason })
    }

    fn try_out(&self) -> Result<(), String> {
        let trial = self.start().and_then(|mut process| {
            process.send(&[0.0; TRIED])?;
            process.stdin = None;
            let give_up = Instant::now() + TRIAL;
            while process.child.try_wait()?.is_none() {
                if Instant::now() > give_up {
                    return Err(io::Error::other("it hangs"));
                }
                thread::sleep(POLL);
            }
            process.probabilities()
        });
        trial.map(drop).map_err(|error| format!("does not run: {error}"))
    }

    fn start(&self) -> io::Result<Process> {
        let before = OomKills::now();
        let mut child = child::spawn(&self.program, [COMMAND.as_ref(), self.model.as_os_str()])?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut process = Process {
            child,
            stdin,
            replies: None,
            stderr: None,
            words: LastWords::default(),
            before,
            sent: 0,
        };
        if let Some(stderr) = process.child.stderr.take() {
            process.stderr = Some(process.words.listen(process.child.id(), stderr)?);
        }
        if let Some(mut stdout) = stdout {
            let read = move || {
                let mut replies = Vec::new();
                stdout.read_to_end(&mut replies).map(|_| replies)
            };
            process.replies = Some(thread::Builder::new().name("vad-replies".into()).spawn(read)?);
        }
        Ok(process)
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

    fn listen(&self) -> Result<Box<dyn VoiceListener>, AudioError> {
        // Another file under the same name would make another plan than the version says.
        let changed = inspect(&self.model).map_or_else(Some, |digest| {
            (digest != self.digest).then(|| "has changed since the start: start the service again".to_owned())
        });
        if let Some(reason) = changed {
            let reason = format!("audio.vad_model: {} {reason}", self.model.display());
            return Err(AudioError::Io(reason));
        }
        Ok(Box::new(self.start().map_err(of_detector)?))
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
        return Err("is no such model".into());
    }
    Ok(Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// A process that hears one recording. Dropping it ends it.
struct Process {
    child: Child,
    /// `None` once all was sent.
    stdin: Option<ChildStdin>,
    replies: Option<JoinHandle<io::Result<Vec<u8>>>>,
    stderr: Option<JoinHandle<()>>,
    words: LastWords,
    before: OomKills,
    sent: usize,
}

impl Process {
    fn send(&mut self, samples: &[f32]) -> io::Result<()> {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.sent += samples.len();
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        match stdin.write_all(&bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(self.end()),
            done => done,
        }
    }

    /// What it found, once it has ended.
    fn probabilities(&mut self) -> io::Result<Vec<u8>> {
        self.stdin = None;
        let replies = self.replies.take().and_then(|replies| replies.join().ok());
        let status = self.child.wait()?;
        match replies {
            Some(Ok(replies)) if status.success() && replies.len() == self.sent.div_ceil(WINDOW) => {
                Ok(replies)
            }
            Some(_) | None => Err(self.end()),
        }
    }

    /// Ends it, and says why it ended.
    fn end(&mut self) -> io::Error {
        self.stdin = None;
        let status = self.child.wait().ok();
        if let Some(stderr) = self.stderr.take() {
            // Its last words have been said; a thread that panicked heard none.
            let _: thread::Result<()> = stderr.join();
        }
        io::Error::other(self.words.ending(status, self.before).to_string())
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
        // One that has been waited for is gone, and its number may be another's by now.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn of_detector(error: io::Error) -> AudioError {
    AudioError::Io(format!("the detector of voices failed: {error}"))
}
