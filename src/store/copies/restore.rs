//! Putting a copy in the place of a storage folder.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::files::{Copied, copy, recordings};
use super::verify::verify;
use crate::store::directory::{self, create_durably};
use crate::store::open::{BLOBS, DATABASE, StoreOpenError, lock};

/// The copy, until it is complete.
const INCOMING: &str = "restore-incoming";
/// What was there, until the copy is in its place.
const REPLACED: &str = "restore-replaced";

/// What becomes of data that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    Refuse,
    Allow,
}

/// Why nothing was restored. The storage folder is as it was.
#[derive(Debug, Error)]
pub enum RestoreError {
    #[error("{} is not a good copy: {detail}", dir.display())]
    Damaged { dir: PathBuf, detail: String },
    #[error("{} has a database already: replace it and its recordings with --force, or set another [storage] dir", dir.display())]
    Occupied { dir: PathBuf },
    #[error(transparent)]
    Storage(#[from] StoreOpenError),
    #[error("cannot restore into {}: {detail}", dir.display())]
    Failed { dir: PathBuf, detail: String },
}

/// Puts the copy in `copy_dir` into the storage folder `dir`, which no service may have open. All of it is checked first: the
/// database, and each recording by its SHA-256.
///
/// # Blocking
/// For as long as reading and copying take.
pub async fn restore(copy_dir: &Path, dir: &Path, replace: Replace) -> Result<Copied, RestoreError> {
    let failed = |error: io::Error| RestoreError::Failed { dir: dir.to_owned(), detail: error.to_string() };
    let copied = verify(copy_dir)
        .await
        .map_err(|detail| RestoreError::Damaged { dir: copy_dir.to_owned(), detail })?;
    create_durably(dir).map_err(failed)?;
    // Held until the end.
    let _lock = lock(dir).await?;
    if dir.join(DATABASE).exists() && replace == Replace::Refuse {
        return Err(RestoreError::Occupied { dir: dir.to_owned() });
    }
    bring_in(copy_dir, &dir.join(INCOMING)).map_err(failed)?;
    exchange(dir).map_err(failed)?;
    Ok(copied)
}

fn bring_in(from: &Path, incoming: &Path) -> io::Result<()> {
    remove_folder(incoming)?;
    create_durably(&incoming.join(BLOBS))?;
    for name in recordings(&from.join(BLOBS))? {
        copy(&from.join(BLOBS).join(&name), &incoming.join(BLOBS).join(&name))?;
    }
    copy(&from.join(DATABASE), &incoming.join(DATABASE))?;
    directory::sync_folder(&incoming.join(BLOBS))
}

/// The database leaves first and comes last: it never stands beside recordings that are not its own.
fn exchange(dir: &Path) -> io::Result<()> {
    let (incoming, replaced) = (dir.join(INCOMING), dir.join(REPLACED));
    remove_folder(&replaced)?;
    create_durably(&replaced)?;
    for name in [DATABASE.to_owned(), format!("{DATABASE}-wal"), format!("{DATABASE}-shm"), BLOBS.to_owned()]
    {
        match fs::rename(dir.join(&name), replaced.join(&name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            moved => moved?,
        }
    }
    for name in [BLOBS, DATABASE] {
        fs::rename(incoming.join(name), dir.join(name))?;
        directory::give_to_owner_of(dir, &dir.join(name));
    }
    for name in recordings(&dir.join(BLOBS))? {
        directory::give_to_owner_of(dir, &dir.join(BLOBS).join(name));
    }
    directory::sync_folder(dir)?;
    remove_folder(&incoming)?;
    remove_folder(&replaced)
}

fn remove_folder(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
