//! The header of a model file.

use std::path::{Path, PathBuf};

use actors::domain::language::Language;
use serde::{Deserialize, Serialize};

use super::error::ModelFileError;
use super::format::{Format, MODEL};
use super::shape::Shape;
use super::weight_type::WeightType;

/// The contents of a model by its header; every number has been checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelHeader {
    /// A file, or a folder for [`Format::CTranslate2`].
    pub path: PathBuf,
    pub format: Format,
    /// Of all files that an engine reads.
    pub bytes: u64,
    pub shape: Shape,
    pub weight_type: WeightType,
    /// How many tensors or variables the model has.
    pub tensors: usize,
}

impl ModelHeader {
    /// Whether the model transcribes languages other than English.
    pub fn multilingual(&self) -> bool {
        self.shape.multilingual()
    }

    /// Every language that the model transcribes, in its own order.
    pub fn languages(&self) -> Vec<Language> {
        let count = usize::try_from(self.shape.languages()).unwrap_or_default();
        Language::all().take(count).collect()
    }

    /// The file with the weights, which a `.sha256` file belongs to.
    pub fn weights_path(&self) -> PathBuf {
        match self.format {
            Format::Ggml => self.path.clone(),
            Format::CTranslate2 => self.path.join(MODEL),
        }
    }

    /// Whether a `.sha256` file belongs to it.
    pub fn has_checksum(&self) -> bool {
        sidecar_path(&self.weights_path()).is_file()
    }

    /// Whether whisper.cpp can run the model.
    pub fn whisper_cpp_reads(&self) -> bool {
        match self.format {
            Format::Ggml => self.weight_type.whisper_cpp_reads(),
            Format::CTranslate2 => false,
        }
    }

    /// Refuses a model that whisper.cpp cannot run: it would abort the process.
    pub fn check_whisper_cpp(&self) -> Result<(), ModelFileError> {
        if self.whisper_cpp_reads() {
            return Ok(());
        }
        let path = self.path.clone();
        Err(ModelFileError::NotForWhisperCpp { path, format: self.format, weights: self.weight_type })
    }
}

/// Where the SHA-256 of a file is kept: in `<file>.sha256`.
pub(super) fn sidecar_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sha256");
    name.into()
}
