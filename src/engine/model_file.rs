//! Reads and checks model files before an engine opens them: ggml files and CTranslate2 folders.
//!
//! whisper.cpp and CTranslate2 trust their input: hostile headers overwrite memory, hang or raise signals,
//! and a file cut in the wrong place loads and then transcribes nothing. So every number is checked here
//! first, and a file must be exactly as long as its own header says. Weights are skipped, not read; only
//! the checksum and the conversion read them.

mod checksum;
pub mod convert;
mod ctranslate2;
mod decoding;
mod error;
mod ggml;
mod reader;
mod shape;
#[cfg(test)]
mod tests;
mod vocabulary;
mod weight_type;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use actors::domain::language::Language;
use serde::{Deserialize, Serialize};

pub use checksum::{ChecksumError, VerifiedFiles};
pub use decoding::DecodingConfig;
pub use error::ModelFileError;
pub use shape::Shape;
pub use vocabulary::Vocabulary;
pub use weight_type::WeightType;

/// What a model contains by its own account; every number has been checked.
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

impl ModelHeader {
    /// Reads the header of a ggml file or of a CTranslate2 folder and walks its tensors without reading a
    /// weight.
    ///
    /// # Blocking
    /// A few milliseconds on a warm disk, less than 4 MB read.
    pub fn read(path: &Path) -> Result<ModelHeader, ModelFileError> {
        let metadata = std::fs::metadata(path).map_err(|error| ModelFileError::io(path, error))?;
        if metadata.is_dir() { ctranslate2::read_header(path) } else { ggml::read_header(path) }
    }

    /// Whether the model transcribes languages other than English.
    pub fn multilingual(&self) -> bool {
        self.shape.multilingual()
    }

    /// Every language that the model transcribes, in its own order.
    pub fn languages(&self) -> Vec<Language> {
        let count = usize::try_from(self.shape.languages()).unwrap_or_default();
        Language::all().take(count).collect()
    }

    /// "tiny" to "large-v3-turbo" where the shape is a published one, otherwise "custom".
    pub fn family(&self) -> &'static str {
        self.shape.family()
    }

    /// The file with the weights: the one that a `.sha256` file is about.
    pub fn weights_path(&self) -> PathBuf {
        match self.format {
            Format::Ggml => self.path.clone(),
            Format::CTranslate2 => self.path.join(ctranslate2::MODEL),
        }
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

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ggml => "ggml",
            Self::CTranslate2 => "CTranslate2",
        })
    }
}

/// Opens a regular file and returns its length. Checks the kind first: opening a pipe would block.
fn open(path: &Path) -> Result<(File, u64), ModelFileError> {
    let metadata = std::fs::metadata(path).map_err(|error| ModelFileError::io(path, error))?;
    if !metadata.is_file() {
        return Err(ModelFileError::NotAFile { path: path.to_owned() });
    }
    if metadata.len() == 0 {
        return Err(ModelFileError::Empty { path: path.to_owned() });
    }
    let file = File::open(path).map_err(|error| ModelFileError::io(path, error))?;
    Ok((file, metadata.len()))
}
