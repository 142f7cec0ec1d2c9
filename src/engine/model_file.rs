//! Reads and checks ggml model files before whisper.cpp sees them.
//!
//! whisper.cpp trusts its input: hostile headers overwrite its stack or hang it, and a file cut in
//! the wrong place loads and then transcribes nothing. So every number is checked here first, and
//! the file must be exactly as long as its own header says. Weights are skipped, not read; only the
//! checksum reads them.

mod checksum;
mod reader;
mod shape;
mod tensors;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use actors::domain::language::Language;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use checksum::{ChecksumError, VerifiedFiles};
pub use shape::{Shape, WeightType};

use reader::Reader;

/// What a model file holds, by its own account; every number has been checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelHeader {
    pub path: PathBuf,
    /// Of the whole file.
    pub bytes: u64,
    pub shape: Shape,
    pub weight_type: WeightType,
    /// How many tensors follow the header.
    pub tensors: usize,
}

impl ModelHeader {
    /// Reads a model file's header and walks its tensors without reading a weight.
    ///
    /// # Blocking
    /// A few milliseconds on a warm disk, less than 2 MB read.
    pub fn read(path: &Path) -> Result<ModelHeader, ModelFileError> {
        let (file, bytes) = open(path)?;
        let mut reader = Reader::new(file, bytes);
        let (shape, weight_type, tensors) = parse(&mut reader).map_err(|fault| fault.in_file(path, bytes))?;
        Ok(ModelHeader { path: path.to_owned(), bytes, shape, weight_type, tensors })
    }

    /// Whether it knows languages other than English.
    pub fn multilingual(&self) -> bool {
        self.shape.multilingual()
    }

    /// Every language the model knows, in its own order.
    pub fn languages(&self) -> Vec<Language> {
        (0..self.shape.languages())
            .filter_map(|id| whisper_rs::get_lang_str(id).and_then(|code| code.parse().ok()))
            .collect()
    }

    /// "tiny" to "large-v3-turbo" where the shape is a published one, otherwise "custom".
    pub fn family(&self) -> &'static str {
        self.shape.family()
    }
}

/// Why a file is no model that can be loaded. Messages name the file and what to do.
#[derive(Debug, Error)]
pub enum ModelFileError {
    #[error("there is no model file at {}: fetch one with `verbatim models pull NAME`, or set [model] path or name to one that exists", path.display())]
    NotFound { path: PathBuf },
    #[error("{} is not a file: set [model] path to a ggml model file", path.display())]
    NotAFile { path: PathBuf },
    #[error("the model file {} cannot be read ({source}): check its permissions and its disk", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the model file {} is empty: download it again", path.display())]
    Empty { path: PathBuf },
    #[error("{} is not a ggml Whisper model (it starts with {found:?}): set [model] path to a ggml-*.bin file", path.display())]
    NotAModel { path: PathBuf, found: String },
    #[error(
        "the model file {} ends in the middle of {inside}, at byte {bytes}: it is cut short, download it again",
        path.display()
    )]
    Truncated { path: PathBuf, inside: String, bytes: u64 },
    #[error("the model file {} goes on for {surplus} bytes after its last tensor: download it again", path.display())]
    TrailingBytes { path: PathBuf, surplus: u64 },
    #[error("the model file {} is damaged or of a kind that is not supported: {what}", path.display())]
    Invalid { path: PathBuf, what: String },
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
            | Self::Unreadable { .. }
            | Self::Empty { .. }
            | Self::NotAModel { .. }
            | Self::Truncated { .. }
            | Self::TrailingBytes { .. }
            | Self::Invalid { .. }
            | Self::WrongChecksum { .. }
            | Self::BadSidecar { .. } => "model_corrupt",
        }
    }

    fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound { path },
            _ => Self::Unreadable { path, source },
        }
    }
}

/// Opens a regular file and says how long it is. Looks before it opens: opening a pipe would block.
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

/// What is wrong inside a file, before it is known by name.
#[derive(Debug)]
enum Fault {
    Io(io::Error),
    NotAModel([u8; 4]),
    EndsInside(String),
    Surplus(u64),
    Invalid(String),
}

impl Fault {
    fn in_file(self, path: &Path, bytes: u64) -> ModelFileError {
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

/// "ggml" as whisper.cpp's converters write it: a little-endian number.
const MAGIC: [u8; 4] = 0x6767_6d6c_u32.to_le_bytes();

fn parse(reader: &mut Reader) -> Result<(Shape, WeightType, usize), Fault> {
    let magic = reader.array::<4>("the magic number")?;
    if magic != MAGIC {
        return Err(Fault::NotAModel(magic));
    }
    let (shape, weight_type) = shape::read(reader)?;
    read_mel_filters(reader, &shape)?;
    skip_vocabulary(reader, &shape)?;
    let tensors = tensors::walk(reader, &shape, weight_type)?;
    Ok((shape, weight_type, tensors))
}

/// Bins of the 400-point transform that the mel filters weigh.
const FFT_BINS: i32 = 201;

fn read_mel_filters(reader: &mut Reader, shape: &Shape) -> Result<(), Fault> {
    let bands = reader.int("the mel filters")?;
    let bins = reader.int("the mel filters")?;
    if bands != shape.mel_bands || bins != FFT_BINS {
        return Err(Fault::Invalid(format!(
            "its mel filters are {bands} by {bins}, {} by {FFT_BINS} expected",
            shape.mel_bands
        )));
    }
    for _ in 0..bands * bins {
        if !f32::from_le_bytes(reader.array::<4>("the mel filters")?).is_finite() {
            return Err(Fault::Invalid("its mel filters hold a number that is not finite".into()));
        }
    }
    Ok(())
}

/// Text tokens that every published vocabulary has at least.
const LEAST_WORDS: i32 = 50_256;
/// The longest published token has 128 bytes.
const LONGEST_WORD: i32 = 1024;

fn skip_vocabulary(reader: &mut Reader, shape: &Shape) -> Result<(), Fault> {
    let words = reader.int("the vocabulary")?;
    if !(LEAST_WORDS..=shape.vocabulary).contains(&words) {
        return Err(Fault::Invalid(format!(
            "its vocabulary has {words} tokens, {LEAST_WORDS} to {} expected",
            shape.vocabulary
        )));
    }
    for word in 0..words {
        let length = reader.int("the vocabulary")?;
        if !(0..=LONGEST_WORD).contains(&length) {
            return Err(Fault::Invalid(format!("token {word} of its vocabulary has a length of {length}")));
        }
        reader.skip(u64::from(length.unsigned_abs()), "the vocabulary")?;
    }
    Ok(())
}
