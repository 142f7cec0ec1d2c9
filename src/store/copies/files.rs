//! Copying recordings and folders of them.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use uuid::Uuid;

use crate::store::directory;

/// What a copy has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    pub jobs: usize,
    pub recordings: usize,
    pub bytes: u64,
}

/// The names of the recordings in a folder. None are in one that is not there.
pub(in crate::store) fn recordings(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        // One that is being written has another name.
        names.extend(entry?.file_name().into_string().ok().filter(|name| Uuid::try_parse(name).is_ok()));
    }
    Ok(names)
}

/// Copies a file, which is on disk then and its owner's alone. A recording never changes, so a copy that is there is good if it
/// is as long.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let is_there = match (fs::metadata(from)?, fs::metadata(to)) {
        (source, Ok(copy)) => source.len() == copy.len(),
        (_, Err(_)) => false,
    };
    if !is_there {
        fs::copy(from, to)?;
        directory::make_private(to)?;
        File::open(to)?.sync_all()?;
    }
    Ok(())
}
