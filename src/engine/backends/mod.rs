//! What encodes and generates: CTranslate2 or whisper.cpp, behind one trait.

#[cfg(feature = "ctranslate2")]
pub(super) mod ctranslate2;
pub(super) mod whisper_cpp;

use std::sync::atomic::AtomicBool;

use actors::domain::jobs::options::Task;
use actors::domain::language::Language;
use actors::ports::{Device, EngineFault};

use super::model_file::Vocabulary;

/// A loaded model. One window is up to 30 s of samples; windows of one encoding have the same number of frames.
pub(super) trait Backend: Send + Sync {
    /// What is kept of encoded windows.
    type Encoding;

    /// Width of the beam search at temperature 0 where the settings name none; 1 is greedy.
    const BEAM_SIZE: usize;

    fn vocabulary(&self) -> &Vocabulary;

    fn device(&self) -> &Device;

    /// Windows that are decoded together at most.
    fn batch_size(&self) -> usize;

    /// Encodes windows, each as if silence followed its samples up to `frames` frames of 10 ms.
    ///
    /// # Blocking
    /// For as long as the encoder takes. It ends early once `abort` is set, where the backend can.
    fn encode(
        &self,
        windows: &[&[f32]],
        frames: usize,
        abort: &AtomicBool,
    ) -> Result<Self::Encoding, EngineFault>;

    /// The probability of each language of the model, window by window. Only for multilingual models.
    fn languages(
        &self,
        encoding: &Self::Encoding,
        abort: &AtomicBool,
    ) -> Result<Vec<LanguageProbabilities>, EngineFault>;

    /// Generates one text per window.
    ///
    /// # Blocking
    /// For as long as the decoder takes. It ends early once `abort` is set, where the backend can.
    fn generate(
        &self,
        encoding: &Self::Encoding,
        start: &Start<'_>,
        search: &Search,
        abort: &AtomicBool,
    ) -> Result<Vec<Hypothesis>, EngineFault>;

    /// When the text tokens of each window were spoken; `None` where the backend does not compute that.
    fn align(
        &self,
        encoding: &Self::Encoding,
        start: &Start<'_>,
        texts: &[Aligned<'_>],
        abort: &AtomicBool,
    ) -> Result<Option<Vec<Alignment>>, EngineFault>;

    /// Whether the backend has failed in a way that leaves its memory or its device in doubt.
    fn has_failed(&self) -> bool;
}

/// Probabilities of languages; they need not sum to 1.
pub(super) type LanguageProbabilities = Vec<(Language, f32)>;

/// What all texts of a batch start with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start<'a> {
    pub language: Language,
    pub task: Task,
    /// Tokens of text that the decoder takes for what came before.
    pub context: &'a [u32],
}

impl Start<'_> {
    /// The start token and, with a model of several languages, those of the language and the task.
    fn tokens(&self, vocabulary: &Vocabulary) -> Vec<u32> {
        let task = match self.task {
            Task::Transcribe => vocabulary.transcribe(),
            Task::Translate => vocabulary.translate(),
        };
        let mut tokens = vec![vocabulary.start_of_transcript()];
        tokens.extend(vocabulary.language(self.language).into_iter().flat_map(|language| [language, task]));
        tokens
    }
}

/// How text is searched for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Search {
    /// 0: the likeliest tokens; above: sampled.
    pub temperature: f32,
    /// Above 1: beam search, at temperature 0.
    pub beam_size: usize,
    /// Texts sampled at a temperature above 0, of which the likeliest is kept.
    pub best_of: usize,
    pub token_limit: usize,
    /// Whether tokens that are not speech (brackets, notes) are never written.
    pub suppress_non_speech: bool,
}

impl Search {
    /// The search for a window whose text is doubtful: a beam search of width 5, or a greedy one where this is a beam
    /// search, which prefers loops. It is deterministic, where openai-whisper samples: a job that is resumed has to get the
    /// same text.
    pub(super) fn other(self) -> Self {
        Self { temperature: 0.0, beam_size: if self.is_beam() { 1 } else { 5 }, ..self }
    }

    pub(super) fn is_beam(self) -> bool {
        self.temperature == 0.0 && self.beam_size > 1
    }
}

/// The text of a window.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Hypothesis {
    /// Text and timestamp tokens, without the end token. Timestamps count from the window's start.
    pub tokens: Vec<u32>,
    /// Mean natural logarithm of the tokens' probabilities at temperature 1, the end token's included.
    pub avg_logprob: f32,
    pub no_speech_prob: f32,
    /// Each text token's own, where the backend returns them.
    pub logprobs: Option<Vec<f32>>,
    pub limit_reached: bool,
}

/// What is to be aligned in one window.
#[derive(Debug, Clone)]
pub(super) struct Aligned<'a> {
    pub tokens: &'a [u32],
    /// Frames of 10 ms that have samples.
    pub frames: usize,
}

/// Where each token was spoken.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Alignment {
    /// Start of each token and, last, the end of all, in seconds from the window's start; ascending.
    pub starts: Vec<f64>,
    /// Of each token, 0 to 1.
    pub probabilities: Vec<f32>,
}
