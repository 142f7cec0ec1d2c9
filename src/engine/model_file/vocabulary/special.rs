//! The tokens that are not text. Their ids follow from the size of the vocabulary.

use actors::domain::language::Language;

use super::super::shape::Shape;

/// `<|0.00|>` to `<|30.00|>`.
const TIMESTAMPS: u32 = 1501;
/// Tokens between the languages and the timestamps.
const TASKS: [&str; 6] = [
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
];
const NO_SPEECH: u32 = 4;
/// Other names of some tokens in files of transformers.
const ALIASES: [(&str, &str); 2] = [("<|nospeech|>", "<|nocaptions|>"), ("<|he|>", "<|iw|>")];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecialTokens {
    pub end_of_text: u32,
    /// Tokens of languages. English-only models have them as well, without a use.
    pub languages: u32,
}

impl SpecialTokens {
    pub fn of(shape: &Shape) -> Self {
        let end_of_text = if shape.multilingual() { 50_257 } else { 50_256 };
        let others = end_of_text + 2 + TASKS.len() as u32 + TIMESTAMPS;
        Self { end_of_text, languages: shape.vocabulary.unsigned_abs().saturating_sub(others) }
    }

    pub fn multilingual(self) -> bool {
        self.end_of_text == 50_257
    }

    pub fn count(self) -> u32 {
        self.first_timestamp() + TIMESTAMPS
    }

    pub fn start_of_transcript(self) -> u32 {
        self.end_of_text + 1
    }

    pub fn first_language(self) -> u32 {
        self.end_of_text + 2
    }

    pub fn translate(self) -> u32 {
        self.first_language() + self.languages
    }

    pub fn transcribe(self) -> u32 {
        self.translate() + 1
    }

    pub fn start_of_language_model(self) -> u32 {
        self.translate() + 2
    }

    pub fn start_of_previous(self) -> u32 {
        self.translate() + 3
    }

    pub fn no_speech(self) -> u32 {
        self.translate() + NO_SPEECH
    }

    pub fn first_timestamp(self) -> u32 {
        self.translate() + TASKS.len() as u32
    }

    /// The names of all of them, in the order of their ids.
    pub fn names(self) -> impl Iterator<Item = String> {
        (self.end_of_text..self.count()).filter_map(move |id| self.name(id))
    }

    /// Nothing for a text token and beyond the vocabulary.
    pub fn name(self, id: u32) -> Option<String> {
        let nth = |first: u32| usize::try_from(id.checked_sub(first)?).ok();
        Some(if id < self.end_of_text || id >= self.count() {
            return None;
        } else if id == self.end_of_text {
            "<|endoftext|>".into()
        } else if id == self.start_of_transcript() {
            "<|startoftranscript|>".into()
        } else if id < self.translate() {
            format!("<|{}|>", Language::all().nth(nth(self.first_language())?)?.code())
        } else if id < self.first_timestamp() {
            (*TASKS.get(nth(self.translate())?)?).into()
        } else {
            let hundredths = 2 * (id - self.first_timestamp());
            format!("<|{}.{:02}|>", hundredths / 100, hundredths % 100)
        })
    }

    /// Whether a special token may have this name.
    pub fn is_name(self, id: u32, name: &str) -> bool {
        self.name(id).is_some_and(|own| own == name || ALIASES.contains(&(own.as_str(), name)))
    }
}
