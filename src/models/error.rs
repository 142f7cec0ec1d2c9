//! Why a model could not be pulled.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Each message is one sentence that says what to do about it.
#[derive(Debug, Error)]
pub enum PullError {
    #[error("unknown model {name:?}: the known ones are {known}")]
    Unknown { name: String, known: String },
    #[error("{url} could not be reached: {detail}")]
    Unreachable { url: String, detail: String },
    #[error("{url} is not there (404): check the source URL")]
    NotFound { url: String },
    #[error("{url} was answered with status {status}, try again later or check the source URL")]
    Status { url: String, status: u16 },
    #[error("{url} sent nothing for {secs} s: pull again to continue where it stopped")]
    Stalled { url: String, secs: u64 },
    #[error("the download stopped after {done} bytes ({detail}): pull again to continue from there")]
    Interrupted { done: u64, detail: String },
    /// What came was removed.
    #[error("{file} arrived with SHA-1 {found}, published is {expected}: it was removed, pull again")]
    Corrupt { file: String, expected: String, found: String },
    #[error(
        "{} is there already and is not the published model (SHA-1 {found}, published is {expected}): \
         move it away to pull the published one", path.display()
    )]
    Differs { path: PathBuf, expected: String, found: String },
    #[error("{} is being downloaded by another process: wait for it to end", path.display())]
    Busy { path: PathBuf },
    #[error("no space left on the device for {}: free some and pull again", path.display())]
    DiskFull { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl PullError {
    /// For `map_err`: a failure of the file system at `path`.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
                _ => Self::Io { path, source },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_differs_from_other_failures() {
        let full = PullError::at(Path::new("m.bin"))(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.to_string(), "no space left on the device for m.bin: free some and pull again");
        let denied = PullError::at(Path::new("m.bin"))(io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(denied.to_string(), "m.bin: permission denied");
    }
}
