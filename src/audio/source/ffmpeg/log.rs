//! What ffmpeg says on stderr while it decodes.

use std::io::{self, BufRead, BufReader, Read};
use std::process::ChildStderr;
use std::thread::{self, JoinHandle};

use tracing::debug;

use crate::audio::source::tracks::{AudioTrack, language};

const LONGEST_LINE: u64 = 4096;
/// A file can have more; those are not listed.
const MOST_TRACKS: usize = 1000;

/// The parts of it that say something of the recording.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Log {
    declared_secs: Option<f64>,
    /// The length is computed from the file's size.
    is_estimate: bool,
    pub errors: u64,
    /// The recording's audio tracks.
    pub tracks: Vec<AudioTrack>,
    /// The number of the decoded track.
    decoded: Option<u32>,
    /// What comes now is said of the output.
    is_of_output: bool,
}

impl Log {
    /// The container's own word on the recording's length.
    pub fn declared_secs(&self) -> Option<f64> {
        self.declared_secs.filter(|_| !self.is_estimate)
    }

    /// The index of the audio track that is decoded.
    pub fn taken(&self) -> Option<usize> {
        self.tracks.iter().position(|track| Some(track.id) == self.decoded)
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
        self.is_of_output |= line.starts_with("[info] Output #");
        self.take_track(line);
        self.is_estimate |= line.contains("Estimating duration from bitrate");
        let duration = line.strip_prefix("[info]   Duration: ").and_then(|rest| rest.split(',').next());
        if self.declared_secs.is_none()
            && let Some(duration) = duration
        {
            self.declared_secs = seconds(duration);
        }
    }
}

impl Log {
    /// `Stream #0:1[0x101](eng): Audio: aac …` describes a track, `Stream #0:1 -> #0:0 (…)` says that it is decoded.
    fn take_track(&mut self, line: &str) {
        let stream =
            line.strip_prefix("[info]").and_then(|line| line.trim_start().strip_prefix("Stream #0:"));
        let Some((number, rest)) =
            stream.map(|rest| rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())))
        else {
            return;
        };
        let Ok(id) = number.parse() else { return };
        if rest.starts_with(" -> #0:") {
            self.decoded.get_or_insert(id);
        } else if let Some((place, _)) = rest.split_once(": Audio:")
            && !self.is_of_output
            && self.tracks.len() < MOST_TRACKS
            && self.tracks.iter().all(|track| track.id != id)
        {
            let spoken = place.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
            let spoken = spoken.and_then(|(spoken, _)| language(spoken.as_bytes()));
            self.tracks.push(AudioTrack { id, languages: spoken.into_iter().collect(), is_default: false });
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
        let measured = "[info]   Duration: 01:02:03.45, start: 0.000000, bitrate: 155 kb/s";
        assert_eq!(log(&[measured]).declared_secs(), Some(3723.45));
        let guessed = "[ac3 @ 0x55] [warning] Estimating duration from bitrate, this may be inaccurate";
        assert_eq!(log(&[guessed, measured]).declared_secs(), None);
        assert_eq!(log(&["[info]   Duration: N/A, bitrate: N/A"]).declared_secs(), None);
    }

    #[test]
    fn tracks_are_listed_and_the_first_mapped_one_is_taken() {
        let log = log(&[
            "[info]   Stream #0:0[0x100]: Video: mpeg2video (Main), yuv420p",
            "[info]   Stream #0:1[0x101](ger): Audio: mp2 ([3][0][0][0] / 0x0003), 48000 Hz, mono",
            "[info]     Stream #0:2[0x102](eng): Audio: ac3, 48000 Hz, 5.1(side)",
            "[info]     Stream #0:2[0x102](eng): Audio: ac3, 48000 Hz, 5.1(side)",
            "[info] Output #1, null, to 'pipe:':",
            "[info] Stream mapping:",
            "[info]   Stream #0:0 -> #1:0 (copy)",
            "[info]   Stream #0:2 -> #0:0 (ac3 (native) -> pcm_f32be (native))",
            "[info] Output #0, au, to 'pipe:1':",
            "[info]   Stream #0:0: Audio: pcm_f32be, 48000 Hz, 5.1(side)",
        ]);
        let track = |id, spoken: &str| AudioTrack { id, languages: vec![spoken.into()], is_default: false };
        assert_eq!((&log.tracks[..], log.taken()), (&[track(1, "ger"), track(2, "eng")][..], Some(1)));
    }

    #[test]
    fn errors_are_counted() {
        let lines = ["[wmav2 @ 0x1] [error] overread", "[info] Stream mapping:", "[fatal] no"];
        assert_eq!(log(&lines).errors, 2);
    }
}
