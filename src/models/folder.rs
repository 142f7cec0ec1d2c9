//! A verified download of the files of a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::checksum::with_suffix;
use super::client::Client;
use super::error::PullError;
use super::file::{self, Source, open_alone, sync_folder};
use super::meter::Meter;

/// Held while the files come.
const LOCK: &str = ".lock";

/// Where a folder lies until it is whole.
pub(super) fn partial_path(target: &Path) -> PathBuf {
    with_suffix(target, ".partial")
}

/// Downloads a folder that is not there, file after file.
///
/// The folder appears under its name only once all its files are whole, verified and on disk; until then it is
/// `<folder>.partial`, which a later call continues. Returns `false` where another process brought it meanwhile.
pub(super) fn fetch(
    target: &Path,
    sources: &[(&str, Source)],
    client: &Client,
    meter: &mut Meter<'_>,
) -> Result<bool, PullError> {
    let partial = partial_path(target);
    fs::create_dir_all(&partial).map_err(PullError::at(&partial))?;
    let lock = partial.join(LOCK);
    let _alone = open_alone(&lock)?;
    // Another process may have finished between the check and the lock.
    if target.exists() {
        drop_if_empty(&partial);
        return Ok(false);
    }
    for (name, source) in sources {
        let path = partial.join(name);
        let length = match fs::metadata(&path) {
            Ok(metadata) => Some(metadata.len()),
            Err(_) => file::fetch(&path, source, client, meter).inspect_err(|_| drop_if_empty(&partial))?,
        };
        meter.file_done(length.unwrap_or_default());
    }
    fs::rename(&partial, target).and_then(|()| sync_folder(target)).map_err(PullError::at(target))?;
    // One that stays does no harm.
    let _: io::Result<()> = fs::remove_file(target.join(LOCK));
    Ok(true)
}

/// Of a file, or of the files in a folder; 0 where neither is there.
pub(super) fn bytes_of(path: &Path) -> u64 {
    let length = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| length(&entry.path())).sum(),
        Err(_) => length(path),
    }
}

/// A try that brought nothing leaves nothing.
fn drop_if_empty(partial: &Path) {
    let is_lock = |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name() == LOCK);
    if fs::read_dir(partial).is_ok_and(|mut entries| entries.all(is_lock)) {
        // What stays does no harm: the next try uses it.
        let _: io::Result<()> = fs::remove_dir_all(partial);
    }
}
