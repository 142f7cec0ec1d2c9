//! The vocabulary of a model, from either format.

use super::error::ModelFileError;
use super::format::Format;
use super::model_header::ModelHeader;
use super::vocabulary::Vocabulary;
use super::{ctranslate2, ggml};

impl Vocabulary {
    /// Reads the vocabulary of a model whose header has been read.
    ///
    /// # Blocking
    /// A few milliseconds on a warm disk.
    pub fn read(header: &ModelHeader) -> Result<Self, ModelFileError> {
        match header.format {
            Format::Ggml => {
                let mut reader = ggml::reopen(header)?;
                let vocabulary = Self::from_ggml(&mut reader, &header.shape);
                vocabulary.map_err(|fault| fault.in_file(&header.path, header.bytes))
            }
            Format::CTranslate2 => ctranslate2::load_vocabulary(&header.path, |text, json| {
                ctranslate2::vocabulary::parse(text, json, &header.shape)
            }),
        }
    }
}
