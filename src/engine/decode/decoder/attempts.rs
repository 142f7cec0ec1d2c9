//! Decodes a doubtful window again, within bounds, and judges what came.

use std::rc::Rc;

use actors::ports::{EngineFault, VoiceActivity};
use dsp::HOP;
use tracing::debug;

use super::Decoder;
use super::text::{Features, MATCHED_LOGPROB, Request, Source, Text, Window, unless};
use crate::engine::SAMPLE_RATE;
use crate::engine::backends::{Aligned, Backend, Hypothesis, Search, Start};
use crate::engine::decode::echo::is_echo;
use crate::engine::decode::fallback::{self, Attempt, SoFar};
use crate::engine::decode::loudness::{Loudness, hundredths};
use crate::engine::decode::quality::{self, Doubt, Evidence, Thresholds};
use crate::engine::decode::segments::{self, text_of, text_tokens};
use crate::engine::decode::window::{FULL_FRAMES, frames, token_limit};

/// A window whose text ends early is read on from there, where at least this much is left, in seconds.
const LEAST_REST_SECS: f64 = 1.0;
/// The rest begins in a pause that is at most this long before the last timestamp, in hundredths of a second.
const REST_LEAD: usize = 30;

impl<B: Backend> Decoder<B> {
    /// A hypothesis with what is wrong with it.
    pub(super) fn judge(
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
        let mut text = Text {
            tokens,
            hypothesis,
            doubt: None,
            source,
            features,
            is_shortened,
            with_loop,
            temperature,
            decodes,
        };
        text.doubt = self.doubt(&text, window);
        // Where the detector found no speech, 30 s of features decide before the text is accepted or read on.
        if text.features == Features::Matched
            && matches!(text.doubt, None | Some(Doubt::EarlyEnd))
            && self.is_doubtful(&text, window)
        {
            text.doubt = Some(Doubt::Unlikely);
        }
        let Hypothesis { avg_logprob, no_speech_prob, .. } = text.hypothesis;
        debug!(doubt = ?text.doubt, avg_logprob, no_speech_prob, decodes, voices = ?window.voices, "window decoded");
        text
    }

    fn doubt(&self, text: &Text<B::Encoding>, window: &Window<'_>) -> Option<Doubt> {
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
            avg_logprob: match text.features {
                Features::Matched => MATCHED_LOGPROB.max(self.config.logprob_thold),
                Features::Full => self.config.logprob_thold,
            },
            no_speech_prob: self.config.no_speech_thold,
            entropy: self.config.entropy_thold,
            loop_entropy: self.config.loop_entropy,
        })
    }

    /// Decodes a doubtful window again until it is not, within bounds; the best of what came is kept.
    pub(super) fn settle(
        &self,
        mut best: Text<B::Encoding>,
        window: &Window<'_>,
        request: &Request<'_>,
    ) -> Result<Text<B::Encoding>, EngineFault> {
        best = self.without_echo(best, window, request)?;
        let other = request.search.other();
        let mut padded: Option<Rc<B::Encoding>> = None;
        // A beam search prefers loops: what follows one is for the other search to find, not read on from there.
        let doubt_of = |text: &Text<B::Encoding>| {
            let loops = request.search.is_beam() && text.with_loop.is_some();
            if loops { Some(Doubt::Loop) } else { text.doubt }
        };
        let mut last = doubt_of(&best);
        let mut decodes = best.decodes;
        let mut so_far = match best.features {
            Features::Matched => SoFar::Matched,
            Features::Full => SoFar::Padded,
        };
        while let Some(doubt) = last {
            let is_settled = best.features == Features::Full && self.is_no_speech(&best, window);
            if decodes >= self.config.max_decodes as usize || is_settled {
                break;
            }
            let is_loud = window.loudness.speech_end() > 0;
            let Some((attempt, then)) = fallback::next(doubt, so_far, is_loud, other) else { break };
            so_far = then;
            let search = match attempt {
                Attempt::Padded => request.search,
                Attempt::Search(search) => search,
            };
            let search = Search { token_limit: token_limit(window.samples.len()), ..search };
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
            last = doubt_of(&text);
            // More reliable than that of matched features, whichever text is kept.
            let no_speech_prob = text.hypothesis.no_speech_prob;
            if is_better(&text, &best) {
                best = text;
            }
            best.hypothesis.no_speech_prob = no_speech_prob;
            best.features = Features::Full;
            best.decodes = decodes;
        }
        if best.doubt == Some(Doubt::NoEnd) {
            self.end_loop(&mut best);
        }
        self.read_on(best, window, request)
    }

    /// Of a loop without an end only the first round is kept.
    fn end_loop(&self, text: &mut Text<B::Encoding>) {
        let vocabulary = self.vocabulary();
        let words = text_tokens(&text.tokens, vocabulary);
        if let Some(start) = quality::loop_start(&words, self.config.loop_entropy) {
            segments::keep_text(&mut text.tokens, start, vocabulary);
            text.is_shortened = true;
        }
    }

    /// A text that ends early is continued from its last timestamp, or from a pause shortly before it: the rest is a window of its own.
    fn read_on(
        &self,
        mut text: Text<B::Encoding>,
        window: &Window<'_>,
        request: &Request<'_>,
    ) -> Result<Text<B::Encoding>, EngineFault> {
        let vocabulary = self.vocabulary();
        let mut from = segments::last_timestamp(&text.tokens, vocabulary).unwrap_or(0.0);
        // The first sounds of the next word may lie before the timestamp. What was cut as a loop begins where the text ends.
        let lead = if text.with_loop.is_some() { 0 } else { REST_LEAD };
        while text.doubt == Some(Doubt::EarlyEnd) && text.decodes < self.config.max_decodes as usize {
            let begin = window.loudness.pause_before(hundredths(from), lead);
            let samples = window.samples.get(begin * HOP..).unwrap_or_default();
            if from < 0.5 || (samples.len() as f64) < LEAST_REST_SECS * SAMPLE_RATE as f64 {
                break;
            }
            debug!(from, begin = begin as f64 / 100.0, "window read on");
            let rest = Window { samples, loudness: Loudness::of(samples), ..*window };
            let Some(more) = self.decode_rest(&rest, request, text.decodes + 1)? else { break };
            text.decodes += 1;
            if let Some(all) = text.with_loop.take() {
                let more_tokens = text_tokens(&more.hypothesis.tokens, vocabulary);
                let cut = all.get(text.tokens.len()..).unwrap_or_default();
                let ends = more.doubt != Some(Doubt::NoEnd);
                if ends && quality::begins_with(&more_tokens, &text_tokens(cut, vocabulary)) {
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
            if self.is_no_speech(&more, &rest) {
                break;
            }
            let more = self.settle(more, &rest, request)?;
            text.decodes = more.decodes;
            // The decoder already ended its text here: a high no-speech probability outweighs likely words.
            let is_speech = more.hypothesis.no_speech_prob <= self.config.no_speech_thold;
            let accepted = match more.doubt {
                None | Some(Doubt::EarlyEnd) => is_speech && !self.is_no_speech(&more, &rest),
                Some(Doubt::NoEnd | Doubt::Loop | Doubt::Unlikely | Doubt::Empty) => false,
            };
            if accepted && !text_tokens(&more.tokens, vocabulary).is_empty() {
                let steps = (begin / 2) as u32;
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
            self.judge(hypothesis, rest, source, search.temperature, (decodes, Features::of_frames(length)))
        }))
    }

    /// Where the last word of a text ends by the decoder's attention, in seconds; 0 where that is not known.
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
        let length = frames(window.samples.len());
        let encoding = Rc::new(self.backend.encode(&[window.samples], length, request.abort)?);
        unless(request.abort)?;
        let start = Start { context: &[], ..request.start };
        let generated = self.backend.generate(&encoding, &start, &request.search, request.abort)?;
        let Some(hypothesis) = generated.into_iter().next() else { return Ok(text) };
        Ok(self.judge(
            hypothesis,
            window,
            Source::only(&encoding),
            text.temperature,
            (text.decodes + 1, Features::of_frames(length)),
        ))
    }

    /// Whether a text needs a low no-speech probability to be believed. Where the detector found no speech, most do.
    fn is_doubtful(&self, text: &Text<B::Encoding>, window: &Window<'_>) -> bool {
        let Hypothesis { avg_logprob, no_speech_prob, .. } = text.hypothesis;
        match window.voices {
            VoiceActivity::Present => {
                avg_logprob < MATCHED_LOGPROB || matches!(text.doubt, Some(Doubt::NoEnd | Doubt::Loop))
            }
            VoiceActivity::Absent => {
                avg_logprob < MATCHED_LOGPROB.max(self.config.unvoiced_logprob_thold)
                    || no_speech_prob > self.config.no_speech_thold
                    || text.doubt.is_some()
                    || text.is_shortened
            }
        }
    }

    /// Whether the window holds no speech: its text is doubtful, and the no-speech probability is not low. That of features as
    /// short as the window is not reliable: with whispered speech it is up to 0.7.
    pub(super) fn is_no_speech(&self, text: &Text<B::Encoding>, window: &Window<'_>) -> bool {
        let Hypothesis { avg_logprob, no_speech_prob, .. } = text.hypothesis;
        let silent = no_speech_prob > self.config.no_speech_thold && avg_logprob < self.config.logprob_thold;
        let agreed = text.features == Features::Full
            && self.is_doubtful(text, window)
            && no_speech_prob > self.config.doubtful_no_speech_thold;
        silent || agreed
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
