//! Why a model could not be pulled, or removed.

use std::io;
use std::path::{Path, PathBuf};

use actors::domain::model::lifecycle::Failure;
use thiserror::Error;

use super::checksum::Expected;

/// Each message is one sentence that says what to do about it.
#[derive(Debug, Error)]
pub enum PullError {
    #[error("unknown model {name:?}: the known ones are {known}")]
    Unknown { name: String, known: String },
    #[error(
        "{url:?} is not a URL that models are downloaded from: use https://, or http:// on this machine alone"
    )]
    BadUrl { url: String },
    #[error(
        "a model from a URL needs its checksum: add --sha256 with the 64 digits that its publisher names"
    )]
    NoSha256,
    #[error("{text:?} is not a SHA-256: it has 64 hexadecimal digits")]
    BadSha256 { text: String },
    #[error(
        "{name:?} cannot be a model's name: choose one with --name, of letters, digits, dots, dashes and underscores"
    )]
    BadName { name: String },
    #[error("the proxy {proxy:?} cannot be used: correct {variable} in the environment")]
    BadProxy { proxy: String, variable: &'static str },
    #[error("{url} could not be reached: {detail}")]
    Unreachable { url: String, detail: String },
    #[error("{url} is not there (404): check the source URL")]
    NotFound { url: String },
    #[error("{url} was answered with status {status}, try again later or check the source URL")]
    Status { url: String, status: u16 },
    #[error("{url} redirects too often, or to an address without https: check the source URL")]
    BadRedirect { url: String },
    #[error("{url} sent nothing for {secs} s: pull again to continue where it stopped")]
    Stalled { url: String, secs: u64 },
    #[error("the download stopped after {done} bytes ({detail}): pull again to continue there")]
    Interrupted { done: u64, detail: String },
    #[error("the download was cancelled: pull again to continue where it stopped")]
    Cancelled,
    #[error(
        "{url} came without a checksum, and the catalogue has none: pull from the hub itself, or by URL with --sha256"
    )]
    NoChecksum { url: String },
    /// What came was removed.
    #[error("{file} arrived with {found}, expected is {expected}: it was removed, pull again")]
    Corrupt { file: String, expected: Expected, found: Expected },
    #[error(
        "{} is there already and is not the published model (it has {found}, published is {expected}): \
         move it away to pull the published one", path.display()
    )]
    Differs { path: PathBuf, expected: Expected, found: Expected },
    #[error("{} is being downloaded by another process: wait for it to end", path.display())]
    Busy { path: PathBuf },
    #[error(
        "{} has {free} bytes free and the download needs {needed}: free some, or set [model] dir to another disk",
        path.display()
    )]
    NoRoom { path: PathBuf, needed: u64, free: u64 },
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

    /// Whether something else was asked for than can be pulled: nothing was tried.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::BadUrl { .. }
                | Self::NoSha256
                | Self::BadSha256 { .. }
                | Self::BadName { .. }
                | Self::BadProxy { .. }
        )
    }

    /// The code that clients see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown_model",
            Self::NoRoom { .. } | Self::DiskFull { .. } => "disk_full",
            Self::Corrupt { .. } | Self::NoChecksum { .. } => "checksum_mismatch",
            Self::Differs { .. } => "model_corrupt",
            Self::Busy { .. } | Self::Io { .. } | Self::Cancelled => "pull_failed",
            Self::BadUrl { .. }
            | Self::NoSha256
            | Self::BadSha256 { .. }
            | Self::BadName { .. }
            | Self::BadProxy { .. }
            | Self::Unreachable { .. }
            | Self::NotFound { .. }
            | Self::Status { .. }
            | Self::BadRedirect { .. }
            | Self::Stalled { .. }
            | Self::Interrupted { .. } => "fetch_failed",
        }
    }
}

impl From<PullError> for Failure {
    fn from(error: PullError) -> Self {
        Self { code: error.code(), message: error.to_string() }
    }
}

/// Why a model was not removed.
#[derive(Debug, Error)]
pub enum RemoveError {
    #[error("{name:?} is not in {}: `verbatim models list --installed` shows what is", dir.display())]
    NotThere { name: String, dir: PathBuf },
    #[error("{name:?} is outside the models folder {}: remove it by hand if you mean it", dir.display())]
    Outside { name: String, dir: PathBuf },
    #[error("{} is not a model: remove it by hand if you mean it", path.display())]
    NotAModel { path: PathBuf },
    #[error("{} cannot be removed: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker's download is shown by the other services, too.
    #[test]
    fn other_services_know_the_codes() {
        let path = || PathBuf::from("m.bin");
        let digest = || Expected::sha256("00");
        let errors = [
            PullError::Unknown { name: "large".into(), known: "base".into() },
            PullError::DiskFull { path: path() },
            PullError::NoChecksum { url: "https://hub/m.bin".into() },
            PullError::Differs { path: path(), expected: digest(), found: digest() },
            PullError::Cancelled,
            PullError::NoSha256,
        ];
        for error in errors {
            let code = error.code();
            assert_eq!(Failure::reported(code, String::new()).code, code);
        }
    }

    #[test]
    fn a_full_disk_is_told_apart_from_other_failures() {
        let full = PullError::at(Path::new("m.bin"))(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.to_string(), "no space left on the device for m.bin: free some and pull again");
        let denied = PullError::at(Path::new("m.bin"))(io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(denied.to_string(), "m.bin: permission denied");
    }
}
