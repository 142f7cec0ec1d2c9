//! Checksums of model files, and the file beside each that keeps it.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::hex::hex;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sha1,
    Sha256,
    /// The id that git gives to a file: SHA-1 with the file's length before its bytes.
    GitBlob,
}

/// The checksum that a file should have, lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    kind: Kind,
    hex: Cow<'static, str>,
}

impl Expected {
    pub const fn sha1(hex: &'static str) -> Self {
        Self { kind: Kind::Sha1, hex: Cow::Borrowed(hex) }
    }

    pub const fn sha256(hex: &'static str) -> Self {
        Self { kind: Kind::Sha256, hex: Cow::Borrowed(hex) }
    }

    /// A SHA-256 from text; `None` if the text is not one.
    pub fn parse_sha256(text: &str) -> Option<Self> {
        let expected = Self { kind: Kind::Sha256, hex: text.trim().to_ascii_lowercase().into() };
        expected.is_well_formed().then_some(expected)
    }

    /// What an entity tag of the hub says of the file: the SHA-256 of one that is kept apart from the repository, else
    /// git's id. `None` for tags of other servers.
    pub(super) fn of_tag(tag: &str) -> Option<Self> {
        let hex = tag.trim_start_matches("W/").trim_matches('"').to_ascii_lowercase();
        let kinds = [Kind::Sha256, Kind::GitBlob].into_iter();
        let mut candidates = kinds.map(|kind| Self { kind, hex: hex.clone().into() });
        candidates.find(Self::is_well_formed)
    }

    pub(super) fn is_well_formed(&self) -> bool {
        let length = match self.kind {
            Kind::Sha1 | Kind::GitBlob => 40,
            Kind::Sha256 => 64,
        };
        self.hex.len() == length && self.hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    fn of(&self, found: String) -> Self {
        Self { kind: self.kind, hex: found.into() }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Sha1 => "SHA-1",
            Kind::Sha256 => "SHA-256",
            Kind::GitBlob => "git id",
        };
        write!(f, "{kind} {}", self.hex)
    }
}

/// What a file's checksums are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) sha256: String,
    /// Of the kind that is expected.
    pub(super) comparable: Option<Expected>,
}

/// `None` once `keep_going` says no.
///
/// # Blocking
/// Reads the whole file: seconds for a large model.
pub(super) fn of_file(
    path: &Path,
    expected: Option<&Expected>,
    keep_going: &dyn Fn() -> bool,
) -> io::Result<Option<Found>> {
    let mut file = File::open(path)?;
    let kind = expected.map(|expected| expected.kind);
    let mut sha256 = Sha256::new();
    let mut sha1 = Sha1::new();
    if kind == Some(Kind::GitBlob) {
        sha1.update(format!("blob {}\0", file.metadata()?.len()));
    }
    let mut buffer = vec![0; 1 << 20];
    loop {
        if !keep_going() {
            return Ok(None);
        }
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        sha256.update(bytes);
        if matches!(kind, Some(Kind::Sha1 | Kind::GitBlob)) {
            sha1.update(bytes);
        }
    }
    let (sha256, sha1) = (hex(&sha256.finalize()), hex(&sha1.finalize()));
    let comparable = expected.map(|expected| match expected.kind {
        Kind::Sha256 => expected.of(sha256.clone()),
        Kind::Sha1 | Kind::GitBlob => expected.of(sha1),
    });
    Ok(Some(Found { sha256, comparable }))
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

    const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn checksums_are_the_published_ones_of_abc() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("abc");
        fs::write(&file, "abc").unwrap();
        let git = Expected::of_tag("W/\"f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f\"").unwrap();
        for expected in
            [Expected::sha1("a9993e364706816aba3e25717850c26c9cd0d89d"), Expected::sha256(OF_ABC), git]
        {
            let found = of_file(&file, Some(&expected), &|| true).unwrap().unwrap();
            assert_eq!((found.sha256.as_str(), found.comparable), (OF_ABC, Some(expected)));
        }
        assert_eq!(of_file(&file, None, &|| false).unwrap(), None);
    }

    #[test]
    fn only_tags_of_the_hub_are_checksums() {
        assert_eq!(Expected::of_tag(&format!("\"{OF_ABC}\"")), Some(Expected::sha256(OF_ABC)));
        for tag in ["\"5f3c-1a2b\"", "", "\"v1\"", "\"g9993e364706816aba3e25717850c26c9cd0d89d\""] {
            assert_eq!(Expected::of_tag(tag), None, "{tag}");
        }
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
