//! What CTranslate2 reads from `config.json`: tokens never to write, and attention heads to align words by.

mod alignment;
mod non_speech;

use serde::Serialize;

use super::error::ModelFileError;
use super::{Format, ModelHeader, Vocabulary, ctranslate2};

/// Ids and heads, all within the vocabulary and the decoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecodingConfig {
    /// Layer and head of the decoder's cross-attention, for word timestamps.
    pub alignment_heads: Vec<(u32, u32)>,
    /// Tokens among which the language is detected.
    pub lang_ids: Vec<u32>,
    /// Tokens that are never written: symbols that are not speech, and special tokens.
    pub suppress_ids: Vec<u32>,
    /// Tokens that are not written first: a space, and the end of the text.
    pub suppress_ids_begin: Vec<u32>,
    /// Whether the folder's own file has all of it. Of others CTranslate2 must not load the file: it reads
    /// beyond the end of it.
    #[serde(skip)]
    pub in_folder: bool,
}

impl DecodingConfig {
    /// The configuration of a CTranslate2 folder, completed by what holds for the model's shape; of a ggml file the
    /// latter.
    pub fn read(header: &ModelHeader, vocabulary: &Vocabulary) -> Result<Self, ModelFileError> {
        let own = match header.format {
            Format::Ggml => ctranslate2::config::Config::default(),
            Format::CTranslate2 => {
                let (json, bytes) = ctranslate2::load_config(&header.path)?;
                ctranslate2::config::parse(&json, &header.shape)
                    .map_err(|fault| fault.in_file(&header.path.join(ctranslate2::CONFIG), bytes))?
            }
        };
        let in_folder = own.is_complete();
        let special = vocabulary.special();
        let languages = special.first_language()..special.translate();
        let own_heads = own.alignment_heads.filter(|heads| !heads.is_empty());
        Ok(Self {
            alignment_heads: own_heads.unwrap_or_else(|| alignment::heads(&header.shape)),
            lang_ids: own.lang_ids.filter(|ids| !ids.is_empty()).unwrap_or_else(|| languages.collect()),
            suppress_ids: own.suppress_ids.unwrap_or_else(|| non_speech::suppressed(vocabulary)),
            suppress_ids_begin: own
                .suppress_ids_begin
                .unwrap_or_else(|| non_speech::suppressed_first(vocabulary)),
            in_folder,
        })
    }

    /// The contents of a `config.json`.
    pub fn to_json(&self) -> Vec<u8> {
        // Numbers in lists cannot fail to be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
