//! Why a model is refused.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{Format, WeightType};

/// Why a model cannot be loaded. Messages name the file and what to do.
#[derive(Debug, Error)]
pub enum ModelFileError {
    #[error(
        "there is no model file at {}: download it with `verbatim models pull {}`, or set [model] path or name to one \
         that exists",
        path.display(), published_name(path)
    )]
    NotFound { path: PathBuf },
    #[error("{} is neither a file nor a folder: set [model] path to a ggml-*.bin file or to a CTranslate2 folder", path.display())]
    NotAFile { path: PathBuf },
    #[error(
        "the folder {} has no {missing}: set [model] path to a ggml-*.bin file, or to a CTranslate2 folder with \
         model.bin, config.json and vocabulary.json or vocabulary.txt",
        path.display()
    )]
    IncompleteFolder { path: PathBuf, missing: &'static str },
    #[error("the model file {} cannot be read ({source}): check its permissions and its disk", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the model file {} is empty: download it again", path.display())]
    Empty { path: PathBuf },
    #[error(
        "{} is not a ggml Whisper model (it starts with {found:?}): set [model] path to a ggml-*.bin file or to a \
         CTranslate2 folder",
        path.display()
    )]
    NotAModel { path: PathBuf, found: String },
    #[error(
        "the model file {} ends in the middle of {inside}, at byte {bytes}: it is cut short, download it again",
        path.display()
    )]
    Truncated { path: PathBuf, inside: String, bytes: u64 },
    #[error("the model file {} has {surplus} bytes after its last tensor: download it again", path.display())]
    TrailingBytes { path: PathBuf, surplus: u64 },
    #[error("the model file {} is damaged or of a kind that is not supported: {what}", path.display())]
    Invalid { path: PathBuf, what: String },
    #[error(
        "the model file {} has {weights} weights, which cannot be converted for CTranslate2: use a file with f16, \
         q8_0, q5_0, q5_1, q4_0, q4_1 or f32 weights, or the whisper.cpp engine",
        path.display()
    )]
    NotConvertible { path: PathBuf, weights: WeightType },
    #[error(
        "whisper.cpp cannot run {} ({format}, {weights} weights): use a ggml file with f16 or q8_0 weights, or the \
         CTranslate2 engine",
        path.display()
    )]
    NotForWhisperCpp { path: PathBuf, format: Format, weights: WeightType },
    #[error("the model file {} changed while it was loaded: load it again", path.display())]
    Changed { path: PathBuf },
    #[error(
        "the model file {} has SHA-256 {actual}, but {} says {expected}: download both again",
        path.display(), sidecar.display()
    )]
    WrongChecksum { path: PathBuf, sidecar: PathBuf, expected: String, actual: String },
    #[error("{} holds no SHA-256: write the model file's checksum into it, or remove it", sidecar.display())]
    BadSidecar { sidecar: PathBuf },
}

impl ModelFileError {
    /// The code that clients see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "model_not_found",
            Self::NotAFile { .. }
            | Self::IncompleteFolder { .. }
            | Self::Unreadable { .. }
            | Self::Empty { .. }
            | Self::NotAModel { .. }
            | Self::Truncated { .. }
            | Self::TrailingBytes { .. }
            | Self::Invalid { .. }
            | Self::NotConvertible { .. }
            | Self::NotForWhisperCpp { .. }
            | Self::Changed { .. }
            | Self::WrongChecksum { .. }
            | Self::BadSidecar { .. } => "model_corrupt",
        }
    }

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound { path },
            _ => Self::Unreadable { path, source },
        }
    }
}

/// The name of the published model that is kept under this path.
fn published_name(path: &Path) -> &str {
    let file = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let name = file.strip_prefix("ggml-").and_then(|rest| rest.strip_suffix(".bin"));
    name.filter(|name| !name.is_empty()).unwrap_or("NAME")
}

/// What is wrong inside a file, before the file's name is known.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    NotAModel([u8; 4]),
    EndsInside(String),
    Surplus(u64),
    Invalid(String),
}

impl Fault {
    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid(what.into())
    }

    pub(super) fn in_file(self, path: &Path, bytes: u64) -> ModelFileError {
        let path = path.to_owned();
        match self {
            Fault::Io(source) => ModelFileError::Unreadable { path, source },
            Fault::NotAModel(magic) => {
                ModelFileError::NotAModel { path, found: String::from_utf8_lossy(&magic).into_owned() }
            }
            Fault::EndsInside(inside) => ModelFileError::Truncated { path, inside, bytes },
            Fault::Surplus(surplus) => ModelFileError::TrailingBytes { path, surplus },
            Fault::Invalid(what) => ModelFileError::Invalid { path, what },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named_with_the_command_that_brings_it() {
        let message = |path: &str| ModelFileError::NotFound { path: path.into() }.to_string();
        let known = message("models/ggml-base.bin");
        assert!(
            known.contains("models/ggml-base.bin") && known.contains("`verbatim models pull base`"),
            "{known}"
        );
        assert!(message("own/model").contains("`verbatim models pull NAME`"));
    }
}
