//! The decode loop.

mod attempts;
mod output;
#[cfg(test)]
mod tests;
mod text;

use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use actors::domain::jobs::options::Task;
use actors::domain::language::{Language, SURE_OF_LANGUAGE};
use actors::domain::transcript::ChunkTranscript;
use actors::ports::{Batch, EngineFault};
use tracing::debug;

use super::language::Votes;
use super::loudness::Loudness;
use super::prompt;
use super::window::{FULL_FRAMES, frames, token_limit};
use crate::engine::backends::{Backend, Search, Start};
use crate::engine::model_file::Vocabulary;
use crate::engine::request;
use crate::engine::{DecodeConfig, SAMPLE_RATE};
use text::{Features, Request, Source, Text, Window, unless};

/// A few steps of the decoder set up all that later ones need. Noise may have no end: up to the limit of a second, the load of
/// `base` in float32 took 0.68 s in place of 0.61 s.
const WARM_UP_TOKENS: usize = 8;

/// A model with the loop around it. Threads may share it: each call is independent of the others.
pub(in crate::engine) struct Decoder<B> {
    backend: B,
    /// Those of the model.
    languages: Vec<Language>,
    config: DecodeConfig,
}

impl<B: Backend> Decoder<B> {
    pub(in crate::engine) fn new(backend: B, config: DecodeConfig) -> Self {
        let languages = backend.vocabulary().languages().collect();
        Self { backend, languages, config }
    }

    pub(in crate::engine) fn backend(&self) -> &B {
        &self.backend
    }

    /// Runs encoder and decoder for a moment, so that the first chunk finds everything set up.
    ///
    /// # Errors
    /// As [`transcribe`](Self::transcribe).
    pub(in crate::engine) fn warm_up(&self, abort: &AtomicBool) -> Result<(), EngineFault> {
        let mut state = 1u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state as f32 / u32::MAX as f32 - 0.5) * 1e-2
        });
        let noise: Vec<f32> = noise.take(SAMPLE_RATE).collect();
        unless(abort)?;
        let encoding = self.backend.encode(&[&noise], frames(noise.len()), abort)?;
        unless(abort)?;
        let start = Start { language: Language::ENGLISH, task: Task::Transcribe, context: &[] };
        let search = self.search(0.0, WARM_UP_TOKENS);
        self.backend.generate(&encoding, &start, &search, abort)?;
        unless(abort)
    }

    fn search(&self, temperature: f32, token_limit: usize) -> Search {
        Search {
            temperature,
            beam_size: match self.config.beam_size as usize {
                0 => B::BEAM_SIZE,
                width => width,
            },
            best_of: self.config.best_of as usize,
            token_limit,
            suppress_non_speech: self.config.suppress_non_speech,
        }
    }

    /// Transcribes the chunks of one batch. The same batch gives the same transcripts, whatever ran before it, unless a
    /// temperature above 0 is asked for. `progress` is called with the fraction done. Setting `abort` ends it with
    /// [`EngineFault::Cancelled`] after the present call into the backend.
    ///
    /// # Blocking
    /// For as long as the batch takes.
    pub(in crate::engine) fn transcribe(
        &self,
        batch: &Batch,
        abort: &AtomicBool,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<Vec<ChunkTranscript>, EngineFault> {
        let samples = batch
            .chunks
            .iter()
            .map(|chunk| request::usable(&chunk.samples))
            .collect::<Result<Vec<_>, _>>()?;
        let windows: Vec<Window<'_>> = samples
            .iter()
            .zip(&batch.chunks)
            .map(|(samples, chunk)| Window {
                samples,
                loudness: Loudness::of(samples),
                voices: chunk.voices,
                needs_words: batch.word_timestamps || chunk.is_joined,
                needs_alignment: batch.word_timestamps || chunk.is_joined || batch.token_logprobs,
            })
            .collect();
        let temperature = request::temperature(batch)?;
        let task = request::task(batch, self.languages.len())?;
        let prompt_text = request::prompt(batch)?.unwrap_or_default();
        let hotwords = request::hotwords(batch)?;
        let context = prompt::context(
            self.vocabulary(),
            hotwords,
            Some(prompt_text).filter(|prompt| !prompt.is_empty()),
        );
        let echoed = format!("{} {prompt_text}", hotwords.join(" "));
        unless(abort)?;

        let sounding: Vec<usize> =
            (0..windows.len()).filter(|at| !windows[*at].loudness.is_silent()).collect();
        if sounding.is_empty() {
            return Ok(batch.chunks.iter().map(|_| ChunkTranscript::silent(batch.language)).collect());
        }
        let together: Vec<&[f32]> = sounding.iter().map(|at| windows[*at].samples).collect();
        let frames = together.iter().map(|samples| frames(samples.len())).max().unwrap_or(FULL_FRAMES);
        let encoding = Rc::new(self.backend.encode(&together, frames, abort)?);
        unless(abort)?;
        progress(0.3);
        let (language, language_probability) = self.language(batch, &encoding, &together, abort)?;
        let longest = together.iter().map(|samples| samples.len()).max().unwrap_or(0);
        let request = Request {
            start: Start { language, task, context: &context },
            search: self.search(temperature, token_limit(longest)),
            prompt_text: &echoed,
            abort,
        };
        let hypotheses = self.backend.generate(&encoding, &request.start, &request.search, abort)?;
        unless(abort)?;
        progress(0.8);
        let mut texts: Vec<Option<Text<B::Encoding>>> = windows.iter().map(|_| None).collect();
        for (index, (hypothesis, at)) in hypotheses.into_iter().zip(&sounding).enumerate() {
            let window = &windows[*at];
            let source = Source { encoding: Rc::clone(&encoding), index, windows: sounding.len() };
            let made_from = (1, Features::of_frames(frames));
            let first = self.judge(hypothesis, window, source, request.search.temperature, made_from);
            texts[*at] = Some(self.settle(first, window, &request)?);
            progress(0.8 + 0.15 * (index + 1) as f32 / sounding.len() as f32);
        }
        let redecodes: Vec<u32> = texts.iter().map(|text| text.as_ref().map_or(0, Text::redecodes)).collect();
        for (text, window) in texts.iter_mut().zip(&windows) {
            text.take_if(|text| self.is_no_speech(text, window));
        }
        let alignments = self.alignments(&texts, &windows, &request)?;
        progress(1.0);
        Ok(windows
            .iter()
            .zip(&texts)
            .zip(&alignments)
            .zip(redecodes)
            .map(|(((window, text), alignment), redecodes)| ChunkTranscript {
                language: Some(language),
                language_probability,
                segments: match text {
                    Some(text) => self.segments(text, alignment.as_ref(), window, language),
                    None => Vec::new(),
                },
                redecodes,
            })
            .collect())
    }

    fn vocabulary(&self) -> &Vocabulary {
        self.backend.vocabulary()
    }

    /// The language of a batch: the one asked for, or the likeliest of the first window; where that one is not sure, of
    /// all the recording's windows of likely speech.
    fn language(
        &self,
        batch: &Batch,
        encoding: &B::Encoding,
        windows: &[&[f32]],
        abort: &AtomicBool,
    ) -> Result<(Language, Option<f32>), EngineFault> {
        let known = &self.languages;
        if let Some(language) = batch.language {
            return match known.contains(&language) {
                true => Ok((language, None)),
                false => Err(self.unknown_language(&[language])),
            };
        }
        let allowed: Vec<Language> = known
            .iter()
            .copied()
            .filter(|language| batch.languages.is_empty() || batch.languages.contains(language))
            .collect();
        match allowed[..] {
            [] => return Err(self.unknown_language(&batch.languages)),
            [only] => return Ok((only, None)),
            [_, _, ..] => {}
        }
        let secs = |samples: &[f32]| samples.len() as f32 / SAMPLE_RATE as f32;
        let mut votes = Votes::default();
        let first = self.backend.languages(encoding, abort)?;
        if let (Some(probabilities), Some(samples)) = (first.first(), windows.first()) {
            votes.add(probabilities, &allowed, secs(samples));
        }
        let sure = |votes: &Votes| votes.winner().is_some_and(|(_, share)| share >= SURE_OF_LANGUAGE);
        if !sure(&votes) && !batch.language_windows.is_empty() {
            votes = Votes::default();
            for samples in &batch.language_windows {
                let samples = request::usable(samples)?;
                let encoding = self.backend.encode(&[&samples], frames(samples.len()), abort)?;
                unless(abort)?;
                for probabilities in self.backend.languages(&encoding, abort)? {
                    votes.add(&probabilities, &allowed, secs(&samples));
                }
            }
        }
        let (language, share) = votes.winner().unwrap_or((allowed[0], 0.0));
        debug!(language = language.code(), share, "language detected");
        Ok((language, Some(share)))
    }

    fn unknown_language(&self, asked: &[Language]) -> EngineFault {
        let names: Vec<&str> = asked.iter().map(|language| language.code()).collect();
        EngineFault::Refused {
            message: format!("the model does not support the language {}", names.join(", ")),
        }
    }
}
