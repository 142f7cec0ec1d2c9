//! Putting a copy in the place of a storage folder.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::database::copy_database;
use super::files::{Copied, copy, recordings};
use super::verify::verify;
use crate::store::blob_place::BlobPlace;
use crate::store::directory::{self, create_durably};
use crate::store::exchange::{INCOMING, exchange, remove_folder};
use crate::store::layout::{BLOBS, DATABASE};
use crate::store::open::{StoreOpenError, lock, settings, settle_restore};

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
/// database, and each recording by its SHA-256. Where `place` is not in the storage folder the copy is a database alone.
///
/// # Blocking
/// For as long as reading and copying take.
pub async fn restore(
    copy_dir: &Path,
    dir: &Path,
    place: &BlobPlace,
    replace: Replace,
) -> Result<Copied, RestoreError> {
    let failed = |error: io::Error| RestoreError::Failed { dir: dir.to_owned(), detail: error.to_string() };
    let copied = verify(copy_dir, place)
        .await
        .map_err(|detail| RestoreError::Damaged { dir: copy_dir.to_owned(), detail })?;
    create_durably(dir).map_err(failed)?;
    // Held until the end.
    let _lock = lock(dir).await?;
    settle_restore(dir)?;
    if dir.join(DATABASE).exists() && replace == Replace::Refuse {
        return Err(RestoreError::Occupied { dir: dir.to_owned() });
    }
    bring_in_recordings(copy_dir, dir).map_err(failed)?;
    // With the jobs that a copy by other means than a backup has in the write-ahead log.
    let (from, to) = (copy_dir.join(DATABASE), dir.join(INCOMING).join(DATABASE));
    copy_database(&settings(&from).read_only(true), &to)
        .await
        .map_err(|error| RestoreError::Failed { dir: dir.to_owned(), detail: error.to_string() })?;
    make_ready(dir).map_err(failed)?;
    exchange(dir).map_err(failed)?;
    Ok(copied)
}

fn bring_in_recordings(from: &Path, dir: &Path) -> io::Result<()> {
    let incoming = dir.join(INCOMING);
    remove_folder(&incoming)?;
    create_durably(&incoming.join(BLOBS))?;
    for name in recordings(&from.join(BLOBS))? {
        let to = incoming.join(BLOBS).join(&name);
        copy(&from.join(BLOBS).join(&name), &to)?;
        directory::give_to_owner_of(dir, &to);
    }
    Ok(())
}

/// What is brought in is on disk and has the folder's owner before it takes its place.
fn make_ready(dir: &Path) -> io::Result<()> {
    let incoming = dir.join(INCOMING);
    File::open(incoming.join(DATABASE))?.sync_all()?;
    for name in [BLOBS, DATABASE] {
        directory::give_to_owner_of(dir, &incoming.join(name));
    }
    directory::sync_folder(&incoming.join(BLOBS))?;
    directory::sync_folder(&incoming)
}
