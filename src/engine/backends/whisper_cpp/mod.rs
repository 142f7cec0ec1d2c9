//! whisper.cpp: ggml files, on a CPU and on every GPU that ggml supports.

mod device;
mod raw;

use std::sync::atomic::{AtomicBool, Ordering};

use actors::domain::jobs::options::Task;
use actors::domain::language::Language;
use actors::ports::{Device, EngineFault, LoadFailure};
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState};

use super::{Aligned, Alignment, Backend, Hypothesis, LanguageProbabilities, Search, Start};
use crate::engine::config::EngineConfig;
use crate::engine::decode::FULL_FRAMES;
use crate::engine::failure::{NO_MEMORY, broken};
use crate::engine::memory::estimate;
use crate::engine::model_file::{ModelHeader, Vocabulary};
use device::device;

pub(in crate::engine) use raw::{
    echo_trouble_to_stderr, exit_now, give_back_freed_memory, install_log_hooks, keep_freed_memory,
    share_one_heap,
};

/// A loaded model. Every call has a state of its own.
pub(in crate::engine) struct WhisperCpp {
    context: WhisperContext,
    vocabulary: Vocabulary,
    device: Device,
    model_id: String,
    threads: i32,
    /// Set once the engine has failed in a way that leaves its memory or its device in doubt.
    failed: AtomicBool,
}

/// Windows that are encoded by the call that needs the encoding: whisper.cpp's interface has no way to keep one.
pub(in crate::engine) struct Encoding {
    windows: Vec<Vec<f32>>,
    frames: usize,
}

/// One transcription's parameters that differ from call to call.
struct Pass<'a> {
    language: Language,
    task: Task,
    prompt: &'a [i32],
    search: &'a Search,
    max_tokens: usize,
    frames: usize,
}

impl WhisperCpp {
    /// Loads the file that `header` was read from; a GPU with less than `needed_bytes` free is not tried.
    ///
    /// # Blocking
    /// For as long as the load takes.
    pub(in crate::engine) fn load(
        config: &EngineConfig,
        header: &ModelHeader,
        needed_bytes: u64,
    ) -> Result<Self, LoadFailure> {
        raw::install_log_hooks();
        let vocabulary = Vocabulary::read(header)?;
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
            .flash_attn(config.flash_attn);
        let context = WhisperContext::new_with_params(&config.model_path, parameters).map_err(|error| {
            broken(
                "model_corrupt",
                format!("whisper.cpp cannot load {}: {error}", config.model_path.display()),
            )
        })?;
        Ok(Self {
            context,
            vocabulary,
            device,
            model_id: config.model_id.clone(),
            threads: i32::try_from(config.thread_count()).unwrap_or(1),
            failed: AtomicBool::new(false),
        })
    }

    fn state(&self) -> Result<WhisperState, EngineFault> {
        self.context.create_state().map_err(|_| self.out_of_memory())
    }

    /// Encodes the window and generates its text; the state keeps the encoding.
    fn run(&self, pass: &Pass<'_>, samples: &[f32], abort: &AtomicBool) -> Result<Run, EngineFault> {
        let mut state = self.state()?;
        let watcher = raw::Watcher::new(abort);
        match raw::full(&mut state, self.params(pass), samples, &watcher) {
            Ok(()) => Ok(Run { state, sequences: watcher.into_sequences() }),
            Err(-7) => {
                // whisper.cpp has freed the state already: dropping it would free it again.
                std::mem::forget(state);
                Err(self.out_of_memory())
            }
            Err(-6 | -8 | -9) if abort.load(Ordering::SeqCst) => Err(EngineFault::Cancelled),
            Err(code) => Err(self.fail(format!("whisper.cpp stopped with code {code}"))),
        }
    }

    fn params<'a>(&self, pass: &Pass<'a>) -> FullParams<'a, 'a> {
        let Search { temperature, beam_size, best_of, suppress_non_speech, .. } = *pass.search;
        let mut params = FullParams::new(if beam_size > 1 && temperature == 0.0 {
            SamplingStrategy::BeamSearch { beam_size: beam_size as i32, patience: -1.0 }
        } else {
            SamplingStrategy::Greedy { best_of: best_of.max(1) as i32 }
        });
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_special(false);
        params.set_print_timestamps(false);
        params.set_n_threads(self.threads);
        params.set_language(Some(pass.language.code()));
        params.set_translate(pass.task == Task::Translate);
        params.set_temperature(temperature);
        // The decode loop decides what is tried again.
        params.set_temperature_inc(0.0);
        params.set_suppress_blank(true);
        params.set_suppress_nst(suppress_non_speech);
        params.set_max_tokens(pass.max_tokens as i32);
        params.set_no_context(true);
        if pass.frames < FULL_FRAMES {
            params.set_audio_ctx((pass.frames / 2) as i32);
        }
        // A prompt needs room for context.
        params.set_n_max_text_ctx(if pass.prompt.is_empty() { 0 } else { self.context.n_text_ctx() / 2 });
        if !pass.prompt.is_empty() {
            params.set_tokens(pass.prompt);
        }
        params
    }

    /// The logits after the start token: for the language and for the no-speech probability.
    fn start_logits<'a>(&self, state: &'a mut WhisperState) -> Result<&'a [f32], EngineFault> {
        let failed = |error| self.fail(format!("whisper.cpp failed after the start token: {error}"));
        let start = i32::try_from(self.vocabulary.start_of_transcript()).unwrap_or(0);
        state.decode(&[start], 0, self.threads as usize).map_err(failed)?;
        state.get_logits().map_err(failed)
    }

    /// Mean log probability of the tokens at temperature 1: whisper.cpp's own are of the distribution that it sampled.
    fn rescore(&self, run: &mut Run, start: &Start<'_>, tokens: &[u32]) -> Result<f32, EngineFault> {
        let failed = |error| self.fail(format!("whisper.cpp failed to score a text: {error}"));
        let threads = self.threads as usize;
        let mut prompt = ids(&start.tokens(&self.vocabulary));
        let mut sum = 0.0;
        let mut past = 0;
        for token in tokens {
            run.state.decode(&prompt, past, threads).map_err(failed)?;
            past += prompt.len();
            let id = i32::try_from(*token).unwrap_or(0);
            let logits = run.state.get_logits().map_err(failed)?;
            sum += probability(logits, id).unwrap_or(f32::MIN_POSITIVE).max(f32::MIN_POSITIVE).ln();
            prompt = vec![id];
        }
        Ok(sum / tokens.len().max(1) as f32)
    }

    fn out_of_memory(&self) -> EngineFault {
        self.failed.store(true, Ordering::SeqCst);
        EngineFault::OutOfMemory { needed_bytes: 0, free_bytes: 0 }
    }

    fn fail(&self, detail: String) -> EngineFault {
        self.failed.store(true, Ordering::SeqCst);
        EngineFault::Exited { detail: format!("{detail} (model {})", self.model_id) }
    }
}

/// A finished transcription.
struct Run {
    state: WhisperState,
    sequences: Vec<Vec<i32>>,
}

impl Backend for WhisperCpp {
    type Encoding = Encoding;

    // docs/QUALITY.md, "Beam search".
    const BEAM_SIZE: usize = 1;

    fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn batch_size(&self) -> usize {
        1
    }

    fn encode(&self, windows: &[&[f32]], frames: usize, _: &AtomicBool) -> Result<Encoding, EngineFault> {
        Ok(Encoding { windows: windows.iter().map(|samples| samples.to_vec()).collect(), frames })
    }

    fn languages(
        &self,
        encoding: &Encoding,
        abort: &AtomicBool,
    ) -> Result<Vec<LanguageProbabilities>, EngineFault> {
        // One token of any language: what counts is the encoding that the state keeps.
        let search =
            Search { temperature: 0.0, beam_size: 1, best_of: 1, token_limit: 1, suppress_non_speech: true };
        let english = self.vocabulary.languages().next();
        let Some(language) = english else { return Ok(Vec::new()) };
        encoding
            .windows
            .iter()
            .map(|samples| {
                let pass = Pass {
                    language,
                    task: Task::Transcribe,
                    prompt: &[],
                    search: &search,
                    max_tokens: 1,
                    frames: encoding.frames,
                };
                let mut run = self.run(&pass, samples, abort)?;
                let logits = self.start_logits(&mut run.state)?;
                let of = |language: &Language| {
                    let token = self.vocabulary.language(*language)?;
                    probability(logits, i32::try_from(token).ok()?)
                        .map(|probability| (*language, probability))
                };
                Ok(self.vocabulary.languages().filter_map(|language| of(&language)).collect())
            })
            .collect()
    }

    fn generate(
        &self,
        encoding: &Encoding,
        start: &Start<'_>,
        search: &Search,
        abort: &AtomicBool,
    ) -> Result<Vec<Hypothesis>, EngineFault> {
        let prompt = ids(start.context);
        let mut hypotheses = Vec::with_capacity(encoding.windows.len());
        for samples in &encoding.windows {
            let pass = Pass {
                language: start.language,
                task: start.task,
                prompt: &prompt,
                search,
                max_tokens: search.token_limit,
                frames: encoding.frames,
            };
            let mut run = self.run(&pass, samples, abort)?;
            let data: Vec<_> = run
                .state
                .as_iter()
                .flat_map(|segment| {
                    let tokens = (0..segment.n_tokens()).filter_map(|index| segment.get_token(index));
                    tokens.map(|token| token.token_data()).collect::<Vec<_>>()
                })
                .collect();
            let end = self.vocabulary.end_of_text();
            let written: Vec<u32> = data.iter().filter_map(|token| u32::try_from(token.id).ok()).collect();
            let logprobs: Vec<f32> = data
                .iter()
                .filter(|token| u32::try_from(token.id).is_ok_and(|id| id < end))
                .map(|token| token.plog)
                .collect();
            let mut avg_logprob = data.iter().map(|token| token.plog).sum::<f32>() / data.len().max(1) as f32;
            let tokens = with_starts(written, &run.sequences, end);
            let mut hypothesis = Hypothesis {
                no_speech_prob: self.start_logits(&mut run.state).map(|logits| {
                    probability(logits, i32::try_from(self.vocabulary.no_speech()).unwrap_or(0))
                        .unwrap_or(0.0)
                })?,
                limit_reached: tokens.len() + 1 >= search.token_limit,
                logprobs: Some(logprobs),
                ..Hypothesis::default()
            };
            if search.temperature > 0.0 {
                avg_logprob = self.rescore(&mut run, start, &tokens)?;
                hypothesis.logprobs = None;
            }
            hypotheses.push(Hypothesis { tokens, avg_logprob, ..hypothesis });
        }
        Ok(hypotheses)
    }

    /// whisper.cpp's alignment needs a context without flash attention, and its times were worse than the sound's own.
    fn align(
        &self,
        _: &Encoding,
        _: &Start<'_>,
        _: &[Aligned<'_>],
        _: &AtomicBool,
    ) -> Result<Option<Vec<Alignment>>, EngineFault> {
        Ok(None)
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }
}

/// The tokens of a text with the start timestamps that whisper.cpp drops from its segments, as far as one of its
/// decoders is known to have written them.
fn with_starts(written: Vec<u32>, sequences: &[Vec<i32>], end_of_text: u32) -> Vec<u32> {
    let text_of =
        |tokens: &[u32]| -> Vec<u32> { tokens.iter().copied().filter(|id| *id < end_of_text).collect() };
    let text = text_of(&written);
    let known = sequences
        .iter()
        .map(|sequence| sequence.iter().filter_map(|id| u32::try_from(*id).ok()).collect::<Vec<u32>>())
        .filter(|sequence| text.starts_with(&text_of(sequence)))
        .max_by_key(Vec::len);
    let Some(mut tokens) = known else { return written };
    // What was chosen after the last call, from the segments themselves.
    let known_text = text_of(&tokens).len();
    let mut seen = 0;
    let rest = written.iter().position(|id| {
        seen += usize::from(*id < end_of_text);
        seen > known_text
    });
    match rest {
        Some(rest) => tokens.extend(written.get(rest..).unwrap_or_default()),
        None => {
            let last = written.last().filter(|id| **id > end_of_text);
            tokens.extend(last.filter(|last| tokens.last() != Some(last)));
        }
    }
    tokens
}

/// The share of one token among all, at temperature 1; `None` of a token that does not exist.
fn probability(logits: &[f32], token: i32) -> Option<f32> {
    let logit = usize::try_from(token).ok().and_then(|token| logits.get(token).copied())?;
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
    Some((f64::from(logit - most).exp() / sum) as f32).filter(|share| share.is_finite())
}

fn ids(tokens: &[u32]) -> Vec<i32> {
    tokens.iter().filter_map(|token| i32::try_from(*token).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u32 = 100;

    #[test]
    fn dropped_start_timestamps_come_back() {
        // Segments say: 101 a b 110, c 120; the decoder wrote 101 a b 110 112 c 120.
        let written = vec![101, 1, 2, 110, 3, 120];
        let sequences = vec![
            vec![101],
            vec![101, 1, 2, 110, 112],
            vec![101, 9, 9, 9, 9, 9, 9],
            vec![101, 1, 2, 110, 112, 3],
        ];
        assert_eq!(with_starts(written, &sequences, END), [101, 1, 2, 110, 112, 3, 120]);
    }

    #[test]
    fn a_text_without_a_decoder_stays_as_it_is() {
        let written = vec![101, 1, 2, 110];
        assert_eq!(with_starts(written.clone(), &[vec![101, 7]], END), written);
        assert_eq!(with_starts(written.clone(), &[], END), written);
    }

    #[test]
    fn a_probability_is_a_share_of_all() {
        assert_eq!(probability(&[1e4, 1e4, f32::NEG_INFINITY], 1), Some(0.5));
        assert_eq!(probability(&[0.0, 0.0, f32::NEG_INFINITY], 2), Some(0.0));
        assert_eq!((probability(&[0.0], 7), probability(&[0.0], -1)), (None, None));
        assert_eq!(probability(&[f32::NAN], 0), None);
    }
}
