//! Opening the files of a model.

use std::fs::File;
use std::path::Path;

use super::error::ModelFileError;

/// Opens a regular file and returns its length. Checks the kind first: opening a pipe would block.
pub(super) fn open(path: &Path) -> Result<(File, u64), ModelFileError> {
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
