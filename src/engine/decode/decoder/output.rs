//! Makes segments and words of the texts of windows.

use std::ops::Range;
use std::rc::Rc;

use actors::domain::language::Language;
use actors::domain::transcript::repetition::repeated_tokens;
use actors::domain::transcript::{Decoding, Flag, Segment, Word};
use actors::ports::EngineFault;

use super::Decoder;
use super::text::{Request, Text, Window, unless};
use crate::engine::backends::{Aligned, Alignment, Backend, Hypothesis};
use crate::engine::decode::quality::Doubt;
use crate::engine::decode::segments::{Piece, pieces, text_of, text_tokens};
use crate::engine::decode::sound_times::sound_times;
use crate::engine::decode::word_times;

/// Speech is louder than its background from this long after its start, in seconds.
const ONSET_SECS: f64 = 0.2;

impl<B: Backend> Decoder<B> {
    /// Word times and token probabilities of each window, where they are wanted.
    pub(super) fn alignments(
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
            let Some(text) = texts[at].as_ref().filter(|_| windows[at].needs_alignment) else { continue };
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

    pub(super) fn segments(
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
            let words = window.needs_words.then(|| self.words(&piece, own, alignment, window, language));
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
                speaker: None,
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
        // A text that reached its limit is shortened only where it is a loop.
        let is_first_round = text.doubt == Some(Doubt::NoEnd) && text.is_shortened;
        if is_first_round || (repeated > 0 && repeated * 2 >= loops.len()) {
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

/// Whether a text has no letter and no digit: music comes out as an ellipsis, and logits that are not numbers as exclamation
/// marks.
fn is_noise(text: &str) -> bool {
    !text.chars().any(char::is_alphanumeric)
}
