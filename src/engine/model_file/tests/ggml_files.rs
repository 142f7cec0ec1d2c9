use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::small::first_tensor;
use super::*;

/// A folder with a copy of the bundled model in it, to be damaged.
pub struct Copy {
    _folder: TempDir,
    pub path: PathBuf,
}

impl Copy {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("model.bin");
        fs::copy(MODEL, &path).unwrap();
        Self { _folder: folder, path }
    }

    pub fn patched(offset: u64, bytes: &[u8]) -> Self {
        let copy = Self::new();
        copy.patch(offset, bytes);
        copy
    }

    fn patch(&self, offset: u64, bytes: &[u8]) {
        let mut file = OpenOptions::new().write(true).open(&self.path).unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(bytes).unwrap();
    }

    fn resize(&self, bytes: u64) {
        OpenOptions::new().write(true).open(&self.path).unwrap().set_len(bytes).unwrap();
    }

    fn error(&self) -> ModelFileError {
        error_of(&self.path)
    }
}

fn error_of(path: &Path) -> ModelFileError {
    let error = ModelHeader::read(path).expect_err("a damaged file was taken for a model");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    error
}

fn holding(bytes: &[u8]) -> ModelFileError {
    let copy = Copy::new();
    fs::write(&copy.path, bytes).unwrap();
    copy.error()
}

#[test]
fn the_bundled_models_are_what_they_say() {
    let header = ModelHeader::read(Path::new(MODEL)).unwrap();
    assert_eq!((header.shape.width, header.shape.heads), (128, 2));
    assert_eq!((header.shape.encoder_layers, header.shape.decoder_layers), (2, 3));
    assert_eq!(header.bytes, fs::metadata(MODEL).unwrap().len());
    assert_eq!((header.weight_type, header.shape.family()), (WeightType::Q8_0, "custom"));
    assert!(header.multilingual());
    assert_eq!(header.languages().len(), 99);
    let f16 = ModelHeader::read(&Path::new(MODEL).with_file_name("ggml-words-f16.bin")).unwrap();
    assert_eq!((f16.weight_type, f16.tensors), (WeightType::F16, header.tensors));
}

#[test]
fn a_missing_file_is_not_found() {
    let error = error_of(Path::new("/no/such/model.bin"));
    assert_eq!(error.code(), "model_not_found");
    assert_eq!(error_of(&Path::new(MODEL).join("inside")).code(), "model_not_found");
}

#[test]
fn files_that_are_not_models_are_refused() {
    let folder = TempDir::new().unwrap();
    assert!(matches!(error_of(folder.path()), ModelFileError::IncompleteFolder { .. }));
    assert!(matches!(error_of(Path::new("/dev/null")), ModelFileError::NotAFile { .. }));
    assert!(matches!(holding(b""), ModelFileError::Empty { .. }));
    assert!(matches!(holding(b"<!DOCTYPE html><html>404</html>"), ModelFileError::NotAModel { .. }));
    assert!(matches!(holding(b"GGUF\x03\0\0\0"), ModelFileError::NotAModel { .. }));
    let noise: Vec<u8> = (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert!(matches!(holding(&noise), ModelFileError::NotAModel { .. }));
    assert_eq!(holding(&[b"lmgg".as_slice(), noise.as_slice()].concat()).code(), "model_corrupt");
}

#[test]
fn a_model_that_is_cut_anywhere_is_refused() {
    let (copy, whole, tensors) = (Copy::new(), fs::metadata(MODEL).unwrap().len(), first_tensor());
    let mut cuts = vec![1, 3, 4, 5, 20, FILE_TYPE, FILTERS, FILTERS + 4, 1000, VOCABULARY, VOCABULARY + 4];
    cuts.extend([VOCABULARY + 9, 300_000, tensors - 1, tensors, tensors + 3, tensors + 12, tensors + 30]);
    cuts.extend((1..40).map(|part| whole * part / 40));
    cuts.extend([whole - 700, whole - 4, whole - 1]);
    cuts.sort_unstable_by(|a, b| b.cmp(a));
    for cut in cuts {
        copy.resize(cut);
        let error = copy.error();
        assert!(matches!(error, ModelFileError::Truncated { .. }), "cut at {cut}: {error}");
    }
}

#[test]
fn bytes_after_the_last_tensor_are_refused() {
    for surplus in [1, 4, 12, 5000] {
        let copy = Copy::new();
        copy.resize(fs::metadata(MODEL).unwrap().len() + surplus);
        assert!(matches!(copy.error(), ModelFileError::TrailingBytes { surplus: s, .. } if s == surplus));
    }
}

#[test]
fn every_number_of_the_header_is_checked() {
    for field in 0..11 {
        for number in [i32::MIN, -1, 0, 5, 100_000_000, i32::MAX] {
            let error = Copy::patched(4 + 4 * field, &number.to_le_bytes()).error();
            assert_eq!(error.code(), "model_corrupt", "field {field} = {number}: {error}");
        }
    }
}

#[test]
fn the_type_of_the_weights_is_checked() {
    for unknown in [4, 24, 2004, 3007, 999_007, -1, i32::MIN] {
        let error = Copy::patched(FILE_TYPE, &unknown.to_le_bytes()).error();
        assert!(error.to_string().contains("unknown type"), "{error}");
    }
    // The tensors are q8_0.
    for other in [0i32, 1, 2000] {
        let error = Copy::patched(FILE_TYPE, &other.to_le_bytes()).error();
        assert!(error.to_string().contains("its tensor"), "{error}");
    }
}

#[test]
fn mel_filters_and_vocabulary_are_checked() {
    for (offset, numbers) in
        [(FILTERS, [128, i32::MAX]), (FILTERS + 4, [200, -1]), (VOCABULARY, [5, i32::MAX])]
    {
        for number in numbers {
            assert!(matches!(
                Copy::patched(offset, &number.to_le_bytes()).error(),
                ModelFileError::Invalid { .. }
            ));
        }
    }
    for length in [i32::MAX, -1, 1 << 20] {
        assert!(matches!(
            Copy::patched(VOCABULARY + 4, &length.to_le_bytes()).error(),
            ModelFileError::Invalid { .. }
        ));
    }
    assert!(Copy::patched(FILTERS + 8, &f32::NAN.to_le_bytes()).error().to_string().contains("finite"));
}

#[test]
fn every_number_of_a_tensors_header_is_checked() {
    let start = first_tensor();
    // Dimensions, name length, type, first dimension.
    for field in 0..4 {
        for number in [i32::MIN, -1, 5, 100, i32::MAX] {
            let error = Copy::patched(start + 4 * field, &number.to_le_bytes()).error();
            assert_eq!(error.code(), "model_corrupt", "field {field} = {number}");
        }
    }
    for offset in 20..30 {
        let error = Copy::patched(start + offset, b"\xff").error();
        assert_eq!(error.code(), "model_corrupt", "offset {offset}");
    }
}

#[test]
fn a_tensor_that_is_there_twice_is_refused() {
    let bytes = fs::read(MODEL).unwrap();
    let name =
        |wanted: &[u8]| bytes.windows(wanted.len()).position(|window| window == wanted).unwrap() as u64;
    let copy = Copy::patched(name(b"encoder.blocks.1.attn_ln.bias"), b"encoder.blocks.0.attn_ln.bias");
    assert!(copy.error().to_string().contains("twice"));
}
