mod checksums;
mod conversion;
mod ctranslate2_folders;
mod damage;
mod ggml_files;
mod small;
mod variables;

use super::*;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ggml-words-q8_0.bin");
const MODEL_F16: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ggml-words-f16.bin");
/// Byte offsets in the bundled model.
const FILE_TYPE: u64 = 44;
const FILTERS: u64 = 48;
const VOCABULARY: u64 = FILTERS + 8 + 4 * 80 * 201;
