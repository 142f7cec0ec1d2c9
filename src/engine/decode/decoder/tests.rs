//! What becomes of a window, by what a backend answers.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

use actors::domain::language::Language;
use actors::domain::transcript::{Flag, Segment};
use actors::ports::{Batch, ChunkAudio, Device, VoiceActivity};
use dsp::HOP;

use super::*;
use crate::engine::backends::{Aligned, Alignment, Hypothesis, LanguageProbabilities};
use crate::engine::model_file::ModelHeader;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ggml-words-q8_0.bin");

/// Where a text of several segments is parted.
const NEXT_SEGMENT: char = '|';

/// An answer of the backend: text, average log probability, no-speech probability.
type Answer = (&'static str, f32, f32);

/// Answers each decode with the next text of a list, and writes down what was asked.
struct Scripted {
    vocabulary: Vocabulary,
    device: Device,
    answers: Mutex<VecDeque<Answer>>,
    /// Frames and beam width of each decode.
    decodes: Mutex<Vec<(usize, usize)>>,
}

impl Backend for Scripted {
    /// Frames.
    type Encoding = usize;

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

    fn encode(&self, _: &[&[f32]], frames: usize, _: &AtomicBool) -> Result<usize, EngineFault> {
        Ok(frames)
    }

    fn languages(&self, _: &usize, _: &AtomicBool) -> Result<Vec<LanguageProbabilities>, EngineFault> {
        Ok(Vec::new())
    }

    fn generate(
        &self,
        frames: &usize,
        _: &Start<'_>,
        search: &Search,
        _: &AtomicBool,
    ) -> Result<Vec<Hypothesis>, EngineFault> {
        self.decodes.lock().unwrap().push((*frames, search.beam_size));
        let (text, avg_logprob, no_speech_prob) =
            self.answers.lock().unwrap().pop_front().expect("more decodes than answers");
        // In steps of 20 ms; each segment but the last takes a second.
        let timestamp = |steps: usize| self.vocabulary.first_timestamp() + steps as u32;
        let mut tokens = vec![timestamp(0)];
        for (index, segment) in text.split(NEXT_SEGMENT).enumerate() {
            if index > 0 {
                tokens.extend([timestamp(50 * index); 2]);
            }
            tokens.extend(self.vocabulary.encode(segment));
        }
        let limit_reached = tokens.len() >= search.token_limit;
        tokens.truncate(search.token_limit);
        if !limit_reached {
            tokens.push(timestamp(if text == EARLY { 50 } else { 215 }));
        }
        Ok(vec![Hypothesis { tokens, avg_logprob, no_speech_prob, logprobs: None, limit_reached }])
    }

    fn align(
        &self,
        _: &usize,
        _: &Start<'_>,
        _: &[Aligned<'_>],
        _: &AtomicBool,
    ) -> Result<Option<Vec<Alignment>>, EngineFault> {
        Ok(None)
    }

    fn has_failed(&self) -> bool {
        false
    }
}

/// The segments of four and a half seconds of sound, and each decode: whether it was padded, and the width of its beam.
fn decoded(
    voices: VoiceActivity,
    config: DecodeConfig,
    answers: &[Answer],
) -> (Vec<Segment>, Vec<(bool, usize)>) {
    // Louder in its middle, as speech is.
    let samples = (0..72_000).map(|at| if (8_000..69_000).contains(&at) { 0.2 } else { 0.001 }).collect();
    let (segments, decodes) = decoded_samples(samples, voices, config, answers);
    (segments, decodes.into_iter().map(|(frames, width)| (frames == FULL_FRAMES, width)).collect())
}

/// The segments of these samples, and each decode: its frames, and the width of its beam.
fn decoded_samples(
    samples: Vec<f32>,
    voices: VoiceActivity,
    config: DecodeConfig,
    answers: &[Answer],
) -> (Vec<Segment>, Vec<(usize, usize)>) {
    let backend = Scripted {
        vocabulary: Vocabulary::read(&ModelHeader::read(Path::new(MODEL)).unwrap()).unwrap(),
        device: Device { backend: "cpu".into(), name: "scripted".into() },
        answers: Mutex::new(answers.iter().copied().collect()),
        decodes: Mutex::default(),
    };
    let decoder = Decoder::new(backend, config);
    let chunk = ChunkAudio { samples: samples.into(), voices, is_joined: false };
    let batch = Batch { language: Some(Language::ENGLISH), ..Batch::of([chunk]) };
    let transcripts = decoder.transcribe(&batch, &AtomicBool::new(false), &|_| ()).unwrap();
    let decodes = decoder.backend.decodes.into_inner().unwrap();
    assert!(decoder.backend.answers.lock().unwrap().is_empty(), "an answer was not asked for: {decodes:?}");
    (transcripts.into_iter().next().unwrap().segments, decodes)
}

fn texts(segments: &[Segment]) -> Vec<&str> {
    segments.iter().map(|segment| segment.text.as_str()).collect()
}

const FIRST: (bool, usize) = (false, 1);
const PADDED: (bool, usize) = (true, 1);
const BEAM: (bool, usize) = (true, 5);

/// A text that is over after a second.
const EARLY: &str = " Hello there";

macro_rules! round {
    () => {
        " so so so so so so so so so so so so so so so so so so so so so so so so so so so so so so so so"
    };
}

/// A word that never ends.
const LOOP: &str = concat!(round!(), round!(), round!());

/// The same behind a segment that was spoken.
const LATE_LOOP: &str = concat!(" Hello there|", round!(), round!(), round!());

#[test]
fn whispered_speech_is_written_whatever_the_detector_says() {
    for voices in [VoiceActivity::Present, VoiceActivity::Absent] {
        let answers = [(" Good day", -1.4, 0.7), (" Good day", -1.2, 0.1), (" Good day", -1.1, 0.1)];
        let (segments, decodes) = decoded(voices, DecodeConfig::default(), &answers);
        assert_eq!(texts(&segments), [" Good day"]);
        assert_eq!(segments[0].flags, [Flag::LowConfidence]);
        assert_eq!(decodes, [FIRST, PADDED, BEAM]);
    }
}

#[test]
fn noise_has_no_text_and_is_not_searched_through() {
    for voices in [VoiceActivity::Present, VoiceActivity::Absent] {
        let answers = [(" Thank you.", -0.9, 0.2), (" Thank you.", -0.9, 0.4)];
        let (segments, decodes) = decoded(voices, DecodeConfig::default(), &answers);
        assert_eq!(texts(&segments), [""; 0]);
        assert_eq!(decodes, [FIRST, PADDED]);
    }
}

#[test]
fn the_no_speech_probability_over_30_s_counts_for_any_text() {
    // The first text is the likelier one, and stays the best.
    let (segments, _) = decoded(
        VoiceActivity::Present,
        DecodeConfig::default(),
        &[(" Thank you.", -0.8, 0.1), (" You", -0.95, 0.4)],
    );
    assert_eq!(texts(&segments), [""; 0]);
    let lenient = DecodeConfig { doubtful_no_speech_thold: 0.5, ..DecodeConfig::default() };
    let (segments, _) =
        decoded(VoiceActivity::Present, lenient, &[(" Thank you.", -0.8, 0.1), (" You", -0.95, 0.4)]);
    assert_eq!(texts(&segments), [" You"]);
    assert_eq!(segments[0].decoding.no_speech_prob, 0.4);
}

#[test]
fn without_voices_a_text_is_doubted_earlier() {
    let likely = [(" Good day", -0.6, 0.5)];
    let (segments, _) = decoded(VoiceActivity::Present, DecodeConfig::default(), &likely);
    assert_eq!(texts(&segments), [" Good day"]);
    let answers = [(" Good day", -0.6, 0.5), (" Good day", -0.6, 0.4)];
    let (segments, decodes) = decoded(VoiceActivity::Absent, DecodeConfig::default(), &answers);
    assert_eq!((texts(&segments), decodes), (vec![], vec![FIRST, PADDED]));
}

#[test]
fn without_voices_a_text_that_ends_early_is_doubted() {
    // The text of an early end is read on from there where a voice was detected.
    let answers = [(EARLY, -0.2, 0.1), (" Hello", -1.5, 0.4), (" Hello", -1.5, 0.4)];
    let (segments, decodes) = decoded(VoiceActivity::Present, DecodeConfig::default(), &answers);
    assert_eq!((texts(&segments), decodes), (vec![" Hello there"], vec![FIRST, FIRST, PADDED]));
    let (segments, decodes) =
        decoded(VoiceActivity::Absent, DecodeConfig::default(), &[(EARLY, -0.2, 0.1), (" Hello", -1.5, 0.4)]);
    assert_eq!((texts(&segments), decodes), (vec![], vec![FIRST, PADDED]));
}

#[test]
fn the_rest_of_a_window_is_doubted_over_30_s_too() {
    let answers = [(EARLY, -0.2, 0.1), (" Good day", -0.9, 0.4), (" Good day", -0.8, 0.1)];
    let (segments, decodes) = decoded(VoiceActivity::Present, DecodeConfig::default(), &answers);
    assert_eq!(texts(&segments), [" Hello there", " Good day"]);
    assert_eq!(decodes, [FIRST, FIRST, PADDED]);
}

#[test]
fn the_rest_of_a_window_begins_in_the_pause_before_it() {
    let answers = [(EARLY, -0.2, 0.1), (EARLY, -0.2, 0.1)];
    let rest_of = |pause: Range<usize>| {
        let is_loud = |at: usize| (8_000..69_000).contains(&at) && !pause.contains(&at);
        let samples = (0..72_000).map(|at| if is_loud(at) { 0.2 } else { 0.001 }).collect();
        let (segments, decodes) =
            decoded_samples(samples, VoiceActivity::Present, DecodeConfig::default(), &answers);
        assert_eq!(texts(&segments), [" Hello there", " Hello there"]);
        // The text of the rest ends after a second of it.
        (decodes[1].0, segments[1].end)
    };
    // The text ends at 16,000 samples. The first pause is more than 0.3 s before that; the second ends 0.1 s before it.
    assert_eq!(rest_of(8_000..9_600), (frames(72_000 - 16_000), 2.0));
    assert_eq!(rest_of(11_200..14_400), (frames(72_000 - 14_400 + 3 * HOP), 1.86));
}

#[test]
fn one_decode_is_judged_by_itself() {
    let once = DecodeConfig { max_decodes: 1, ..DecodeConfig::default() };
    let (segments, _) = decoded(VoiceActivity::Absent, once, &[(" Good day", -0.9, 0.5)]);
    assert_eq!(texts(&segments), [" Good day"]);
    let (segments, _) = decoded(VoiceActivity::Absent, once, &[(" Good day", -1.1, 0.7)]);
    assert_eq!(texts(&segments), [""; 0]);
}

#[test]
fn of_a_loop_without_an_end_the_first_round_is_kept() {
    let answers = [(LOOP, -0.1, 0.1); 3];
    let (segments, decodes) = decoded(VoiceActivity::Present, DecodeConfig::default(), &answers);
    assert_eq!(texts(&segments), [" so"]);
    assert_eq!(segments[0].flags, [Flag::Repetition]);
    assert_eq!(decodes, [FIRST, PADDED, BEAM]);
}

#[test]
fn where_a_beam_search_loops_the_greedy_text_is_kept() {
    let beam = DecodeConfig { beam_size: 5, ..DecodeConfig::default() };
    for (looping, greedy) in [(LOOP, " Good day"), (LATE_LOOP, " Hello there, good day")] {
        let answers = [(looping, -0.1, 0.1), (looping, -0.1, 0.1), (greedy, -0.5, 0.1)];
        let (segments, decodes) = decoded(VoiceActivity::Present, beam, &answers);
        assert_eq!(texts(&segments), [greedy]);
        assert_eq!(decodes, [(false, 5), BEAM, PADDED]);
    }
}

#[test]
fn words_cut_off_as_a_loop_come_back_where_they_end() {
    let answers = [(LATE_LOOP, -0.1, 0.1), (LOOP, -0.1, 0.1), (LOOP, -0.1, 0.1)];
    let (segments, _) = decoded(VoiceActivity::Present, DecodeConfig::default(), &answers);
    assert_eq!(texts(&segments), [" Hello there"]);
    let spoken =
        [(" Hello there| so so so so so so so so", -0.1, 0.1), (" so so so so so so so so", -0.1, 0.1)];
    let (segments, decodes) = decoded(VoiceActivity::Present, DecodeConfig::default(), &spoken);
    assert_eq!(texts(&segments), [" Hello there", " so so so so so so so so"]);
    assert_eq!(decodes, [FIRST, FIRST]);
}

#[test]
fn text_without_a_letter_is_none() {
    for text in ["...", "!!!!", " \u{2026}"] {
        let (segments, _) = decoded(VoiceActivity::Present, DecodeConfig::default(), &[(text, -0.3, 0.1)]);
        assert_eq!(texts(&segments), [""; 0], "{text}");
    }
}
