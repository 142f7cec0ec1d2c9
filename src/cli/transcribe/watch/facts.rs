//! The facts that distinguish states of a file.

use std::path::Path;
use std::time::UNIX_EPOCH;
use std::{fs, io};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) bytes: u64,
    /// Since 1970.
    pub(super) modified_ms: u64,
}

impl Facts {
    /// # Errors
    /// The file does not exist.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        // Until the year 584,000,000.
        let modified_ms = u64::try_from(modified.as_millis()).unwrap_or(u64::MAX);
        Ok(Self { bytes: metadata.len(), modified_ms })
    }
}
