//! Silero's detector of voices in place of the built-in one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actors::domain::audio::Plan;
use actors::domain::jobs::selection::Selection;
use actors::ports::{AudioError, CancelToken, VoiceDetector, VoiceListener};
use tempfile::TempDir;
use verbatim::audio::{AudioSettings, plan_file};
use verbatim::engine::Silero;

use super::fixtures;
use super::service::{HANG_GUARD, PROGRAM, Service, command, signal};

const SETTING: &str = "VERBATIM__AUDIO__VAD_MODEL";

#[test]
fn recordings_cut_by_silero_have_the_same_words() {
    let model = fixtures::dir().join("silero-v6.2.0-ggml.bin");
    // Greedily: this model's beams may leave out a lonely word.
    let greedy = ("VERBATIM__DECODE__BEAM_SIZE", "1");
    let service = Service::start_with(&[(SETTING, model.to_str().unwrap()), greedy]);
    let queued = fixtures::SPOKEN.map(|name| (name, service.queue(name, &[])));
    for (name, id) in queued {
        let job = service.finished(&id);
        assert_eq!(job["status"], "completed", "{job}");
        // What the built-in detector leads to as well: another test holds it to the truth.
        assert_eq!(job["result"]["text"], fixtures::truth(name)["text"], "{name}");
    }
    let job = service.finished(&service.queue("silence.wav", &[]));
    assert_eq!((&job["result"]["text"], &job["progress"]["chunks_total"]), (&"".into(), &0.into()));
}

#[test]
fn a_file_that_is_no_silero_model_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let whole = fs::read(fixtures::dir().join("silero-v6.2.0-ggml.bin")).unwrap();
    let (cut, odd) = (dir.path().join("cut.bin"), dir.path().join("odd.bin"));
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let mut bytes = whole.clone();
    // The number of layers.
    bytes[38..42].fill(0xff);
    fs::write(&odd, bytes).unwrap();
    for bad in [dir.path().join("missing.bin"), fixtures::model(), cut, odd] {
        let output = command(dir.path()).env(SETTING, &bad).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{}: {said}", bad.display());
        assert!(said.contains("audio.vad_model") && said.contains(bad.to_str().unwrap()), "{said}");
        assert!(said.contains("name a Silero model"), "{said}");
    }
}

/// Silero whose first processes get a signal as soon as they run.
#[derive(Debug)]
struct Harmed {
    silero: Silero,
    /// A copy of the model by whose name its processes are known.
    dir: TempDir,
    signal: &'static str,
    harmed: usize,
    /// Cancels the plan as well.
    cancel: Option<CancelToken>,
    begun: AtomicUsize,
}

impl Harmed {
    fn new(
        signal: &'static str,
        harmed: usize,
        idle_limit: Duration,
        cancel: Option<CancelToken>,
    ) -> Arc<Self> {
        let dir = tempfile::tempdir().unwrap();
        let model = dir.path().join("silero.bin");
        fs::copy(fixtures::dir().join("silero-v6.2.0-ggml.bin"), &model).unwrap();
        let silero = Silero::with_program(model, PathBuf::from(PROGRAM), idle_limit).unwrap();
        Arc::new(Self { silero, dir, signal, harmed, cancel, begun: AtomicUsize::new(0) })
    }

    fn processes(&self) -> Vec<u32> {
        let name = self.dir.path().to_str().unwrap();
        let all = fs::read_dir("/proc").unwrap().flatten();
        let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_ours = |pid: &u32| {
            fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(name))
        };
        numbers.filter(is_ours).collect()
    }

    fn plan(self: &Arc<Self>, recording: &Path) -> Result<Plan, AudioError> {
        let settings = AudioSettings { voices: Some(self.clone()), ..AudioSettings::default() };
        let planned = plan_file(
            recording,
            &Selection::default(),
            &settings,
            &self.cancel.clone().unwrap_or_default(),
            &mut |_| {},
        );
        assert_eq!(self.processes(), [0; 0], "none is left");
        planned
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

impl VoiceDetector for Harmed {
    fn version(&self) -> String {
        self.silero.version()
    }

    fn listen(&self, cancel: &CancelToken) -> Result<Box<dyn VoiceListener>, AudioError> {
        let listener = self.silero.listen(cancel)?;
        if self.begun.fetch_add(1, Ordering::SeqCst) < self.harmed {
            // A process that has just begun has no name for a moment.
            let begun = Instant::now();
            let mut processes = self.processes();
            while processes.is_empty() && begun.elapsed() < HANG_GUARD {
                std::thread::yield_now();
                processes = self.processes();
            }
            assert_eq!(processes.len(), 1, "the previous one has exited");
            signal(self.signal, processes[0]);
            if let Some(cancel) = &self.cancel {
                cancel.cancel();
            }
        }
        Ok(listener)
    }
}

#[test]
fn a_recording_whose_detector_is_killed_is_planned_as_ever() {
    let recording = fixtures::audio("en_dense.wav");
    let unharmed = Harmed::new("KILL", 0, HANG_GUARD, None).plan(&recording).unwrap();
    let harmed = Harmed::new("KILL", 2, HANG_GUARD, None);
    assert_eq!(harmed.plan(&recording).unwrap(), unharmed);
    assert_eq!(harmed.begun(), 3);
    // Something kills them all.
    let harmed = Harmed::new("KILL", usize::MAX, HANG_GUARD, None);
    let error = harmed.plan(&recording).unwrap_err().to_string();
    assert!(error.contains("detector of voices failed") && error.contains("signal: 9"), "{error}");
    assert_eq!(harmed.begun(), 3);
}

#[test]
fn a_detector_that_hangs_is_killed() {
    let idle_limit = Duration::from_millis(300);
    // One recording fills the pipe, the other fits into it.
    for recording in ["en_dense.wav", "en_short.wav"].map(fixtures::audio) {
        let harmed = Harmed::new("STOP", usize::MAX, idle_limit, None);
        let error = harmed.plan(&recording).unwrap_err().to_string();
        assert!(error.contains("it did nothing for 300ms and was ended"), "{error}");
        assert_eq!(harmed.begun(), 3);
    }
}

#[test]
fn a_detector_is_not_waited_for_once_the_job_is_cancelled() {
    for recording in ["en_dense.wav", "en_short.wav"].map(fixtures::audio) {
        for signal in ["STOP", "KILL"] {
            // Its limit is longer than the test.
            let harmed = Harmed::new(signal, usize::MAX, HANG_GUARD * 10, Some(CancelToken::default()));
            assert_eq!(harmed.plan(&recording), Err(AudioError::Cancelled));
            assert_eq!(harmed.begun(), 1, "nor begins with a second one");
        }
    }
}
