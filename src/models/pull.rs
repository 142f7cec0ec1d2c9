//! A verified download of a known model.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use tracing::info;

use super::catalog::{Catalog, KnownModel};
use super::checksum::{self, Checksums, with_suffix};
use super::download::{self, Download};
use super::error::PullError;

/// Where models come from and where they go.
#[derive(Debug, Clone)]
pub struct PullConfig {
    pub dir: PathBuf,
    /// The folder of the `ggml-<name>.bin` files; [`super::DEFAULT_SOURCE`].
    pub source_url: String,
    pub catalog: Catalog,
    pub tls: Arc<ClientConfig>,
}

/// What pulling a model did. Either way the file is there, has the published checksum, and its
/// SHA-256 stands beside it in `<file>.sha256`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    Downloaded(PathBuf),
    AlreadyThere(PathBuf),
}

impl Pulled {
    pub fn path(&self) -> &Path {
        match self {
            Self::Downloaded(path) | Self::AlreadyThere(path) => path,
        }
    }
}

/// [`pull`] for a thread with no runtime: it brings its own.
///
/// # Panics
/// Inside another runtime.
///
/// # Blocking
/// For as long as the download takes.
pub fn pull_blocking(
    name: &str,
    config: &PullConfig,
    progress: impl FnMut(u64, Option<u64>),
) -> Result<Pulled, PullError> {
    actix_rt::System::new().block_on(pull(name, config, progress))
}

/// Downloads a known model to `ggml-<name>.bin` in the models folder, unless it is there already.
///
/// The file appears under its name only once it is whole, verified and on disk; until then it is
/// `<file>.part`, which a later call continues. `progress` gets the bytes that are here and the
/// bytes of the whole, if known.
///
/// # Blocking
/// Writes to disk and computes checksums on the calling thread: not for a thread of an async runtime.
///
/// # Cancel safety
/// What has come stays for the next call.
pub async fn pull(
    name: &str,
    config: &PullConfig,
    mut progress: impl FnMut(u64, Option<u64>),
) -> Result<Pulled, PullError> {
    let model = config
        .catalog
        .find(name)
        .ok_or_else(|| PullError::Unknown { name: name.to_owned(), known: config.catalog.names() })?;
    fs::create_dir_all(&config.dir).map_err(PullError::at(&config.dir))?;
    let target = config.dir.join(model.file_name());
    if target.exists() {
        return confirm(model, target);
    }
    let part_path = part_path(&target);
    let mut part = open_alone(&part_path)?;
    // Another process may have finished between the check and the lock.
    if target.exists() {
        return confirm(model, target);
    }
    let url = format!("{}/{}", config.source_url.trim_end_matches('/'), model.file_name());
    let client = download::client(Arc::clone(&config.tls));
    let outcome = Download { url: &url, path: &part_path, part: &mut part }.run(&client, &mut progress).await;
    outcome.inspect_err(|_| drop_if_empty(&part, &part_path))?;
    settle(model, &part, &part_path, &target)?;
    info!(model = name, path = %target.display(), "model downloaded and verified");
    Ok(Pulled::Downloaded(target))
}

/// Where a file lies until it is whole.
pub(super) fn part_path(target: &Path) -> PathBuf {
    with_suffix(target, ".part")
}

/// A model that is there is verified again, and its SHA-256 written if it is missing.
fn confirm(model: &KnownModel, path: PathBuf) -> Result<Pulled, PullError> {
    let sums = checksum::of_file(&path).map_err(PullError::at(&path))?;
    if sums.sha1 != model.sha1 {
        return Err(PullError::Differs { path, expected: model.sha1.to_owned(), found: sums.sha1 });
    }
    checksum::write_sidecar(&path, &sums.sha256).map_err(PullError::at(&path))?;
    Ok(Pulled::AlreadyThere(path))
}

/// Opens or creates the unfinished file; two processes never write to it at once.
fn open_alone(path: &Path) -> Result<File, PullError> {
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
        // An empty file does no harm: the next try continues at its end.
        let _: io::Result<()> = fs::remove_file(path);
    }
}

/// Verifies the whole file and gives it its name. The checksum beside it comes first: a model
/// without one would be loaded unchecked.
fn settle(model: &KnownModel, part: &File, part_path: &Path, target: &Path) -> Result<(), PullError> {
    part.sync_all().map_err(PullError::at(part_path))?;
    let Checksums { sha1, sha256 } = checksum::of_file(part_path).map_err(PullError::at(part_path))?;
    download::forget_validator(part_path);
    if sha1 != model.sha1 {
        fs::remove_file(part_path).map_err(PullError::at(part_path))?;
        return Err(PullError::Corrupt {
            file: model.file_name(),
            expected: model.sha1.to_owned(),
            found: sha1,
        });
    }
    checksum::write_sidecar(target, &sha256)
        .and_then(|()| fs::rename(part_path, target))
        .and_then(|()| sync_folder(target))
        .map_err(PullError::at(target))
}

/// A new name is on disk only once its folder is.
fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
