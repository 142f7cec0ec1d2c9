//! Compares a model's weights with the checksum beside them, once for each version of the file.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::model_header::sidecar_path;
use super::{ModelFileError, ModelHeader};
use crate::hex::hex;

/// Why a model was not verified.
#[derive(Debug, Error)]
pub enum ChecksumError {
    #[error("the check was cancelled")]
    GivenUp,
    #[error(transparent)]
    File(#[from] ModelFileError),
}

/// Remembers which version of the file has been verified, so that a second load need not hash again.
#[derive(Debug, Default)]
pub struct VerifiedFiles(Mutex<Option<Verified>>);

#[derive(Debug)]
struct Verified {
    version: Version,
    sha256: String,
}

/// A rewritten file has another version.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl VerifiedFiles {
    /// Checks the header and the position of every tensor. Where there is a `<file>.sha256` beside the file
    /// (in a folder `model.bin.sha256`), checks that the file has this checksum.
    ///
    /// # Blocking
    /// About a second for each 1.5 GB the first time; calls `keep_going` every megabyte.
    pub fn verify(&self, path: &Path, keep_going: &dyn Fn() -> bool) -> Result<ModelHeader, ChecksumError> {
        let header = ModelHeader::read(path)?;
        let weights = header.weights_path();
        let path = weights.as_path();
        let Some((sidecar, expected)) = sidecar_of(path)? else {
            return Ok(header);
        };
        let version = version_of(path)?;
        let actual = match self.known(&version) {
            Some(sha256) => sha256,
            None => {
                let sha256 = sha256_of(path, keep_going)?;
                *self.lock() = Some(Verified { version, sha256: sha256.clone() });
                sha256
            }
        };
        if actual != expected {
            let path = path.to_owned();
            return Err(ModelFileError::WrongChecksum { path, sidecar, expected, actual }.into());
        }
        Ok(header)
    }

    fn known(&self, version: &Version) -> Option<String> {
        let verified = self.lock();
        verified.as_ref().filter(|known| known.version == *version).map(|known| known.sha256.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Verified>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file `<model>.sha256` in the format of sha256sum, if there is one.
fn sidecar_of(model: &Path) -> Result<Option<(PathBuf, String)>, ModelFileError> {
    let sidecar = sidecar_path(model);
    let file = match std::fs::File::open(&sidecar) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ModelFileError::Unreadable { path: sidecar, source }),
    };
    let mut text = String::new();
    // One line is enough; a large file must not fill the memory.
    if file.take(4096).read_to_string(&mut text).is_err() {
        return Err(ModelFileError::BadSidecar { sidecar });
    }
    // sha256sum marks names with odd characters by a leading backslash.
    let word = text.split_whitespace().next().unwrap_or_default().trim_start_matches('\\');
    if word.len() != 64 || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ModelFileError::BadSidecar { sidecar });
    }
    Ok(Some((sidecar, word.to_ascii_lowercase())))
}

fn version_of(path: &Path) -> Result<Version, ModelFileError> {
    let metadata = std::fs::metadata(path).map_err(|error| ModelFileError::io(path, error))?;
    Ok(Version { path: path.to_owned(), bytes: metadata.len(), modified: metadata.modified().ok() })
}

fn sha256_of(path: &Path, keep_going: &dyn Fn() -> bool) -> Result<String, ChecksumError> {
    let (mut file, _) = super::open::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        if !keep_going() {
            return Err(ChecksumError::GivenUp);
        }
        let read = file.read(&mut block).map_err(|error| ModelFileError::io(path, error))?;
        let Some(filled) = block.get(..read).filter(|filled| !filled.is_empty()) else {
            break;
        };
        hash.update(filled);
    }
    Ok(hex(&hash.finalize()))
}
