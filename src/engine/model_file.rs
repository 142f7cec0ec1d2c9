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
mod format;
mod ggml;
mod model_header;
mod open;
mod read_vocabulary;
mod reader;
mod shape;
#[cfg(test)]
mod tests;
mod vocabulary;
mod weight_type;

use std::path::Path;

pub use checksum::{ChecksumError, VerifiedFiles};
pub use decoding::DecodingConfig;
pub use error::ModelFileError;
pub use format::Format;
pub use model_header::ModelHeader;
pub use shape::Shape;
pub use vocabulary::Vocabulary;
pub use weight_type::WeightType;

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
}
