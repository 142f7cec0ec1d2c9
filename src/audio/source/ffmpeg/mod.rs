//! The program ffmpeg, for recordings that the built-in decoders do not support.
//!
//! It is large, and it parses untrusted bytes. So it never runs in this process: it is a child with limits on time,
//! memory and files, which reads the one file that it is given and writes to a pipe, ended as soon as no more is
//! needed. Where bubblewrap works, it also sees no network and no other file of this machine.

mod au;
mod command;
mod log;
mod process;
mod stream;

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use actors::domain::jobs::selection::Selection;
use actors::ports::{AudioError, CancelToken};
use thiserror::Error;
use tracing::{info, warn};

use command::{Limits, Sandbox, Times, Wanted};
use stream::{Facts, FfmpegStream};

use super::sniff;
use super::tracks::{self, AudioTrack};
use crate::audio::mix::Downmix;

/// Searched where the environment names no path, as shells do.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Nothing came out for so long: what hangs is ended.
const MOST_SILENCE: Duration = Duration::from_secs(30);

/// Why there is no ffmpeg to decode with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoFfmpeg {
    #[error(
        "[audio] ffmpeg is \"required\", but no program ffmpeg is in PATH: install it, or set [audio] ffmpeg to \"auto\" or \"off\""
    )]
    NotFound,
    #[error(
        "[audio] ffmpeg is \"required\", but {} does not work ({reason}): install it again, or set [audio] ffmpeg to \"auto\" or \"off\"", path.display()
    )]
    Unusable { path: PathBuf, reason: String },
}

/// The machine's ffmpeg, if it has one. Looked for once, not by the thread that starts the service.
#[derive(Debug, Clone)]
pub struct Ffmpeg(Arc<Search>);

#[derive(Debug)]
struct Search {
    path: OsString,
    limits: Limits,
    idle_limit: Duration,
    found: OnceLock<Result<Installed, NoFfmpeg>>,
}

/// An ffmpeg that was seen to work.
#[derive(Debug, Clone)]
pub struct Installed {
    program: PathBuf,
    /// The first line that it says of itself.
    version: String,
    sandbox: Option<Sandbox>,
    limits: Limits,
    idle_limit: Duration,
}

impl Ffmpeg {
    /// Begins to look for it and does not wait. It may take longer over recordings of up to `max_secs` seconds, the longer
    /// they may be.
    pub fn look(max_secs: u64) -> Self {
        let path = env::var_os("PATH").unwrap_or_else(|| USUAL_PATH.into());
        let ffmpeg = Self::look_in(path, Limits::for_recordings_of(max_secs), MOST_SILENCE);
        let looking = ffmpeg.clone();
        // Who needs it before it is found looks on their own, and so does who needs it without this thread.
        let _ =
            thread::Builder::new().name("ffmpeg".into()).spawn(move || drop(looking.installed().cloned()));
        ffmpeg
    }

    fn look_in(path: OsString, limits: Limits, idle_limit: Duration) -> Self {
        Self(Arc::new(Search { path, limits, idle_limit, found: OnceLock::new() }))
    }

    /// # Blocking
    /// The first time, until it was found and tried: about 0.1 s.
    pub fn installed(&self) -> Result<&Installed, &NoFfmpeg> {
        self.0.found.get_or_init(|| self.0.find()).as_ref()
    }
}

impl Search {
    fn find(&self) -> Result<Installed, NoFfmpeg> {
        let program = self.named("ffmpeg").ok_or(NoFfmpeg::NotFound)?;
        let sandbox = self.named("bwrap").map(|bwrap| Sandbox { bwrap });
        let sandboxed = sandbox.and_then(|sandbox| {
            let tried = version_of(&program, Some(&sandbox), &self.limits);
            tried
                .map(|version| (version, Some(sandbox)))
                .inspect_err(|reason| warn!(reason, "bwrap does not work"))
                .ok()
        });
        let plain = || {
            let unusable = |reason| NoFfmpeg::Unusable { path: program.clone(), reason };
            let version = version_of(&program, None, &self.limits).map_err(unusable)?;
            warn!(
                "ffmpeg runs without a sandbox, with limits alone: install bubblewrap to keep it from other files"
            );
            Ok((version, None))
        };
        let (version, sandbox) = sandboxed.map_or_else(plain, Ok)?;
        info!(
            version,
            sandbox = sandbox.is_some(),
            "ffmpeg decodes what the built-in decoders do not support"
        );
        Ok(Installed { program, version, sandbox, limits: self.limits.clone(), idle_limit: self.idle_limit })
    }

    /// The first program of that name in the search path.
    fn named(&self, name: &str) -> Option<PathBuf> {
        let places = env::split_paths(&self.path).filter(|dir| dir.is_absolute());
        places.map(|dir| dir.join(name)).find(|file| is_program(file))
    }
}

impl Installed {
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether bubblewrap keeps it from other files.
    pub fn is_sandboxed(&self) -> bool {
        self.sandbox.is_some()
    }

    /// Starts to decode what is selected of a recording, from the recording's beginning. `cancel` is polled whenever it
    /// takes its time.
    ///
    /// # Errors
    /// The selected track is not there.
    ///
    /// # Blocking
    /// Starts a process, and before that another one to list the tracks where no index of ours does.
    pub fn open(
        &self,
        recording: &Path,
        downmix: Downmix,
        selection: &Selection,
        cancel: &CancelToken,
    ) -> Result<FfmpegStream, AudioError> {
        let times = if sniff::look(recording)?.has_times() { Times::Counted } else { Times::Ignored };
        let choice = selection.track.as_ref();
        let known = match (tracks::of_file(recording), choice) {
            (known, Some(_)) if known.is_empty() => self.tracks(recording, cancel)?,
            (known, _) => known,
        };
        let track = match choice {
            None if known.is_empty() => None,
            choice => Some(tracks::choose(&known, choice)?),
        };
        let unchosen = track.filter(|_| choice.is_none()).and_then(|track| tracks::unchosen(&known, track));
        let wanted = Wanted { track, end: selection.end, times };
        let command = command::decode(&self.program, self.sandbox.as_ref(), &self.limits, recording, wanted);
        let facts = Facts {
            end: selection.end,
            warnings: unchosen.into_iter().collect(),
            is_chosen: track.is_some(),
        };
        let started = command.and_then(|command| {
            FfmpegStream::start(command, downmix, facts, self.idle_limit, cancel.clone())
        });
        started.map_err(cannot_start)
    }

    /// The audio tracks that ffmpeg finds.
    fn tracks(&self, recording: &Path, cancel: &CancelToken) -> Result<Vec<AudioTrack>, AudioError> {
        let command = command::list(&self.program, self.sandbox.as_ref(), &self.limits, recording);
        let (facts, cancel) = (Facts::default(), cancel.clone());
        let started = command
            .and_then(|command| FfmpegStream::start(command, Downmix::Mean, facts, self.idle_limit, cancel));
        let tracks = started.map_err(cannot_start)?.into_log()?.tracks;
        match tracks.is_empty() {
            true => Err(AudioError::Unsupported(
                "not a recording that can be decoded: ffmpeg finds no audio track".into(),
            )),
            false => Ok(tracks),
        }
    }
}

fn cannot_start(error: io::Error) -> AudioError {
    AudioError::Io(format!("ffmpeg cannot be started: {error}"))
}

/// Runs it as it will be run later, so that what works now works then.
fn version_of(program: &Path, sandbox: Option<&Sandbox>, limits: &Limits) -> Result<String, String> {
    let output = command::version(program, sandbox, limits).output().map_err(|error| error.to_string())?;
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let first = |text: &str| text.lines().next().unwrap_or_default().trim().to_owned();
    if output.status.success() && said.starts_with("ffmpeg version ") {
        return Ok(first(&said));
    }
    Err(format!("{}: {}", output.status, first(&complained)))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

/// Limits and process groups are those of Unix: elsewhere it is as if there were no ffmpeg.
#[cfg(not(unix))]
fn is_program(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests;
