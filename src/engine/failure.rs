//! Failures of loads, as the port has them.

use actors::ports::LoadFailure;

use super::model_file::{ChecksumError, ModelFileError};

/// Without numbers: the process that started the engine adds them.
pub(super) const NO_MEMORY: LoadFailure = LoadFailure::OutOfMemory { needed_bytes: 0, free_bytes: 0 };

pub(super) fn broken(code: &'static str, message: String) -> LoadFailure {
    LoadFailure::Broken { code, message }
}

/// Whether a library's message is about memory that it did not get.
pub(super) fn mentions_memory(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["bad_alloc", "out of memory", "failed to allocate", "memory allocation of", "insufficient memory"]
        .iter()
        .any(|words| message.contains(words))
}

impl From<ModelFileError> for LoadFailure {
    fn from(error: ModelFileError) -> Self {
        LoadFailure::Broken { code: error.code(), message: error.to_string() }
    }
}

impl From<ChecksumError> for LoadFailure {
    fn from(error: ChecksumError) -> Self {
        match error {
            ChecksumError::GivenUp => LoadFailure::Cancelled,
            ChecksumError::File(error) => error.into(),
        }
    }
}
