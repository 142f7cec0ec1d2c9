//! A published model.

use std::path::{Path, PathBuf};

use super::checksum::Expected;

/// How a model is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One file.
    Ggml,
    /// A folder.
    CTranslate2,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ggml => "ggml",
            Self::CTranslate2 => "CTranslate2",
        }
    }

    /// The library that such files are made for. CTranslate2 runs ggml files, too.
    pub fn engine(self) -> &'static str {
        match self {
            Self::Ggml => "whisper_cpp",
            Self::CTranslate2 => "ctranslate2",
        }
    }
}

/// Where a model is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Among whisper.cpp's own files, under the name that it has here.
    WhisperCpp,
    /// A file of a repository of the hub.
    File { repository: &'static str, file: &'static str },
    /// The files of a repository of the hub; those beside `model.bin`.
    Folder { repository: &'static str, files: &'static [&'static str] },
}

/// How the checksum of the weights is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// It is in the catalogue.
    Pinned(Expected),
    /// The hub's answer to the download has it.
    Hub,
}

/// A model of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownModel {
    pub name: &'static str,
    /// Of all its files.
    pub bytes: u64,
    pub origin: Origin,
    pub pin: Pin,
}

impl KnownModel {
    pub fn format(&self) -> Format {
        match self.origin {
            Origin::WhisperCpp | Origin::File { .. } => Format::Ggml,
            Origin::Folder { .. } => Format::CTranslate2,
        }
    }

    /// Whether it transcribes languages other than English. The distilled ones were trained on English alone.
    pub fn is_multilingual(&self) -> bool {
        !self.name.ends_with(".en") && !self.name.contains(".en-") && !self.name.contains("distil")
    }

    /// The name of its file or folder in the models folder.
    pub fn file_name(&self) -> String {
        match self.format() {
            Format::Ggml => format!("ggml-{}.bin", self.name),
            Format::CTranslate2 => self.name.to_owned(),
        }
    }

    /// Where it is once it was pulled.
    pub fn path(&self, dir: &Path) -> PathBuf {
        dir.join(self.file_name())
    }

    /// Whether it is in the models folder, whole.
    pub fn is_in(&self, dir: &Path) -> bool {
        match self.format() {
            Format::Ggml => self.path(dir).is_file(),
            Format::CTranslate2 => self.path(dir).is_dir(),
        }
    }
}
