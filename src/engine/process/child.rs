//! A child process, its last words, and how it ended.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tracing::{Level, debug};

/// Threads that wait for each other spin for some ten microseconds, then sleep: where a neighbour has one of the cores, spinning
/// for longer makes decoding several times slower, and sleeping at once takes 1.3 times as long on idle cores (docs/BENCHMARKS.md).
/// `GOMP_SPINCOUNT` sets that for GCC's OpenMP; the policy makes others sleep.
/// `GGML_NO_BACKTRACE` keeps a failed assertion from starting a debugger.
/// `CUDA_DISABLE_PERF_BOOST` lets an idle GPU clock down; with `CUDA_DEVICE_ORDER` GPUs are counted as their driver
/// counts them, by which their memory is read.
///
/// One arena, and no `MALLOC_MMAP_THRESHOLD_`: all memory goes with the process, and either way the
/// kernel would map every chunk's buffers again, which made a chunk of the bundled model take 1.1 times
/// as long. Large pages are asked for where the machine has them on request; the worker says when.
const ENVIRONMENT: [(&str, &str); 7] = [
    ("GOMP_SPINCOUNT", "2000"),
    ("OMP_WAIT_POLICY", "passive"),
    ("MALLOC_ARENA_MAX", "1"),
    ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
    ("GGML_NO_BACKTRACE", "1"),
    ("CUDA_DISABLE_PERF_BOOST", "1"),
    ("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
];

/// Set where the child is to log, too, what it decides: each line on stderr is logged by the service, at its level `debug`.
pub(super) const LOG_ENVIRONMENT: &str = "VERBATIM_ENGINE_LOG";

/// Of 1000: when memory runs out the kernel takes the engine, not the service.
const OOM_SCORE: &str = "500";

/// Starts a hidden command of `program` with pipes to all three ends.
pub(in crate::engine) fn spawn<'a>(
    program: &Path,
    command_line: impl IntoIterator<Item = &'a OsStr>,
) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(command_line).envs(ENVIRONMENT);
    if tracing::enabled!(Level::DEBUG) {
        command.env(LOG_ENVIRONMENT, "debug");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Ctrl-C goes to the whole group of the terminal: the service finishes its chunk first.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn()?;
    if let Err(error) = std::fs::write(format!("/proc/{}/oom_score_adj", child.id()), OOM_SCORE) {
        debug!(%error, "cannot set the engine's out-of-memory score");
    }
    Ok(child)
}

const KEPT_LINES: usize = 20;
const LONGEST_LINE: u64 = 4096;

/// The last lines that a child wrote to stderr.
#[derive(Clone, Default)]
pub(in crate::engine) struct StderrTail(Arc<Mutex<VecDeque<String>>>);

impl StderrTail {
    /// Reads stderr to its end, logging it. The thread ends with the child.
    pub(in crate::engine) fn listen(&self, pid: u32, stderr: ChildStderr) -> io::Result<JoinHandle<()>> {
        let words = self.clone();
        thread::Builder::new().name("engine-stderr".into()).spawn(move || {
            let mut stderr = BufReader::new(stderr);
            let mut line = Vec::new();
            // A read in pieces: a child that never ends its line must not fill the memory.
            while let Ok(1..) = stderr.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
                words.add(pid, String::from_utf8_lossy(&line).trim_end());
                line.clear();
            }
        })
    }

    fn add(&self, pid: u32, line: &str) {
        if line.is_empty() {
            return;
        }
        debug!(engine.pid = pid, "{line}");
        // The tail is for what went wrong.
        if ["DEBUG ", " INFO "].iter().any(|level| line.starts_with(level)) {
            return;
        }
        let mut lines = self.lines();
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    fn lines(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::engine) fn ending(&self, status: Option<ExitStatus>, before: OomKills) -> End {
        let taken_by_kernel = signal_of(status) == Some(SIGKILL) && OomKills::now() != before;
        End { status, lines: self.lines().iter().cloned().collect(), taken_by_kernel }
    }
}

/// How often the kernel has killed a process of this machine for memory, where it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct OomKills(Option<u64>);

impl OomKills {
    pub(in crate::engine) fn now() -> Self {
        let counters = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
        let count = counters.lines().find_map(|line| line.strip_prefix("oom_kill "));
        Self(count.and_then(|count| count.trim().parse().ok()))
    }
}

const SIGKILL: i32 = 9;

#[cfg(unix)]
fn signal_of(status: Option<ExitStatus>) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status?)
}

#[cfg(not(unix))]
fn signal_of(_: Option<ExitStatus>) -> Option<i32> {
    None
}

/// How a child ended.
#[derive(Debug, Clone)]
pub(in crate::engine) struct End {
    status: Option<ExitStatus>,
    lines: Vec<String>,
    /// Killed by the kernel for lack of memory.
    taken_by_kernel: bool,
}

impl End {
    /// Whether it says so itself, or was killed for it.
    pub(super) fn for_lack_of_memory(&self) -> bool {
        const WORDS: [&str; 6] = [
            "out of memory",
            "failed to allocate",
            "insufficient memory",
            "bad_alloc",
            "memory allocation of",
            "ggml_assert(buffer)",
        ];
        self.taken_by_kernel
            || self.lines.iter().any(|line| {
                let line = line.to_ascii_lowercase();
                WORDS.iter().any(|word| line.contains(word))
            })
    }

    /// Killed from outside, by whomever.
    pub(super) fn killed(&self) -> bool {
        signal_of(self.status) == Some(SIGKILL)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status}")?,
            None => f.write_str("no exit status")?,
        }
        // The reason comes first where one is given: lines about it follow.
        let reason = self.lines.iter().find(|line| line.contains("GGML_ASSERT") || line.contains("panicked"));
        match reason.or(self.lines.last()) {
            Some(words) => write!(f, ", its last words: {words}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(lines: &[&str]) -> End {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        End { status: None, lines, taken_by_kernel: false }
    }

    #[test]
    fn a_failed_assertion_is_the_last_word() {
        let end = end(&["loading", "ggml.c:12: GGML_ASSERT(x) failed", "more"]);
        assert!(end.to_string().contains("GGML_ASSERT(x)"));
    }

    #[test]
    fn lack_of_memory_is_recognised_by_its_words() {
        assert!(
            end(&["ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer"])
                .for_lack_of_memory()
        );
        assert!(end(&["CUDA error: out of memory"]).for_lack_of_memory());
        assert!(!end(&["GGML_ASSERT(n_dims < 5) failed"]).for_lack_of_memory());
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let words = StderrTail::default();
        for line in 0..100 {
            words.add(1, &line.to_string());
        }
        assert_eq!(words.ending(None, OomKills::now()).lines.len(), KEPT_LINES);
        assert!(words.ending(None, OomKills::now()).to_string().ends_with("99"));
    }

    #[test]
    fn what_the_child_logs_is_not_kept_as_trouble() {
        let words = StderrTail::default();
        for line in
            ["DEBUG verbatim::engine: window decoded", " INFO verbatim::engine: model loaded", "failed"]
        {
            words.add(1, line);
        }
        assert_eq!(words.ending(None, OomKills::now()).lines, ["failed"]);
    }
}
