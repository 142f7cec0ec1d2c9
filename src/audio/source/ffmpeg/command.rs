//! The command lines that ffmpeg is run with.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use actors::domain::audio::secs;

/// The demultiplexers that may be used: containers and streams that are recognised by their content and refer to no other
/// file. Playlists (hls, dash, concat, image sequences) are not among them: with one named `x.wav` its sender could
/// transcribe other files of this machine.
const FORMATS: &str = "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,gxf,iff,loas,matroska,mlp,mov,mp3,\
    mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nut,oga,ogg,oma,qcp,rm,sox,tak,truehd,tta,voc,w64,wav,webm,wsd,wtv,wv,xwma";

/// Where the sandbox shows the recording.
const INSIDE: &str = "/recording";

/// The paths of this machine that a sandbox shows, where they exist: programs and libraries, nothing of its owner.
const SHOWN: [&str; 10] = [
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/nix/store",
    "/gnu/store",
];

/// Sets the limits on itself, then executes its arguments: they hold from the first instruction on.
#[cfg(target_os = "linux")]
const LIMITED: &str = r#"ulimit -c 0 && ulimit -f 0 && ulimit -n "$1" && ulimit -t "$2" && ulimit -v "$3" && shift 3 && exec "$@""#;
/// Other systems have no limit of the address space.
#[cfg(not(target_os = "linux"))]
const LIMITED: &str =
    r#"ulimit -c 0 && ulimit -f 0 && ulimit -n "$1" && ulimit -t "$2" && shift 3 && exec "$@""#;

/// What the process may use. It may not write files at all.
#[derive(Debug, Clone)]
pub struct Limits {
    pub cpu_secs: u64,
    pub address_space_kib: u64,
    pub open_files: u32,
}

impl Limits {
    /// Time enough for recordings of `max_secs` seconds: decoding is some hundred times as fast, and finding the sound in a
    /// long video takes its time as well.
    pub fn for_recordings_of(max_secs: u64) -> Self {
        Self { cpu_secs: 60 + max_secs / 10, address_space_kib: 2 * 1024 * 1024, open_files: 64 }
    }
}

/// bubblewrap, which was seen to work.
#[derive(Debug, Clone)]
pub struct Sandbox {
    pub bwrap: PathBuf,
}

impl Sandbox {
    fn arguments(&self, program: &Path, recording: Option<&Path>) -> Command {
        let mut command = Command::new(&self.bwrap);
        // No network, no processes of others, no rights; it ends with this process.
        command.args(["--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]);
        for path in SHOWN {
            command.args(["--ro-bind-try", path, path]);
        }
        command.arg("--ro-bind-try").args([program, program]);
        if let Some(recording) = recording {
            command.arg("--ro-bind").arg(recording).arg(INSIDE);
        }
        command.arg("--").arg(program);
        command
    }
}

/// Has it say its version.
pub fn version(program: &Path, sandbox: Option<&Sandbox>, limits: &Limits) -> Command {
    let mut inner = run(program, sandbox, None);
    inner.arg("-version");
    limited(&inner, limits)
}

/// What the times of a recording's packets are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// They say where silence has to be put in.
    Counted,
    /// Nothing.
    Ignored,
}

/// More is decoded than what is wanted: a resampler looks ahead.
const MARGIN_SECS: f64 = 1.0;

/// Which part of a recording is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The index of the audio track; `None`: the default one, or one of those with the most channels.
    pub track: Option<usize>,
    /// Where the recording need not be read further, in samples.
    pub end: Option<u64>,
    pub times: Times,
}

/// Lists a recording's tracks on stderr.
///
/// # Errors
/// The recording's path cannot be made absolute.
pub fn list(
    program: &Path,
    sandbox: Option<&Sandbox>,
    limits: &Limits,
    recording: &Path,
) -> io::Result<Command> {
    Ok(limited(&reading(program, sandbox, recording)?, limits))
}

/// Decodes an audio track: its own rate and channels, as an AU stream of floats on stdout.
///
/// # Errors
/// The recording's path cannot be made absolute.
pub fn decode(
    program: &Path,
    sandbox: Option<&Sandbox>,
    limits: &Limits,
    recording: &Path,
    wanted: Wanted,
) -> io::Result<Command> {
    let Wanted { track, end, times } = wanted;
    let mut inner = reading(program, sandbox, recording)?;
    let length = end.map(|end| (secs(end) + MARGIN_SECS).to_string());
    let until = |inner: &mut Command| {
        if let Some(length) = &length {
            inner.args(["-t", length]);
        }
    };
    if let Some(track) = track {
        inner.args(["-map", &format!("0:a:{track}")]);
    }
    // A track that starts later than others, and packets that are missing, are silence of the same length.
    if times == Times::Counted {
        inner.args(["-af", "aresample=async=1:first_pts=0"]);
    }
    until(&mut inner);
    inner.args(["-vn", "-sn", "-dn", "-map_metadata", "-1", "-fflags", "+bitexact"]);
    inner.args(["-c:a", "pcm_f32be", "-f", "au", "pipe:1"]);
    // Of a transport stream the zero is that of the tracks that are used: the pictures are, and go nowhere.
    until(&mut inner);
    inner.args(["-map", "0:v?", "-map", "0:a", "-c", "copy", "-f", "null", "-"]);
    Ok(limited(&inner, limits))
}

/// The command up to its input.
fn reading(program: &Path, sandbox: Option<&Sandbox>, recording: &Path) -> io::Result<Command> {
    let recording = std::path::absolute(recording)?;
    let mut inner = run(program, sandbox, Some(&recording));
    inner.args(["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info", "-threads", "1"]);
    inner.args(["-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-i"]);
    // The protocol's name in front: no path is taken for an option or for another protocol.
    let mut input = std::ffi::OsString::from("file:");
    input.push(if sandbox.is_some() { Path::new(INSIDE) } else { &recording });
    inner.arg(input);
    Ok(inner)
}

fn run(program: &Path, sandbox: Option<&Sandbox>, recording: Option<&Path>) -> Command {
    match sandbox {
        Some(sandbox) => sandbox.arguments(program, recording),
        None => Command::new(program),
    }
}

/// In a group of its own, with nothing of this process's environment but where libraries are.
fn limited(inner: &Command, limits: &Limits) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", LIMITED, "sh"]);
    command.args([limits.open_files.to_string(), limits.cpu_secs.to_string()]);
    command.arg(limits.address_space_kib.to_string());
    command.arg(inner.get_program()).args(inner.get_args());
    command.env_clear().env("AV_LOG_FORCE_NOCOLOR", "1");
    if let Some(libraries) = std::env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}
