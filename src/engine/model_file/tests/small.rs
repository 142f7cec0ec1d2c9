//! Small models in memory: the bundled model's vocabulary, one layer of the least width on each side.

use std::path::PathBuf;
use std::sync::LazyLock;

use tempfile::TempDir;

use super::super::ggml::tensors::{self, Storage};
use super::*;

pub const SHAPE: Shape = Shape {
    vocabulary: 51_865,
    audio_context: 1500,
    text_context: 448,
    width: 64,
    heads: 1,
    encoder_layers: 1,
    decoder_layers: 1,
    mel_bands: 80,
};

/// Mel filters and vocabulary of the bundled model.
static FILTERS_AND_WORDS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let bytes = std::fs::read(MODEL).unwrap();
    let int = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let mut at = VOCABULARY as usize;
    let words = int(at);
    at += 4;
    for _ in 0..words {
        at += 4 + int(at);
    }
    bytes[FILTERS as usize..at].to_vec()
});

/// Where the tensors start in each of these.
pub fn first_tensor() -> u64 {
    FILTERS + FILTERS_AND_WORDS.len() as u64
}

/// A ggml file; its numbers are small and differ from each other.
pub fn ggml(weight_type: WeightType, file_type: i32) -> Vec<u8> {
    let head = [51_865, 1500, 64, 1, 1, 448, 64, 1, 1, 80, file_type];
    let mut file = 0x6767_6d6c_u32.to_le_bytes().to_vec();
    file.extend(head.iter().flat_map(|number| number.to_le_bytes()));
    file.extend_from_slice(&FILTERS_AND_WORDS);
    let mut all: Vec<_> = tensors::expected(&SHAPE, Storage::of(weight_type).unwrap()).into_iter().collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut random = fastrand::Rng::with_seed(1);
    for (name, tensor) in all {
        let storage = tensor.storage;
        file.extend([3, name.len() as i32, storage.kind].iter().flat_map(|number| number.to_le_bytes()));
        file.extend(tensor.dims[..3].iter().flat_map(|dim| dim.to_le_bytes()));
        file.extend_from_slice(name.as_bytes());
        let numbers: u64 = tensor.dims.iter().map(|dim| *dim as u64).product();
        for _ in 0..numbers / storage.block {
            match storage.weight_type {
                WeightType::F32 => file.extend((random.f32() - 0.5).to_le_bytes()),
                WeightType::F16 => file.extend(half::f16::from_f32(random.f32() - 0.5).to_le_bytes()),
                // A scale of 2^-6, and in some types a minimum; then whatever bits.
                _ => {
                    file.extend([0, 36, 0, 184]);
                    file.extend((4..storage.bytes).map(|_| random.u8(..)));
                }
            }
        }
    }
    file
}

/// A folder with files in it, all of them removed in the end.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// The bundled model for CTranslate2.
    pub fn converted() -> Self {
        static CONVERTED: LazyLock<convert::Converted> = LazyLock::new(|| {
            let path = Path::new(MODEL_F16);
            convert::to_ctranslate2(path, &ModelHeader::read(path).unwrap()).unwrap()
        });
        let folder = Self::new();
        folder.write("model.bin", &CONVERTED.model);
        folder.write("config.json", &CONVERTED.config);
        folder.write("vocabulary.json", &CONVERTED.vocabulary);
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap()
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.path().join(name)).unwrap();
    }

    pub fn header(&self) -> Result<ModelHeader, ModelFileError> {
        ModelHeader::read(self.path())
    }

    /// The error of a folder that is refused.
    pub fn error(&self) -> String {
        let error = self.header().expect_err("a damaged folder was accepted");
        let text = error.to_string();
        assert!(text.contains(&self.path().display().to_string()), "{text}");
        text
    }
}
