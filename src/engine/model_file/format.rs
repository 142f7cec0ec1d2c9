//! The two ways in which a model is stored.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The file with the weights in a CTranslate2 folder.
pub(super) const MODEL: &str = "model.bin";

/// How a model is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One file, as whisper.cpp has it.
    Ggml,
    /// A folder with `model.bin`, `config.json` and `vocabulary.json` or `vocabulary.txt`.
    #[serde(rename = "ctranslate2")]
    CTranslate2,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ggml => "ggml",
            Self::CTranslate2 => "CTranslate2",
        })
    }
}
