//! What ffmpeg says on stderr while it decodes.

use std::io::{self, BufRead, BufReader, Read};
use std::process::ChildStderr;
use std::thread::{self, JoinHandle};

use tracing::debug;

const LONGEST_LINE: u64 = 4096;

/// The parts of it that say something of the recording.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Log {
    declared_secs: Option<f64>,
    /// The length is computed from the file's size.
    is_estimate: bool,
    pub errors: u64,
}

impl Log {
    /// The container's own word on the recording's length.
    pub fn declared_secs(&self) -> Option<f64> {
        self.declared_secs.filter(|_| !self.is_estimate)
    }

    /// Reads stderr to its end, in bounded memory. The thread ends with the process.
    pub fn listen(stderr: ChildStderr) -> io::Result<JoinHandle<Self>> {
        thread::Builder::new().name("ffmpeg-stderr".into()).spawn(move || {
            let (mut stderr, mut line, mut log) = (BufReader::new(stderr), Vec::new(), Self::default());
            while let Ok(1..) = stderr.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
                log.take(String::from_utf8_lossy(&line).trim_end());
                line.clear();
            }
            log
        })
    }

    fn take(&mut self, line: &str) {
        if line.contains("[error]") || line.contains("[fatal]") {
            // Paths and names are those of its own machine: for the operator, not for the sender.
            debug!(ffmpeg = line);
            self.errors += 1;
        }
        self.is_estimate |= line.contains("Estimating duration from bitrate");
        let duration = line.strip_prefix("[info]   Duration: ").and_then(|rest| rest.split(',').next());
        if self.declared_secs.is_none()
            && let Some(duration) = duration
        {
            self.declared_secs = seconds(duration);
        }
    }
}

/// Of `01:02:03.45`.
fn seconds(text: &str) -> Option<f64> {
    let parts: Vec<f64> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = parts[..] else { return None };
    Some((hours * 60.0 + minutes) * 60.0 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[&str]) -> Log {
        let mut log = Log::default();
        lines.iter().for_each(|line| log.take(line));
        log
    }

    #[test]
    fn the_length_is_the_containers_unless_it_is_an_estimate() {
        let told = "[info]   Duration: 01:02:03.45, start: 0.000000, bitrate: 155 kb/s";
        assert_eq!(log(&[told]).declared_secs(), Some(3723.45));
        let guessed = "[ac3 @ 0x55] [warning] Estimating duration from bitrate, this may be inaccurate";
        assert_eq!(log(&[guessed, told]).declared_secs(), None);
        assert_eq!(log(&["[info]   Duration: N/A, bitrate: N/A"]).declared_secs(), None);
    }

    #[test]
    fn errors_are_counted() {
        let lines = ["[wmav2 @ 0x1] [error] overread", "[info] Stream mapping:", "[fatal] no"];
        assert_eq!(log(&lines).errors, 2);
    }
}
