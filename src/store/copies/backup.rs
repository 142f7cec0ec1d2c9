//! A copy of the database and of the recordings that it names.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::database::{DatabaseError, copy_database};
use super::files::{Copied, copy, recordings};
use super::verify::{inside, named_recordings};
use crate::store::blob_place::BlobPlace;
use crate::store::directory::{self, create_durably};
use crate::store::layout::{BLOBS, DATABASE};
use crate::store::open::settings;

/// The database's copy until the recordings are complete.
const PARTIAL: &str = "verbatim.db.partial";
/// Jobs may be removed while their recordings are copied; so often in a row they are not.
const ROUNDS: usize = 10;

/// Why there is no copy.
#[derive(Debug, Error)]
pub enum BackupError {
    #[error("{} is not empty: name a new folder for the copy", dir.display())]
    Exists { dir: PathBuf },
    #[error("there is no database in {}: set [storage] dir to the folder of a service", dir.display())]
    NoDatabase { dir: PathBuf },
    #[error("cannot make the copy in {}: {detail}", dir.display())]
    Failed { dir: PathBuf, detail: String },
    #[error("jobs are being removed faster than they can be copied: try again")]
    Unsteady,
}

/// Copies the storage folder `dir` into the new folder `target`, as it is at one moment, whether or not a service has it open:
/// every job of the copy has its recording. The copy is a storage folder itself; its database has its name once all is there.
/// Where `place` is not in the storage folder the recordings stay there, and the copy is the database alone.
///
/// # Blocking
/// For as long as copying takes.
pub async fn backup(dir: &Path, place: &BlobPlace, target: &Path) -> Result<Copied, BackupError> {
    if !dir.join(DATABASE).exists() {
        return Err(BackupError::NoDatabase { dir: dir.to_owned() });
    }
    let failed = |error: io::Error| BackupError::Failed { dir: target.to_owned(), detail: error.to_string() };
    let of_database =
        |error: DatabaseError| BackupError::Failed { dir: target.to_owned(), detail: error.to_string() };
    create_durably(target).map_err(failed)?;
    if fs::read_dir(target).map_err(failed)?.next().is_some() {
        return Err(BackupError::Exists { dir: target.to_owned() });
    }
    let (from, to, partial) = (dir.join(BLOBS), target.join(BLOBS), target.join(PARTIAL));
    create_durably(&to).map_err(failed)?;
    if *place == BlobPlace::Own {
        // Most of the work, so that little can happen between the database's copy and the last recording.
        copy_all(&from, &to).map_err(failed)?;
    }
    for _ in 0..ROUNDS {
        copy_database(&settings(&dir.join(DATABASE)), &partial).await.map_err(of_database)?;
        let named = named_recordings(&partial).await.map_err(|error| of_database(error.into()))?;
        let kept = inside(place, &named);
        let names: HashSet<&str> = kept.iter().map(|one| one.key.as_str()).collect();
        if copy_named(&from, &to, &names).map_err(failed)? == Complete::Yes {
            let bytes = kept.iter().map(|one| one.bytes).sum();
            let copied = Copied { jobs: named.len(), recordings: names.len(), bytes };
            remove_others(&to, &names).map_err(failed)?;
            finish(&partial, target).map_err(failed)?;
            return Ok(copied);
        }
        fs::remove_file(&partial).map_err(failed)?;
    }
    Err(BackupError::Unsteady)
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    for name in recordings(from)? {
        match copy(&from.join(&name), &to.join(&name)) {
            // Removed meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Complete {
    Yes,
    /// A recording was removed with its job after the database was copied.
    No,
}

fn copy_named(from: &Path, to: &Path, names: &HashSet<&str>) -> io::Result<Complete> {
    for name in names.iter().filter(|name| !to.join(name).exists()) {
        match copy(&from.join(name), &to.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Complete::No),
            done => done?,
        }
    }
    Ok(Complete::Yes)
}

fn remove_others(dir: &Path, names: &HashSet<&str>) -> io::Result<()> {
    for name in recordings(dir)?.iter().filter(|name| !names.contains(name.as_str())) {
        fs::remove_file(dir.join(name))?;
    }
    Ok(())
}

fn finish(partial: &Path, target: &Path) -> io::Result<()> {
    File::open(partial)?.sync_all()?;
    // Of the connections that read it.
    for name in ["-wal", "-shm"] {
        let path = target.join(format!("{PARTIAL}{name}"));
        if path.exists() {
            fs::remove_file(path)?;
        }
    }
    directory::sync_folder(&target.join(BLOBS))?;
    fs::rename(partial, target.join(DATABASE))?;
    directory::sync_folder(target)
}
