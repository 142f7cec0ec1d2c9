//! The tokens of a model: their bytes, their strings, and the ids of those with a meaning.

mod alphabet;
mod merge;
mod packed;
mod special;
mod split;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use actors::domain::language::Language;

use super::error::Fault;
use super::ggml;
use super::shape::Shape;

use packed::Packed;
use special::SpecialTokens;

/// Tokens are numbered: text first, then the special ones, then timestamps in steps of 20 ms.
#[derive(Debug)]
pub struct Vocabulary {
    special: SpecialTokens,
    /// The bytes of the text tokens.
    text: Packed,
    /// The name of every token in CTranslate2's files, all of them UTF-8.
    strings: Packed,
    /// The text tokens by their bytes, for [`Vocabulary::encode`].
    sorted: OnceLock<Vec<u32>>,
}

impl Vocabulary {
    /// The reader is where the vocabulary starts; it stops behind it.
    pub(super) fn from_ggml(reader: &mut super::reader::Reader<'_>, shape: &Shape) -> Result<Self, Fault> {
        let special = SpecialTokens::of(shape);
        let mut text = Packed::default();
        ggml::words(reader, shape, &mut |word| {
            // Some files name special tokens as well; their ids and names are fixed.
            if text.len() < special.end_of_text {
                text.push(word);
            }
        })?;
        // The last text token of multilingual models is empty, and not all converters write it.
        while text.len() < special.end_of_text {
            text.push(b"");
        }
        let mut strings = Packed::default();
        for id in 0..text.len() {
            strings.push(alphabet::string_of(text.get(id).unwrap_or_default()).as_bytes());
        }
        for name in special.names() {
            strings.push(name.as_bytes());
        }
        Self { special, text, strings, sorted: OnceLock::new() }.checked()
    }

    /// From all tokens in GPT-2's alphabet. There must be as many as the model has, the special ones with
    /// their own ids.
    pub(super) fn from_strings<'a>(
        tokens: impl Iterator<Item = &'a str>,
        shape: &Shape,
    ) -> Result<Self, Fault> {
        let special = SpecialTokens::of(shape);
        let (mut text, mut strings) = (Packed::default(), Packed::default());
        for token in tokens {
            let id = strings.len();
            if id < special.end_of_text {
                let bytes = alphabet::bytes_of(token).ok_or_else(|| {
                    Fault::Invalid(format!("its token {id} is {token:?}, which is not in GPT-2's alphabet"))
                })?;
                text.push(&bytes);
            } else {
                let expected = special.name(id);
                if !special.is_name(id, token) {
                    return Err(Fault::Invalid(format!(
                        "its token {id} is {token:?}, {} expected: use the vocabulary of the model",
                        expected.map_or_else(|| "no more".to_owned(), |name| format!("{name:?}"))
                    )));
                }
            }
            strings.push(token.as_bytes());
        }
        if strings.len() != special.count() {
            return Err(Fault::Invalid(format!(
                "it has {} tokens, {} expected: use the vocabulary of the model",
                strings.len(),
                special.count()
            )));
        }
        Self { special, text, strings, sorted: OnceLock::new() }.checked()
    }

    /// CTranslate2 looks tokens up by their names: those of special ones must stand for these alone. It
    /// takes a model for a multilingual one if it has an empty token.
    fn checked(self) -> Result<Self, Fault> {
        let mut empty = false;
        for id in 0..self.special.end_of_text {
            let token = self.token_string(id);
            empty |= token.is_empty();
            if token.len() > 4 && token.starts_with("<|") && token.ends_with("|>") {
                return Err(Fault::Invalid(format!(
                    "its token {id} is {token:?}, the name of a special token"
                )));
            }
        }
        if empty != self.special.multilingual() {
            let has = if empty { "has an" } else { "has no" };
            let count = self.len();
            return Err(Fault::Invalid(format!(
                "its vocabulary of {count} tokens {has} empty token, unlike those of Whisper"
            )));
        }
        Ok(self)
    }

    /// How many tokens there are.
    pub fn len(&self) -> u32 {
        self.special.count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a text token, of special tokens and timestamps nothing. A character may be split between
    /// tokens.
    pub fn text(&self, id: u32) -> Option<&[u8]> {
        self.text.get(id)
    }

    /// The token's name in CTranslate2's alphabet. An id beyond the vocabulary is `<|endoftext|>`, as in
    /// CTranslate2.
    pub fn token_string(&self, id: u32) -> &str {
        let bytes = self.strings.get(id).or_else(|| self.strings.get(self.special.end_of_text));
        bytes.and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The name of every token, in the order of the ids.
    pub fn token_strings(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|id| self.token_string(id))
    }

    /// The tokens of a text, special ones never among them.
    ///
    /// # Blocking
    /// About a microsecond for each character; the first call sorts the vocabulary (5 ms).
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        for piece in split::pieces(text) {
            merge::merge(piece.as_bytes(), &|bytes| self.id_of(bytes), &mut tokens);
        }
        tokens
    }

    fn id_of(&self, bytes: &[u8]) -> Option<u32> {
        let sorted = self.sorted.get_or_init(|| {
            let mut ids: Vec<u32> = (0..self.text.len()).collect();
            // By id where two are the same: the first one counts.
            ids.sort_by_key(|id| (self.text(*id).unwrap_or_default(), *id));
            ids
        });
        let at = sorted.partition_point(|id| self.text(*id).unwrap_or_default() < bytes);
        sorted.get(at).copied().filter(|id| self.text(*id) == Some(bytes))
    }

    pub fn end_of_text(&self) -> u32 {
        self.special.end_of_text
    }

    pub fn start_of_transcript(&self) -> u32 {
        self.special.start_of_transcript()
    }

    /// Nothing for a language that the model does not have, and for English-only models, whose prompts name
    /// no language.
    pub fn language(&self, language: Language) -> Option<u32> {
        let index = self.languages().position(|known| known == language)?;
        self.special.multilingual().then(|| self.special.first_language() + u32::try_from(index).unwrap_or(0))
    }

    /// The languages that the model transcribes, in the order of their tokens.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        Language::all().take(if self.special.multilingual() { self.special.languages as usize } else { 1 })
    }

    pub fn translate(&self) -> u32 {
        self.special.translate()
    }

    pub fn transcribe(&self) -> u32 {
        self.special.transcribe()
    }

    pub fn start_of_previous(&self) -> u32 {
        self.special.start_of_previous()
    }

    pub fn no_speech(&self) -> u32 {
        self.special.no_speech()
    }

    /// `<|0.00|>`; the last token of the vocabulary is `<|30.00|>`.
    pub fn first_timestamp(&self) -> u32 {
        self.special.first_timestamp()
    }

    pub(super) fn special(&self) -> SpecialTokens {
        self.special
    }
}
