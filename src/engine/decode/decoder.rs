//! The decode loop.

use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use actors::domain::jobs::options::Task;
use actors::domain::language::{Language, SURE_OF_LANGUAGE};
use actors::domain::transcript::repetition::repeated_tokens;
use actors::domain::transcript::{ChunkTranscript, Decoding, Flag, Segment, Word};
use actors::ports::{Batch, EngineFault, VoiceActivity};
use tracing::debug;

use super::echo::is_echo;
use super::fallback::{self, Attempt, SoFar};
use super::features::HOP;
use super::language::Votes;
use super::loudness::Loudness;
use super::prompt;
use super::quality::{self, Doubt, Evidence, Thresholds};
use super::segments::{self, Piece, pieces, text_of, text_tokens};
use super::sound_times::sound_times;
use super::window::{FULL_FRAMES, MAX_TOKENS, frames, token_limit};
use super::word_times;
use crate::engine::backends::{Aligned, Alignment, Backend, Hypothesis, Search, Start};
use crate::engine::model_file::Vocabulary;
use crate::engine::request;
use crate::engine::{DecodeConfig, SAMPLE_RATE};

/// A text that stays below [`MATCHED_LOGPROB`] after every decode is dropped where the no-speech probability exceeds this.
const UNLIKELY_NO_SPEECH: f32 = 0.2;
/// A window whose text ends early is read on from there, where at least this much is left, in seconds.
const LEAST_REST_SECS: f64 = 1.0;
/// Speech is louder than its background from this long after its start, in seconds.
const ONSET_SECS: f64 = 0.2;
/// An average log probability below which a length-matched window is decoded once more in full.
const MATCHED_LOGPROB: f32 = -0.7;

/// A model with the loop around it. Threads may share it: each call is independent of the others.
pub(in crate::engine) struct Decoder<B> {
    backend: B,
    /// That the model knows.
    languages: Vec<Language>,
    config: DecodeConfig,
}

/// A window in work.
struct Window<'a> {
    samples: &'a [f32],
    loudness: Loudness,
    voices: VoiceActivity,
    wants_words: bool,
    /// For words or for token probabilities.
    wants_alignment: bool,
}

/// The text of a window so far.
struct Text<E> {
    tokens: Vec<u32>,
    hypothesis: Hypothesis,
    doubt: Option<Doubt>,
    /// The encoding of the whole window.
    source: Source<E>,
    /// Whether something was cut off its end: a loop, or text behind the end of the sound.
    is_shortened: bool,
    /// All of the tokens, where a loop was cut off.
    with_loop: Option<Vec<u32>>,
    temperature: f32,
    decodes: usize,
}

/// One window of an encoding.
struct Source<E> {
    encoding: Rc<E>,
    index: usize,
    /// How many the encoding has.
    windows: usize,
}

impl<E> Source<E> {
    fn only(encoding: &Rc<E>) -> Self {
        Self { encoding: Rc::clone(encoding), index: 0, windows: 1 }
    }
}

/// How long the features are that a text was decoded from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Features {
    /// As long as the samples.
    Matched,
    /// As long as the encoder takes.
    Full,
}

/// What all windows of a batch share.
#[derive(Clone, Copy)]
struct Request<'a> {
    start: Start<'a>,
    search: Search,
    prompt_text: &'a str,
    /// Whether the batch's features are as long as the encoder takes.
    is_full: bool,
    abort: &'a AtomicBool,
}

impl<B: Backend> Decoder<B> {
    pub(in crate::engine) fn new(backend: B, config: DecodeConfig) -> Self {
        let languages = backend.vocabulary().languages().collect();
        Self { backend, languages, config }
    }

    pub(in crate::engine) fn backend(&self) -> &B {
        &self.backend
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
                wants_words: batch.word_timestamps || chunk.is_joined,
                wants_alignment: batch.word_timestamps || chunk.is_joined || batch.token_logprobs,
            })
            .collect();
        let temperature = request::temperature(batch)?;
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
            start: Start {
                language,
                // An English-only model has no token for the task.
                task: if self.languages.len() > 1 { batch.task } else { Task::Transcribe },
                context: &context,
            },
            search: Search {
                temperature,
                beam_size: self.config.beam_size as usize,
                best_of: self.config.best_of as usize,
                token_limit: if frames == FULL_FRAMES { MAX_TOKENS } else { token_limit(longest) },
                suppress_non_speech: self.config.suppress_non_speech,
            },
            prompt_text: &echoed,
            is_full: frames == FULL_FRAMES,
            abort,
        };
        let hypotheses = self.backend.generate(&encoding, &request.start, &request.search, abort)?;
        unless(abort)?;
        progress(0.8);
        let mut texts: Vec<Option<Text<B::Encoding>>> = windows.iter().map(|_| None).collect();
        for (index, (hypothesis, at)) in hypotheses.into_iter().zip(&sounding).enumerate() {
            let window = &windows[*at];
            let source = Source { encoding: Rc::clone(&encoding), index, windows: sounding.len() };
            let span = if request.is_full { Features::Full } else { Features::Matched };
            let first = self.judge(hypothesis, window, source, request.search.temperature, (1, span));
            texts[*at] = Some(self.settle(first, window, &request)?);
            progress(0.8 + 0.15 * (index + 1) as f32 / sounding.len() as f32);
        }
        for (text, window) in texts.iter_mut().zip(&windows) {
            text.take_if(|text| self.is_no_speech(text, window) || stays_unlikely(text));
        }
        let alignments = self.alignments(&texts, &windows, &request)?;
        progress(1.0);
        Ok(windows
            .iter()
            .zip(&texts)
            .zip(&alignments)
            .map(|((window, text), alignment)| ChunkTranscript {
                language: Some(language),
                language_probability,
                segments: match text {
                    Some(text) => self.segments(text, alignment.as_ref(), window, language),
                    None => Vec::new(),
                },
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

    /// A hypothesis with what is wrong with it.
    fn judge(
        &self,
        hypothesis: Hypothesis,
        window: &Window<'_>,
        source: Source<B::Encoding>,
        temperature: f32,
        (decodes, features): (usize, Features),
    ) -> Text<B::Encoding> {
        let vocabulary = self.vocabulary();
        let mut tokens = hypothesis.tokens.clone();
        let is_trimmed = segments::trim(&mut tokens, window.speech_end_secs(), vocabulary);
        // What comes before a loop is kept, and read on from there.
        let words = text_tokens(&tokens, vocabulary);
        let with_loop = quality::loop_start(&words, self.config.loop_entropy).and_then(|start| {
            let all = tokens.clone();
            segments::cut_before(&mut tokens, start, vocabulary).then_some(all)
        });
        let is_shortened = is_trimmed || with_loop.is_some();
        let mut text =
            Text { tokens, hypothesis, doubt: None, source, is_shortened, with_loop, temperature, decodes };
        text.doubt = self.doubt(&text, window, features);
        let Hypothesis { avg_logprob, no_speech_prob, .. } = text.hypothesis;
        debug!(doubt = ?text.doubt, avg_logprob, no_speech_prob, decodes, "window decoded");
        text
    }

    fn doubt(&self, text: &Text<B::Encoding>, window: &Window<'_>, features: Features) -> Option<Doubt> {
        let vocabulary = self.vocabulary();
        let words = text_tokens(&text.tokens, vocabulary);
        let evidence = Evidence {
            text: &text_of(&words, vocabulary),
            tokens: &words,
            avg_logprob: text.hypothesis.avg_logprob,
            no_speech_prob: text.hypothesis.no_speech_prob,
            limit_reached: text.hypothesis.limit_reached && !text.is_shortened,
            last_timestamp: segments::last_timestamp(&text.tokens, vocabulary),
            sound_end_secs: window.speech_end_secs(),
        };
        evidence.doubt(Thresholds {
            avg_logprob: match features {
                Features::Matched => MATCHED_LOGPROB.max(self.config.logprob_thold),
                Features::Full => self.config.logprob_thold,
            },
            no_speech_prob: self.config.no_speech_thold,
            entropy: self.config.entropy_thold,
            loop_entropy: self.config.loop_entropy,
        })
    }

    /// Decodes a doubtful window again until it is not, within bounds; the best of what came is kept.
    fn settle(
        &self,
        mut best: Text<B::Encoding>,
        window: &Window<'_>,
        request: &Request<'_>,
    ) -> Result<Text<B::Encoding>, EngineFault> {
        best = self.without_echo(best, window, request)?;
        let wider = request.search.wider();
        let mut padded: Option<Rc<B::Encoding>> = None;
        let mut last = best.doubt;
        let mut decodes = best.decodes;
        let mut so_far = if request.is_full { SoFar::Padded } else { SoFar::Matched };
        while let Some(doubt) = last {
            if decodes >= self.config.max_decodes as usize || self.is_no_speech(&best, window) {
                break;
            }
            let is_loud = window.loudness.speech_end() > 0;
            let Some((attempt, then)) = fallback::next(doubt, so_far, is_loud, wider) else { break };
            so_far = then;
            let search = match attempt {
                Attempt::Padded => Search { token_limit: MAX_TOKENS, ..request.search },
                Attempt::Search(search) => Search { token_limit: MAX_TOKENS, ..search },
            };
            let encoding = match &padded {
                Some(encoding) => Rc::clone(encoding),
                None => {
                    let encoded = self.backend.encode(&[window.samples], FULL_FRAMES, request.abort)?;
                    Rc::clone(padded.insert(Rc::new(encoded)))
                }
            };
            unless(request.abort)?;
            debug!(?doubt, ?attempt, "window decoded again");
            let generated = self.backend.generate(&encoding, &request.start, &search, request.abort)?;
            unless(request.abort)?;
            decodes += 1;
            let Some(hypothesis) = generated.into_iter().next() else { break };
            let text = self.judge(
                hypothesis,
                window,
                Source::only(&encoding),
                search.temperature,
                (decodes, Features::Full),
            );
            last = text.doubt;
            if is_better(&text, &best) {
                best = text;
            }
            best.decodes = decodes;
        }
        self.read_on(best, window, request)
    }

    /// A text that ends early is continued from its last timestamp: the rest is a window of its own.
    fn read_on(
        &self,
        mut text: Text<B::Encoding>,
        window: &Window<'_>,
        request: &Request<'_>,
    ) -> Result<Text<B::Encoding>, EngineFault> {
        let vocabulary = self.vocabulary();
        let mut from = segments::last_timestamp(&text.tokens, vocabulary).unwrap_or(0.0);
        while text.doubt == Some(Doubt::EarlyEnd) && text.decodes < self.config.max_decodes as usize {
            let first = (from * SAMPLE_RATE as f64) as usize;
            let samples = window.samples.get(first..).unwrap_or_default();
            if from < 0.5 || (samples.len() as f64) < LEAST_REST_SECS * SAMPLE_RATE as f64 {
                break;
            }
            debug!(from, "window read on");
            let rest = Window { samples, loudness: Loudness::of(samples), ..*window };
            let Some(more) = self.decode_rest(&rest, request, text.decodes + 1)? else { break };
            text.decodes += 1;
            if let Some(all) = text.with_loop.take() {
                let more_tokens = text_tokens(&more.hypothesis.tokens, vocabulary);
                let cut = all.get(text.tokens.len()..).unwrap_or_default();
                if quality::begins_with(&more_tokens, &text_tokens(cut, vocabulary)) {
                    // They were spoken again, and are not a loop.
                    (text.tokens, text.doubt) = (all, None);
                    break;
                }
                if quality::share_a_phrase(&more_tokens, &text_tokens(&text.tokens, vocabulary)) {
                    // What is kept ends later than its timestamp says.
                    from = self.last_word_end(&text, window, request)?.max(from);
                    continue;
                }
            }
            if stays_unlikely(&more) {
                break;
            }
            let is_full = frames(samples.len()) == FULL_FRAMES;
            let more = self.settle(more, &rest, &Request { is_full, ..*request })?;
            text.decodes = more.decodes;
            // The text before it ended here, too: a rest that the model takes for no speech is none, however likely its words.
            let is_speech = more.hypothesis.no_speech_prob <= self.config.no_speech_thold;
            let accepted = match more.doubt {
                None | Some(Doubt::EarlyEnd) => is_speech && !self.is_no_speech(&more, &rest),
                Some(Doubt::NoEnd | Doubt::Loop | Doubt::Unlikely | Doubt::Empty) => false,
            };
            if accepted && !text_tokens(&more.tokens, vocabulary).is_empty() {
                let steps = (from / 0.02).round() as u32;
                let moved =
                    |token: u32| if token >= vocabulary.first_timestamp() { token + steps } else { token };
                text.tokens.extend(more.tokens.into_iter().map(moved));
                text.doubt = more.doubt;
            }
            break;
        }
        Ok(text)
    }

    /// The first text of the rest of a window.
    fn decode_rest(
        &self,
        rest: &Window<'_>,
        request: &Request<'_>,
        decodes: usize,
    ) -> Result<Option<Text<B::Encoding>>, EngineFault> {
        let length = frames(rest.samples.len());
        let encoding = Rc::new(self.backend.encode(&[rest.samples], length, request.abort)?);
        unless(request.abort)?;
        let search = Search { token_limit: token_limit(rest.samples.len()), ..request.search };
        let generated = self.backend.generate(&encoding, &request.start, &search, request.abort)?;
        unless(request.abort)?;
        Ok(generated.into_iter().next().map(|hypothesis| {
            let source = Source::only(&encoding);
            self.judge(hypothesis, rest, source, search.temperature, (decodes, Features::Matched))
        }))
    }

    /// Where the last word of a text ends by the decoder's attention, in seconds; 0 where that cannot be told.
    fn last_word_end(
        &self,
        text: &Text<B::Encoding>,
        window: &Window<'_>,
        request: &Request<'_>,
    ) -> Result<f64, EngineFault> {
        let tokens = text_tokens(&text.tokens, self.vocabulary());
        let Source { encoding, index, windows } = &text.source;
        let mut aligned = vec![Aligned { tokens: &[], frames: window.frames() }; *windows];
        if let Some(own) = aligned.get_mut(*index) {
            own.tokens = &tokens;
        }
        let found = self.backend.align(encoding, &request.start, &aligned, request.abort)?;
        unless(request.abort)?;
        Ok(found.and_then(|found| found.get(*index)?.starts.last().copied()).unwrap_or(0.0))
    }

    /// What the model copied from its prompt is decoded again without one.
    fn without_echo(
        &self,
        text: Text<B::Encoding>,
        window: &Window<'_>,
        request: &Request<'_>,
    ) -> Result<Text<B::Encoding>, EngineFault> {
        if request.start.context.is_empty() {
            return Ok(text);
        }
        let vocabulary = self.vocabulary();
        let words = text_of(&text_tokens(&text.tokens, vocabulary), vocabulary);
        let is_suspect = is_echo(&words, request.prompt_text)
            || (window.voices == VoiceActivity::Absent && !words.trim().is_empty());
        if !is_suspect {
            return Ok(text);
        }
        let encoding =
            Rc::new(self.backend.encode(&[window.samples], frames(window.samples.len()), request.abort)?);
        unless(request.abort)?;
        let start = Start { context: &[], ..request.start };
        let generated = self.backend.generate(&encoding, &start, &request.search, request.abort)?;
        let Some(hypothesis) = generated.into_iter().next() else { return Ok(text) };
        Ok(self.judge(
            hypothesis,
            window,
            Source::only(&encoding),
            text.temperature,
            (text.decodes + 1, Features::Matched),
        ))
    }

    /// Whether the window holds no speech: the model says so and is not sure of its text, or the detector says so too.
    fn is_no_speech(&self, text: &Text<B::Encoding>, window: &Window<'_>) -> bool {
        let Hypothesis { avg_logprob, no_speech_prob, .. } = text.hypothesis;
        let silent = no_speech_prob > self.config.no_speech_thold && avg_logprob < self.config.logprob_thold;
        let agreed = window.voices == VoiceActivity::Absent
            && (no_speech_prob > self.config.no_speech_thold
                || avg_logprob < self.config.unvoiced_logprob_thold
                || text.doubt.is_some()
                || text.is_shortened);
        silent || agreed
    }

    /// Word times and token probabilities of each window, where they are wanted.
    fn alignments(
        &self,
        texts: &[Option<Text<B::Encoding>>],
        windows: &[Window<'_>],
        request: &Request<'_>,
    ) -> Result<Vec<Option<Alignment>>, EngineFault> {
        let vocabulary = self.vocabulary();
        let tokens: Vec<Vec<u32>> = texts
            .iter()
            .map(|text| text.as_ref().map_or(Vec::new(), |text| text_tokens(&text.tokens, vocabulary)))
            .collect();
        let mut alignments: Vec<Option<Alignment>> = windows.iter().map(|_| None).collect();
        for at in 0..windows.len() {
            let Some(text) = texts[at].as_ref().filter(|_| windows[at].wants_alignment) else { continue };
            if alignments[at].is_some() || tokens[at].is_empty() {
                continue;
            }
            // All windows of the same encoding are aligned at once.
            let source = &text.source;
            let of_source = |other: &Option<Text<B::Encoding>>| {
                let other = &other.as_ref()?.source;
                Rc::ptr_eq(&other.encoding, &source.encoding).then_some(other.index)
            };
            let mut together: Vec<Aligned<'_>> =
                vec![Aligned { tokens: &[], frames: windows[at].frames() }; source.windows];
            let mut members = Vec::new();
            for (other, text) in texts.iter().enumerate() {
                if let Some(index) = of_source(text)
                    && let Some(slot) = together.get_mut(index)
                {
                    *slot = Aligned { tokens: &tokens[other], frames: windows[other].frames() };
                    members.push((other, index));
                }
            }
            let Some(found) =
                self.backend.align(&source.encoding, &request.start, &together, request.abort)?
            else {
                return Ok(alignments);
            };
            unless(request.abort)?;
            for (other, index) in members {
                alignments[other] = found.get(index).cloned();
            }
        }
        Ok(alignments)
    }

    fn segments(
        &self,
        text: &Text<B::Encoding>,
        alignment: Option<&Alignment>,
        window: &Window<'_>,
        language: Language,
    ) -> Vec<Segment> {
        let vocabulary = self.vocabulary();
        let tokens = text_tokens(&text.tokens, vocabulary);
        let ids: Vec<i32> = tokens.iter().map(|token| i32::try_from(*token).unwrap_or(i32::MAX)).collect();
        let loops = repeated_tokens(&ids, f64::from(self.config.loop_entropy));
        let mut segments: Vec<Segment> = Vec::new();
        // Models let a text begin with its window, whatever comes before the first word.
        let onset = window.loudness.speech_start() as f64 / 100.0 - ONSET_SECS;
        for mut piece in pieces(&text.tokens, window.duration_secs(), vocabulary) {
            piece.start = piece.start.max(onset.min(piece.end));
            let own = tokens.get(piece.tokens.clone()).unwrap_or_default();
            let written = text_of(own, vocabulary);
            if is_noise(&written) {
                continue;
            }
            let words = window.wants_words.then(|| self.words(&piece, own, alignment, window, language));
            let (mut start, mut end) = (piece.start, piece.end);
            if let Some([first, .., last] | [first @ last]) = words.as_deref() {
                // Words that lie outside as a whole show that the timestamps are wrong.
                (start, end) = (start.min(first.start), end.max(last.end));
            }
            let after = segments.last().map_or(0.0, |previous| previous.end);
            start = start.max(after);
            end = end.max(start);
            segments.push(Segment {
                id: u32::try_from(segments.len()).unwrap_or(u32::MAX),
                start,
                end,
                flags: self.flags(text, loops.get(piece.tokens.clone()).unwrap_or_default()),
                decoding: self.decoding(text, own, &ids, piece.tokens, &written, alignment),
                text: written,
                words,
                channel: None,
            });
        }
        segments
    }

    /// Words by attention or, where the backend has none, by their share of the segment's sound.
    fn words(
        &self,
        piece: &Piece,
        tokens: &[u32],
        alignment: Option<&Alignment>,
        window: &Window<'_>,
        language: Language,
    ) -> Vec<Word> {
        let vocabulary = self.vocabulary();
        let groups = word_times::group(
            tokens.iter().map(|token| vocabulary.text(*token).unwrap_or_default()),
            language,
        );
        match alignment {
            Some(alignment) => {
                let first = piece.tokens.start;
                let own = Alignment {
                    starts: alignment.starts.get(first..=piece.tokens.end).unwrap_or_default().to_vec(),
                    probabilities: alignment
                        .probabilities
                        .get(piece.tokens.clone())
                        .unwrap_or_default()
                        .to_vec(),
                };
                let mut words = word_times::words(&groups, &own, &window.loudness);
                for word in &mut words {
                    if word.end > piece.start {
                        word.start = word.start.max(piece.start);
                    }
                    if word.start < piece.end {
                        word.end = word.end.min(piece.end);
                    }
                }
                words
            }
            None => sound_times(&groups, (piece.start, piece.end), &window.loudness),
        }
    }

    fn flags(&self, text: &Text<B::Encoding>, loops: &[bool]) -> Vec<Flag> {
        let mut flags = Vec::new();
        let repeated = loops.iter().filter(|again| **again).count();
        if repeated > 0 && repeated * 2 >= loops.len() {
            flags.push(Flag::Repetition);
        }
        let Hypothesis { avg_logprob, no_speech_prob, .. } = text.hypothesis;
        if avg_logprob < self.config.logprob_thold {
            flags.push(Flag::LowConfidence);
            if no_speech_prob > self.config.no_speech_thold {
                flags.push(Flag::NoSpeech);
            }
        }
        flags
    }

    fn decoding(
        &self,
        text: &Text<B::Encoding>,
        tokens: &[u32],
        ids: &[i32],
        range: Range<usize>,
        written: &str,
        alignment: Option<&Alignment>,
    ) -> Decoding {
        let lengths: Vec<u16> = tokens
            .iter()
            .map(|token| self.vocabulary().text(*token).unwrap_or_default().len() as u16)
            .collect();
        let is_whole = lengths.iter().map(|length| usize::from(*length)).sum::<usize>() == written.len();
        let logprobs = match (alignment, &text.hypothesis.logprobs) {
            (Some(alignment), _) => {
                let own = alignment.probabilities.get(range.clone()).unwrap_or_default();
                own.iter().map(|probability| probability.max(f32::MIN_POSITIVE).ln()).collect()
            }
            (None, Some(logprobs)) => logprobs.get(range.clone()).unwrap_or_default().to_vec(),
            (None, None) => Vec::new(),
        };
        Decoding {
            tokens: ids.get(range).unwrap_or_default().to_vec(),
            logprobs,
            token_bytes: if is_whole { lengths } else { Vec::new() },
            avg_logprob: text.hypothesis.avg_logprob,
            no_speech_prob: text.hypothesis.no_speech_prob,
            temperature: text.temperature,
            window_start: 0.0,
        }
    }
}

impl Window<'_> {
    fn duration_secs(&self) -> f64 {
        self.samples.len() as f64 / SAMPLE_RATE as f64
    }

    /// Where the last sound as loud as speech ends.
    fn speech_end_secs(&self) -> f64 {
        self.loudness.speech_end() as f64 / 100.0
    }

    /// Frames of 10 ms that have samples.
    fn frames(&self) -> usize {
        self.samples.len().div_ceil(HOP)
    }
}

/// Orders texts of the same window: an accepted one above a doubtful one, a loop below all; then the likelier one.
fn is_better<E>(text: &Text<E>, than: &Text<E>) -> bool {
    let rank = |text: &Text<E>| match text.doubt {
        None => 2,
        Some(Doubt::NoEnd | Doubt::Loop) => 0,
        Some(Doubt::Unlikely | Doubt::Empty | Doubt::EarlyEnd) => 1,
    };
    let order = rank(text).cmp(&rank(than));
    order.then(text.hypothesis.avg_logprob.total_cmp(&than.hypothesis.avg_logprob)).is_ge()
}

/// Whether nothing that was tried gave a likely text, and the model holds speech for unlikely, too: laughter and breathing
/// come out as thanks to an audience.
fn stays_unlikely<E>(text: &Text<E>) -> bool {
    text.hypothesis.avg_logprob < MATCHED_LOGPROB && text.hypothesis.no_speech_prob > UNLIKELY_NO_SPEECH
}

/// Exclamation marks are the tokens that come of logits that are not numbers.
fn is_noise(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || (text.len() >= 4 && text.bytes().all(|byte| byte == b'!'))
}

fn unless(abort: &AtomicBool) -> Result<(), EngineFault> {
    if abort.load(Ordering::SeqCst) { Err(EngineFault::Cancelled) } else { Ok(()) }
}
