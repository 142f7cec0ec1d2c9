//! Samples as ffmpeg decodes them.

use std::io::{self, Read};
use std::process::{ChildStdout, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use actors::domain::audio::secs;
use actors::ports::{AudioError, CancelToken};

use super::au::{self, Header};
use super::log::Log;
use super::process::Process;
use crate::audio::mix::{Downmix, check_limits, mix_down};
use crate::audio::source::health::shortfall;
use crate::audio::source::sample_stream::{Doubt, SampleStream};
use crate::audio::source::tracks;

/// One read of the pipe: what a pipe holds.
const PIECE: usize = 64 * 1024;
/// Pieces that wait to be taken.
const AHEAD: usize = 2;
/// Errors in each second of what was decoded. With more, so much is left out that no time is true any more: measured
/// on AMR with its pauses left out, which its decoder does not support.
const TOLERABLE_ERRORS: f64 = 5.0;
/// How often a cancellation is looked for while nothing comes.
const POLL: Duration = Duration::from_millis(50);
/// A process that used up its time is ended by this signal, and so may be a process that used too much memory.
const SIGKILL: i32 = 9;

/// A recording being decoded by a process, which ends with this. Holds three pieces of its output at most: a process
/// that is ahead waits.
pub struct FfmpegStream {
    process: Process,
    downmix: Downmix,
    pieces: Receiver<Vec<u8>>,
    said: Option<JoinHandle<Log>>,
    cancel: CancelToken,
    idle_limit: Duration,
    header: Option<Header>,
    /// Of its output, what is not a whole frame yet.
    rest: Vec<u8>,
    planes: Vec<Vec<f32>>,
    frames: u64,
    facts: Facts,
    ended: bool,
}

/// What is known of a stream before it begins.
#[derive(Debug, Default)]
pub struct Facts {
    /// Where it ends, if it is not read to its end, in samples.
    pub end: Option<u64>,
    pub warnings: Vec<String>,
    /// Whether its track was chosen, not left to ffmpeg.
    pub is_chosen: bool,
}

impl FfmpegStream {
    /// # Blocking
    /// Starts a process.
    pub fn start(
        command: Command,
        downmix: Downmix,
        facts: Facts,
        idle_limit: Duration,
        cancel: CancelToken,
    ) -> io::Result<Self> {
        let (process, stdout, stderr) = Process::start(command)?;
        let said = Some(Log::listen(stderr)?);
        let (sender, pieces) = sync_channel(AHEAD);
        thread::Builder::new().name("ffmpeg-stdout".into()).spawn(move || pump(stdout, &sender))?;
        Ok(Self {
            process,
            downmix,
            pieces,
            said,
            cancel,
            idle_limit,
            header: None,
            rest: Vec::new(),
            planes: Vec::new(),
            frames: 0,
            facts,
            ended: false,
        })
    }

    /// What it says until it ends, without what it decodes.
    ///
    /// # Blocking
    /// Until the process has ended.
    pub fn into_log(mut self) -> Result<Log, AudioError> {
        while self.piece()?.is_some() {}
        self.process.wait().map_err(|error| AudioError::Io(error.to_string()))?;
        Ok(self.said.take().and_then(|said| said.join().ok()).unwrap_or_default())
    }

    /// The next piece of its output; `None` once it has closed it.
    fn piece(&self) -> Result<Option<Vec<u8>>, AudioError> {
        let began = Instant::now();
        loop {
            match self.pieces.recv_timeout(POLL) {
                Ok(piece) => return Ok(Some(piece)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if self.cancel.is_cancelled() => {
                    return Err(AudioError::Cancelled);
                }
                Err(RecvTimeoutError::Timeout) if began.elapsed() >= self.idle_limit => {
                    return Err(gave_up("nothing came of it for too long"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn take(&mut self, piece: &[u8], mono: &mut Vec<f32>) -> Result<Option<u32>, AudioError> {
        self.rest.extend_from_slice(piece);
        let header = match self.header {
            Some(header) => header,
            None => {
                let read = au::header(&self.rest);
                let Some(header) = read.map_err(|au::NotAu| gave_up("it makes no sense"))? else {
                    return Ok(None);
                };
                check_limits(header.channels, header.rate)?;
                self.rest.drain(..header.length);
                *self.header.insert(header)
            }
        };
        let used = au::split(&self.rest, header.channels, &mut self.planes);
        self.rest.drain(..used);
        mix_down(&self.planes, self.downmix, mono);
        self.frames += mono.len() as u64;
        Ok((!mono.is_empty()).then_some(header.rate))
    }

    /// Its output is over: was that all of the recording?
    fn end(&mut self) -> Result<(), AudioError> {
        let status = self.process.wait().map_err(|error| AudioError::Io(error.to_string()))?;
        let log = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        if was_killed(status) {
            return Err(gave_up("it takes too much time or memory"));
        }
        if self.frames == 0 {
            return Err(if status.success() {
                AudioError::NoSamples
            } else {
                AudioError::Unsupported(
                    "not a recording that can be decoded: ffmpeg does not recognise it".into(),
                )
            });
        }
        let decoded = self.frames as f64 / self.header.map_or(1.0, |header| f64::from(header.rate));
        if log.errors as f64 > decoded * TOLERABLE_ERRORS {
            return Err(gave_up("too much of it cannot be decoded"));
        }
        let warnings = &mut self.facts.warnings;
        if !self.facts.is_chosen
            && let Some(taken) = log.taken()
        {
            warnings.extend(tracks::unchosen(&log.tracks, taken));
        }
        if status.success() {
            let wanted = self.facts.end.map_or(f64::INFINITY, secs);
            warnings.extend(shortfall(log.declared_secs().map(|declared| declared.min(wanted)), decoded));
        } else {
            warnings.push(format!("the recording stops early, after {decoded:.1} s: its decoder gave up"));
        }
        if log.errors > 0 {
            warnings.push(format!("{} places of the recording could not be decoded", log.errors));
        }
        Ok(())
    }
}

impl SampleStream for FfmpegStream {
    /// # Blocking
    /// Until the process has decoded some more. It is ended when it takes longer than the limit, and when the job is
    /// cancelled.
    fn next_block(&mut self, mono: &mut Vec<f32>) -> Result<Option<u32>, AudioError> {
        mono.clear();
        while !self.ended {
            match self.piece()? {
                Some(piece) => {
                    if let Some(rate) = self.take(&piece, mono)? {
                        return Ok(Some(rate));
                    }
                }
                None => {
                    self.ended = true;
                    self.end()?;
                }
            }
        }
        Ok(None)
    }

    fn warnings(&self) -> Vec<String> {
        self.facts.warnings.clone()
    }

    /// # Blocking
    /// Until the process has ended: it decodes little more than what is wanted.
    fn enough(&mut self) -> Result<(), AudioError> {
        let mut rest = Vec::new();
        while self.next_block(&mut rest)?.is_some() {}
        Ok(())
    }

    fn channels(&self) -> usize {
        self.header.map_or(0, |header| header.channels)
    }

    /// There is no other after it.
    fn doubt(&self) -> Option<Doubt> {
        None
    }
}

/// Forwards its output until it ends, or the receiver is dropped.
fn pump(mut stdout: ChildStdout, pieces: &SyncSender<Vec<u8>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = stdout.read(&mut piece).unwrap_or(0);
        piece.truncate(read);
        if piece.is_empty() || pieces.send(piece).is_err() {
            return;
        }
    }
}

/// The shells and sandboxes in between say of a signal 128 and its number.
fn was_killed(status: ExitStatus) -> bool {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    signal == Some(SIGKILL) || status.code() == Some(128 + SIGKILL)
}

fn gave_up(why: &str) -> AudioError {
    AudioError::Corrupt(format!("the recording is corrupt: decoding it had to be given up, {why}"))
}

#[cfg(test)]
impl FfmpegStream {
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }
}
