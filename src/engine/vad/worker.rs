//! The process in which Silero's detector of voices runs: a model file comes from outside, and whisper.cpp ends the
//! process over a bad one.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use whisper_rs::{WhisperVadContext, WhisperVadContextParams};

use crate::engine::SAMPLE_RATE;
use crate::engine::backends::whisper_cpp::{echo_trouble_to_stderr, install_log_hooks};
use crate::engine::process::worker::take_stdout;

/// The hidden command of this program that is the process; its argument is the model file.
pub(super) const COMMAND: &str = "vad-worker";

/// Samples for which the model gives one probability: 32 ms.
pub(super) const WINDOW: usize = 512;

/// Samples that are analysed in one go, whole windows: five minutes. Memory stays bounded.
const STRETCH: usize = 9_375 * WINDOW;

/// Samples before each stretch that are analysed once more: a second, whole windows. The model remembers its input,
/// and begins every stretch with nothing.
const LEAD: usize = SAMPLE_RATE / WINDOW * WINDOW;

/// Reads samples (32-bit floats, little-endian) from stdin to its end, and then writes one byte for each 512 of them
/// to stdout: the probability of speech, 0 to 255.
///
/// # Blocking
/// Until stdin ends.
pub fn run_vad_worker(model: &Path) -> ExitCode {
    install_log_hooks();
    echo_trouble_to_stderr();
    match listen(model) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn listen(model: &Path) -> io::Result<()> {
    let mut replies: File = take_stdout()?;
    let model = model.to_str().ok_or_else(|| io::Error::other("its path is not text"))?;
    let mut parameters = WhisperVadContextParams::new();
    // Two threads wait for each other at every window, and a busy neighbour makes that a thousand times slower.
    parameters.set_n_threads(1);
    parameters.set_use_gpu(false);
    let mut context =
        WhisperVadContext::new(model, parameters).map_err(|_| io::Error::other("the engine refuses it"))?;
    let mut input = io::stdin().lock();
    let mut probabilities = Vec::new();
    let mut samples: Vec<f32> = Vec::new();
    loop {
        let lead = samples.len();
        let ended = !read(&mut input, &mut samples, STRETCH)?;
        if samples.len() > lead {
            context.detect_speech(&samples).map_err(|_| io::Error::other("it could not be run"))?;
            let new = context.probabilities().iter().skip(lead / WINDOW);
            probabilities.extend(new.map(|p| (p.clamp(0.0, 1.0) * 255.0).round() as u8));
        }
        if ended {
            return replies.write_all(&probabilities);
        }
        samples.drain(..samples.len().saturating_sub(LEAD));
    }
}

/// Adds up to `count` samples, and says whether there were so many.
fn read(input: &mut impl Read, samples: &mut Vec<f32>, count: usize) -> io::Result<bool> {
    let mut bytes = Vec::with_capacity(count * 4);
    input.take(count as u64 * 4).read_to_end(&mut bytes)?;
    let (whole, _) = bytes.as_chunks::<4>();
    samples.extend(whole.iter().map(|sample| f32::from_le_bytes(*sample)));
    Ok(whole.len() == count)
}
