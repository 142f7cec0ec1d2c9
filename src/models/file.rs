//! A verified download of one file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use url::Url;

use super::checksum::{self, Expected, Found, with_suffix};
use super::client::Client;
use super::download::{Download, forget_validator};
use super::error::PullError;
use super::meter::Meter;

/// Where a file comes from, and what it must be.
pub(super) struct Source {
    pub(super) url: Url,
    pub(super) checksum: Checksum,
    /// Whether its SHA-256 is kept beside it.
    pub(super) sidecar: bool,
}

/// By what a file is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Checksum {
    Known(Expected),
    /// What the server says of it; a file of which it says nothing is refused.
    FromServer,
    /// What the server says of it, if it says anything.
    FromServerIfAny,
}

impl Checksum {
    /// The one that is known before the download.
    pub(super) fn known(&self) -> Option<&Expected> {
        match self {
            Self::Known(expected) => Some(expected),
            Self::FromServer | Self::FromServerIfAny => None,
        }
    }
}

/// Where a file lies until it is whole.
pub(super) fn part_path(target: &Path) -> PathBuf {
    with_suffix(target, ".part")
}

/// Downloads a file that is not there.
///
/// The file appears under its name only once it is whole, verified and on disk; until then it is `<file>.part`, which a
/// later call continues. Returns its length, or `None` where another process brought it meanwhile.
pub(super) fn fetch(
    target: &Path,
    source: &Source,
    client: &Client,
    meter: &mut Meter<'_>,
) -> Result<Option<u64>, PullError> {
    let part_path = part_path(target);
    let mut part = open_alone(&part_path)?;
    // Another process may have finished between the check and the lock.
    if target.exists() {
        return Ok(None);
    }
    let outcome = Download { url: &source.url, path: &part_path, part: &mut part }.run(client, meter);
    let promised = outcome.inspect_err(|_| drop_if_empty(&part, &part_path))?;
    meter.verifying();
    settle(target, &part_path, &part, source, promised, meter)?;
    part.metadata().map(|metadata| Some(metadata.len())).map_err(PullError::at(target))
}

/// A file that is there is verified again, and its SHA-256 written if it is missing.
pub(super) fn confirm(
    path: &Path,
    expected: Option<&Expected>,
    meter: &mut Meter<'_>,
) -> Result<(), PullError> {
    let length = fs::metadata(path).map_err(PullError::at(path))?.len();
    meter.pulling(length, Some(length));
    meter.verifying();
    let found = checksums(path, expected, meter)?;
    if let (Some(expected), Some(found)) = (expected, found.comparable)
        && found != *expected
    {
        return Err(PullError::Differs { path: path.to_owned(), expected: expected.clone(), found });
    }
    checksum::write_sidecar(path, &found.sha256).map_err(PullError::at(path))
}

fn checksums(path: &Path, expected: Option<&Expected>, meter: &Meter<'_>) -> Result<Found, PullError> {
    let found = checksum::of_file(path, expected, meter.keep_going()).map_err(PullError::at(path))?;
    found.ok_or(PullError::Cancelled)
}

/// Opens or creates a file; two processes never write to it at once.
pub(super) fn open_alone(path: &Path) -> Result<File, PullError> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let part = opened.map_err(PullError::at(path))?;
    match part.try_lock() {
        Ok(()) => Ok(part),
        Err(TryLockError::WouldBlock) => Err(PullError::Busy { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(PullError::at(path)(error)),
    }
}

/// A try that brought nothing leaves nothing.
fn drop_if_empty(part: &File, path: &Path) {
    if part.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        // An empty one that stays does no harm: the next try continues at its end.
        let _: io::Result<()> = fs::remove_file(path);
    }
}

/// Verifies the whole file and gives it its name. The checksum beside it comes first: a model
/// without one would be loaded unchecked.
fn settle(
    target: &Path,
    part_path: &Path,
    part: &File,
    source: &Source,
    promised: Option<Expected>,
    meter: &Meter<'_>,
) -> Result<(), PullError> {
    part.sync_all().map_err(PullError::at(part_path))?;
    let expected = match &source.checksum {
        Checksum::Known(expected) => Some(expected.clone()),
        Checksum::FromServer if promised.is_none() => {
            return Err(PullError::NoChecksum { url: source.url.to_string() });
        }
        Checksum::FromServer | Checksum::FromServerIfAny => promised,
    };
    let found = checksums(part_path, expected.as_ref(), meter)?;
    forget_validator(part_path);
    if let (Some(expected), Some(found)) = (expected, found.comparable)
        && found != expected
    {
        fs::remove_file(part_path).map_err(PullError::at(part_path))?;
        let file = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Err(PullError::Corrupt { file, expected, found });
    }
    let sidecar = if source.sidecar { checksum::write_sidecar(target, &found.sha256) } else { Ok(()) };
    sidecar
        .and_then(|()| fs::rename(part_path, target))
        .and_then(|()| sync_folder(target))
        .map_err(PullError::at(target))
}

/// A new name is on disk only once its folder is.
pub(super) fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        Some(_) | None => Ok(()),
    }
}
