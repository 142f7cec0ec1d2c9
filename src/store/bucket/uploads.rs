//! Uploads in parts that are not over: a list on this machine's disk, so that the next start ends those of a process that was
//! killed. A bucket keeps their parts for ever, and names them in no list of its blobs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use object_store::MultipartId;

use crate::store::directory::create_durably;

/// A file for each, named as its blob.
#[derive(Debug)]
pub(super) struct Uploads {
    dir: PathBuf,
}

impl Uploads {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        create_durably(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    pub(super) fn note(&self, key: &str, id: &MultipartId) -> io::Result<()> {
        fs::write(self.dir.join(key), id)
    }

    pub(super) fn forget(&self, key: &str) {
        if let Err(error) = fs::remove_file(self.dir.join(key)) {
            tracing::warn!(%error, "cannot remove the note of an upload");
        }
    }

    /// Keys and ids of those that an earlier process began.
    pub(super) fn left(&self) -> io::Result<Vec<(String, MultipartId)>> {
        let entries = fs::read_dir(&self.dir)?;
        entries
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path())?))
            })
            .collect()
    }
}
