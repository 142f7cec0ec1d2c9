//! The options of a job.

use serde::{Deserialize, Serialize};

use super::selection::Selection;
use crate::domain::language::Language;
use crate::domain::model::stay::Stay;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    #[default]
    Transcribe,
    /// Into English.
    Translate,
}

/// Interactive jobs run ahead of batch ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    Interactive,
    #[default]
    Batch,
}

impl Priority {
    pub fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Batch => "batch",
        }
    }
}

/// How much of a recording is transcribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    #[default]
    Whole,
    /// Its first chunk: enough for language detection.
    Beginning,
}

/// More hotwords than this do not fit beside a prompt.
pub const MOST_HOTWORDS: usize = 64;
pub const LONGEST_HOTWORD_BYTES: usize = 128;

/// How to transcribe a recording.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Options {
    /// `None`: the engine finds it out from the first chunk with speech.
    pub language: Option<Language>,
    /// Where it is found out, it is one of these; empty: any.
    #[serde(default)]
    pub languages: Vec<Language>,
    pub task: Task,
    /// Whether every chunk may be in another language: it is detected for each.
    #[serde(default)]
    pub is_multilingual: bool,
    pub prompt: Option<String>,
    /// Words that the recording is likely to have: at most [`MOST_HOTWORDS`], of [`LONGEST_HOTWORD_BYTES`] each.
    #[serde(default)]
    pub hotwords: Vec<String>,
    /// 0 to 1; `None`: start at 0 and climb when a chunk does not decode well.
    pub temperature: Option<f32>,
    pub word_timestamps: bool,
    /// Whether the log probability of each token is kept.
    #[serde(default)]
    pub token_logprobs: bool,
    pub priority: Priority,
    /// How long the model stays after the job; `None`: as the settings say.
    pub keep_alive: Option<Stay>,
    #[serde(default)]
    pub extent: Extent,
    #[serde(default, skip_serializing_if = "Selection::is_whole")]
    pub selection: Selection,
    /// A model that the settings name; `None`: the default one at the time when the job runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Options {
    /// With the languages that are allowed to jobs which name none.
    pub fn or_languages(mut self, allowed: &[Language]) -> Self {
        if self.language.is_none() && self.languages.is_empty() {
            self.languages = allowed.to_vec();
        }
        self
    }

    /// Whether the same recording has the same transcript with both.
    pub fn same_transcript(&self, other: &Self) -> bool {
        let made_by = |options: &Self| {
            let Self {
                language,
                languages,
                task,
                is_multilingual,
                prompt,
                hotwords,
                temperature,
                word_timestamps,
                token_logprobs,
                extent,
                selection,
                model,
                priority: _,
                keep_alive: _,
            } = options.clone();
            let asked = (language, languages, is_multilingual, task, prompt, hotwords, temperature);
            (asked, word_timestamps, token_logprobs, extent, selection, model)
        };
        made_by(self) == made_by(other)
    }
}
