//! Checksums of model files, and the file beside each that keeps it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Both checksums of a file, lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checksums {
    pub(super) sha1: String,
    pub(super) sha256: String,
}

/// # Blocking
/// Reads the whole file: seconds for a large model.
pub(super) fn of_file(path: &Path) -> io::Result<Checksums> {
    let mut file = File::open(path)?;
    let (mut sha1, mut sha256) = (Sha1::new(), Sha256::new());
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        sha1.update(bytes);
        sha256.update(bytes);
    }
    Ok(Checksums { sha1: hex(&sha1.finalize()), sha256: hex(&sha256.finalize()) })
}

/// Where a file's SHA-256 is kept: `<file>.sha256`.
pub(super) fn sidecar_path(file: &Path) -> PathBuf {
    with_suffix(file, ".sha256")
}

/// Writes `<file>.sha256` as `sha256sum -c` reads it, whole or not at all. A file that has it already
/// stays as it is.
pub(super) fn write_sidecar(file: &Path, sha256: &str) -> io::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let line = format!("{sha256}  {name}\n");
    let path = sidecar_path(file);
    if fs::read_to_string(&path).is_ok_and(|present| present == line) {
        return Ok(());
    }
    let new = with_suffix(&path, ".part");
    let mut written = File::create(&new)?;
    written.write_all(line.as_bytes())?;
    written.sync_all()?;
    fs::rename(new, path)
}

/// `path` with something more at the end of its name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_the_published_ones_of_abc() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("abc");
        fs::write(&file, "abc").unwrap();
        let sums = of_file(&file).unwrap();
        assert_eq!(sums.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(sums.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_sidecar_reads_as_sha256sum_writes_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ggml-x.bin");
        write_sidecar(&file, "00ff").unwrap();
        assert_eq!(fs::read_to_string(sidecar_path(&file)).unwrap(), "00ff  ggml-x.bin\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
