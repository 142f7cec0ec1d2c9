//! Whisper in this process: the core of both adapters.

mod device;
mod hear_again;
mod language;
mod raw;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use actors::domain::options::Task;
use actors::domain::transcript::ChunkTranscript;
use actors::ports::{ChunkWork, Device, EngineFault, LoadFailure, ModelFacts};
use tracing::{debug, info};
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState};

use super::doubts::{Doubts, ladder};
use super::loudness::Loudness;
use super::model_file::ModelHeader;
use super::request::{self, SAMPLE_RATE, Unfit};
use super::segments::{RawSegment, RawToken, Reading, assemble};
use super::starts::Marks;
use super::windows::probability;
use super::{DecodeConfig, EngineConfig, estimate, fingerprint};
use device::device;

pub(super) use raw::{
    echo_trouble_to_stderr, exit_now, give_back_freed_memory, install_log_hooks, share_one_heap,
};

/// A loaded model that several threads may use at once, each call on a fresh state: the same work
/// gives the same transcript.
pub struct WhisperCore {
    context: WhisperContext,
    header: ModelHeader,
    config: EngineConfig,
    decode: DecodeConfig,
    device: Device,
    marks: Marks,
    threads: i32,
    /// Set once the engine has failed in a way that leaves its memory or its device in doubt.
    failed: AtomicBool,
}

/// Without numbers: those who started the engine know them.
const NO_MEMORY: LoadFailure = LoadFailure::OutOfMemory { needed_bytes: 0, free_bytes: 0 };

/// More than any probability.
const NEVER_SILENT: f32 = 2.0;

/// What changes from one pass of the decoder to the next.
#[derive(Clone, Copy)]
struct Pass<'a> {
    language: &'static str,
    task: Task,
    prompt: &'a [i32],
    temperature: f32,
    temperature_inc: f32,
    /// Where the chunk ends, in hundredths of a second, for what is still worth a window of its own. 0: where
    /// its samples do.
    until: usize,
    /// 0: no limit.
    max_tokens: i32,
}

/// Silence that is kept behind the last sound of a chunk, in hundredths of a second: as much as
/// whisper.cpp gives no window of its own. In such a window, of what is left when a phrase was over early, it
/// makes up words.
const KEPT_SILENCE: usize = 10;

impl WhisperCore {
    /// Loads the file that `header` was read from and transcribes a second of noise; a GPU with less than
    /// `needed_bytes` free is not tried. Setting `abort` ends this at the next graph of the warm-up.
    ///
    /// # Blocking
    /// For as long as the load takes.
    pub fn load(
        config: &EngineConfig,
        header: ModelHeader,
        needed_bytes: u64,
        abort: &AtomicBool,
    ) -> Result<Self, LoadFailure> {
        raw::install_log_hooks();
        let (device, free_bytes) = device(config);
        // The GPU was asked by a context that is a part of what is needed.
        let had = estimate::context_bytes(config);
        if free_bytes.is_some_and(|free| free.saturating_add(had) < needed_bytes) {
            return Err(NO_MEMORY);
        }
        let mut parameters = WhisperContextParameters::new();
        parameters
            .use_gpu(config.use_gpu)
            .gpu_device(i32::try_from(config.gpu_device).unwrap_or(0))
            .flash_attn(config.flash_attn_on(&device));
        let context = WhisperContext::new_with_params(&config.model_path, parameters).map_err(|error| {
            let message = format!("the engine refuses {}: {error}", config.model_path.display());
            LoadFailure::Broken { code: "model_corrupt", message }
        })?;
        let marks = Marks { end_of_text: context.token_eot(), first_timestamp: context.token_beg() };
        let core = Self {
            context,
            decode: config.decode,
            device,
            marks,
            threads: i32::try_from(config.thread_count()).unwrap_or(1),
            failed: AtomicBool::new(false),
            header,
            config: config.clone(),
        };
        core.warm_up(abort)?;
        info!(
            model = core.config.model_id,
            device = core.device.backend,
            threads = core.threads,
            "model loaded"
        );
        Ok(core)
    }

    pub fn facts(&self) -> ModelFacts {
        ModelFacts {
            id: self.config.model_id.clone(),
            path: self.config.model_path.display().to_string(),
            bytes: Some(self.header.bytes),
            multilingual: Some(self.header.multilingual()),
            fingerprint: fingerprint(&self.header, &self.config, &self.device),
            device: self.device.clone(),
            holder: None,
        }
    }

    /// Transcribes one chunk. `progress` is told the fraction done, from any thread. Setting `abort`
    /// ends it with [`EngineFault::Cancelled`] when the graph that is being computed is done.
    ///
    /// # Blocking
    /// For as long as the chunk takes.
    pub fn transcribe(
        &self,
        work: &ChunkWork,
        abort: &AtomicBool,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<ChunkTranscript, EngineFault> {
        let samples = request::audible(&work.samples)?;
        let temperature = request::temperature(work)?;
        let prompt = self.prompt_tokens(work)?;
        let (language, language_probability) = self.language(work, &samples, abort)?;
        let loudness = Loudness::of(&samples);
        let pass = Pass {
            language: language.code(),
            // An English-only model has no token for it.
            task: if self.header.multilingual() { work.task } else { Task::Transcribe },
            prompt: &prompt,
            temperature,
            temperature_inc: self.decode.temperature_inc,
            until: loudness.end_of_sound() + KEPT_SILENCE,
            max_tokens: 0,
        };
        let most = AtomicU32::new(0);
        // What is decoded again has been as far before. Floats that are not negative are in the order of their bits.
        let progress = |fraction: f32| {
            let before = most.fetch_max(fraction.max(0.0).to_bits(), Ordering::Relaxed);
            progress(fraction.max(f32::from_bits(before)));
        };
        let raw = self.decode(&pass, &samples, abort, &progress)?;
        let mut raw = self.without_loops(raw, &pass, &samples, abort, &progress)?;
        // What takes no time, or begins behind the last sound, nobody has said.
        raw.retain(|segment| segment.start < segment.end.min(loudness.end_of_sound() as i64));
        self.hear_again(&mut raw, &pass, &samples, &loudness, abort, &progress)?;
        self.doubts().flag(&mut raw);
        let reading = Reading {
            duration_secs: work.samples.len() as f64 / SAMPLE_RATE as f64,
            language: Some(language),
            words: work.word_timestamps.then_some(&loudness),
        };
        let segments = assemble(raw, &reading);
        Ok(ChunkTranscript { language: Some(language), language_probability, segments })
    }

    /// Runs encoder and decoder once, so that the first chunk finds everything set up.
    fn warm_up(&self, abort: &AtomicBool) -> Result<(), LoadFailure> {
        let mut state = 1u32;
        let noise: Vec<f32> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state as f32 / u32::MAX as f32 - 0.5) * 1e-3
        })
        .take(SAMPLE_RATE)
        .collect();
        let pass = Pass {
            language: "en",
            task: Task::Transcribe,
            prompt: &[],
            temperature: 0.0,
            temperature_inc: 0.0,
            until: 0,
            max_tokens: 8,
        };
        match self.decode(&pass, &noise, abort, &|_| {}) {
            Ok(_) => Ok(()),
            Err(EngineFault::Cancelled) => Err(LoadFailure::Cancelled),
            Err(EngineFault::OutOfMemory { .. }) => Err(NO_MEMORY),
            Err(
                fault @ (EngineFault::Died { .. }
                | EngineFault::Killed
                | EngineFault::Gone
                | EngineFault::Refused { .. }),
            ) => {
                let message = format!("the model does not run: {fault}");
                Err(LoadFailure::Broken { code: "engine_crashed", message })
            }
        }
    }

    fn prompt_tokens(&self, work: &ChunkWork) -> Result<Vec<i32>, EngineFault> {
        let Some(prompt) = request::prompt(work)? else {
            return Ok(Vec::new());
        };
        // A limit above the number of bytes: whisper-rs misreads the answer when there is too little room.
        self.context
            .tokenize(prompt, prompt.len() + 1)
            .map_err(|error| EngineFault::Refused { message: format!("the prompt has no tokens: {error}") })
    }

    /// Decodes text that goes round in circles again, at one temperature after the other above its own, until the
    /// model is sure of some that does not. Without any the first text stays: maybe it was said like that.
    fn without_loops(
        &self,
        text: Vec<RawSegment>,
        pass: &Pass<'_>,
        samples: &[f32],
        abort: &AtomicBool,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<Vec<RawSegment>, EngineFault> {
        let doubts = self.doubts();
        if !doubts.goes_in_circles(&text) {
            return Ok(text);
        }
        let reached = text.iter().map(|segment| segment.temperature).fold(pass.temperature, f32::max);
        let hotter =
            ladder(pass.temperature, self.decode.temperature_inc).into_iter().filter(|t| *t > reached);
        for temperature in hotter {
            let pass = Pass { temperature, temperature_inc: 0.0, ..*pass };
            let other = self.decode(&pass, samples, abort, progress)?;
            if doubts.may_replace_a_loop(&other) {
                return Ok(other);
            }
        }
        Ok(text)
    }

    fn doubts(&self) -> Doubts {
        let DecodeConfig { loop_entropy, logprob_thold, no_speech_thold, .. } = self.decode;
        Doubts { loop_entropy, logprob_thold, no_speech_thold }
    }

    fn decode(
        &self,
        pass: &Pass<'_>,
        samples: &[f32],
        abort: &AtomicBool,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<Vec<RawSegment>, EngineFault> {
        unless(abort)?;
        let mut state = self.state()?;
        let hundredths = (samples.len() * 100 / SAMPLE_RATE) as i64;
        let silence = self.silence();
        let watcher = raw::Watcher::new(abort, progress, self.marks, silence, hundredths);
        let mut params = self.params(pass);
        if (1..hundredths).contains(&(pass.until as i64)) {
            params.set_duration_ms(pass.until as i32 * 10);
        }
        match raw::full(&mut state, params, samples, &watcher) {
            Ok(()) => {}
            Err(-7) => {
                // whisper.cpp has freed the state already: dropping it would free it again.
                std::mem::forget(state);
                self.failed.store(true, Ordering::SeqCst);
                return Err(self.out_of_memory());
            }
            Err(-6 | -8 | -9) if abort.load(Ordering::SeqCst) => return Err(EngineFault::Cancelled),
            Err(code) => return Err(self.fail(format!("whisper.cpp stopped with code {code}"))),
        }
        let (mut segments, ids) = self.collect(&state);
        let (starts, mut windows) = watcher.into_notes();
        if windows.asks_for_silence()
            && state.decode(&[silence.after], 0, silence.threads as usize).is_ok()
            && let Ok(logits) = state.get_logits()
            && let Some(probability) = probability(logits, silence.token)
        {
            windows.heard_silence(probability);
        }
        windows.describe(&mut segments, pass.temperature, pass.temperature_inc);
        starts.restore(&mut segments, &ids);
        Ok(segments)
    }

    fn silence(&self) -> raw::Silence {
        raw::Silence {
            after: self.context.token_sot(),
            token: self.context.token_nosp(),
            threads: self.threads,
        }
    }

    fn params<'a>(&self, pass: &Pass<'a>) -> FullParams<'a, 'a> {
        let decode = &self.decode;
        let mut params = FullParams::new(match decode.beam_size {
            0 | 1 => SamplingStrategy::Greedy { best_of: decode.best_of as i32 },
            beam_size => SamplingStrategy::BeamSearch { beam_size: beam_size as i32, patience: -1.0 },
        });
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_special(false);
        params.set_print_timestamps(false);
        params.set_n_threads(self.threads);
        params.set_language(Some(pass.language));
        params.set_translate(pass.task == Task::Translate);
        params.set_temperature(pass.temperature);
        params.set_temperature_inc(pass.temperature_inc);
        params.set_entropy_thold(decode.entropy_thold);
        params.set_logprob_thold(decode.logprob_thold);
        params.set_no_speech_thold(self.no_speech_thold(pass));
        params.set_suppress_blank(true);
        params.set_suppress_nst(decode.suppress_non_speech);
        params.set_max_tokens(pass.max_tokens);
        params.set_no_context(true);
        // With no room for context a second window of the same chunk does not see the first one's
        // text. A prompt needs the room.
        params.set_n_max_text_ctx(if pass.prompt.is_empty() { 0 } else { self.context.n_text_ctx() / 2 });
        if !pass.prompt.is_empty() {
            params.set_tokens(pass.prompt);
        }
        params
    }

    /// whisper.cpp 1.8.3 reads the probability of silence off the first token it decodes, which has it only where the
    /// start token stands alone: in English-only models without a prompt. Anywhere else it is a left-over number, and
    /// no window counts as silent by it.
    fn no_speech_thold(&self, pass: &Pass<'_>) -> f32 {
        let starts_alone = !self.header.multilingual() && pass.prompt.is_empty();
        if starts_alone { self.decode.no_speech_thold } else { NEVER_SILENT }
    }

    /// Segments with their text tokens, and each one's token ids with the timestamps among them.
    fn collect(&self, state: &WhisperState) -> (Vec<RawSegment>, Vec<Vec<i32>>) {
        state
            .as_iter()
            .map(|segment| {
                let all = (0..segment.n_tokens()).filter_map(|index| segment.get_token(index));
                let all: Vec<_> = all.map(|token| token.token_data()).collect();
                let text_tokens = all.iter().filter(|token| token.id < self.marks.end_of_text);
                let raw = RawSegment {
                    start: segment.start_timestamp(),
                    end: segment.end_timestamp(),
                    text: segment.to_bytes().unwrap_or_default().to_vec(),
                    no_speech_prob: segment.no_speech_probability(),
                    tokens: text_tokens
                        .map(|token| RawToken {
                            id: token.id,
                            bytes: self.context.token_to_bytes(token.id).unwrap_or_default().to_vec(),
                            probability: token.p,
                            log_probability: token.plog,
                        })
                        .collect(),
                    ..RawSegment::default()
                };
                (raw, all.iter().map(|token| token.id).collect())
            })
            .unzip()
    }

    /// A state of its own for every call: nothing of an earlier one is left in it.
    fn state(&self) -> Result<WhisperState, EngineFault> {
        if self.failed.load(Ordering::SeqCst) {
            return Err(EngineFault::Gone);
        }
        self.context.create_state().map_err(|error| {
            debug!(%error, "no state");
            self.out_of_memory()
        })
    }

    fn fail(&self, detail: String) -> EngineFault {
        self.failed.store(true, Ordering::SeqCst);
        EngineFault::Died { detail }
    }

    /// Whether it must not be used any more.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Without numbers, as [`NO_MEMORY`].
    fn out_of_memory(&self) -> EngineFault {
        EngineFault::OutOfMemory { needed_bytes: 0, free_bytes: 0 }
    }
}

impl From<Unfit> for EngineFault {
    fn from(unfit: Unfit) -> Self {
        EngineFault::Refused { message: unfit.to_string() }
    }
}

fn unless(abort: &AtomicBool) -> Result<(), EngineFault> {
    if abort.load(Ordering::SeqCst) { Err(EngineFault::Cancelled) } else { Ok(()) }
}
