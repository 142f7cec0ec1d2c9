//! Puts a database and its recordings in the place of a storage folder's own: all of it or nothing, also where the process is
//! killed. What was there lies in a folder of its own until all is in place.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::directory::{self, create_durably};
use super::layout::{BLOBS, DATABASE};

/// The copy, until it is in its place. It is removed last, so an empty one says that the copy is in its place.
pub(super) const INCOMING: &str = "restore-incoming";
/// What was there, until the copy is in its place.
pub(super) const REPLACED: &str = "restore-replaced";

/// What an exchange that did not end has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing, or it was put back or finished.
    Settled,
    /// Two databases, and nothing says which one counts.
    Unclear,
}

/// Exchanges the storage folder's data for what is in [`INCOMING`].
///
/// # Errors
/// All is where it was, unless the message says otherwise.
pub(super) fn exchange(dir: &Path) -> io::Result<()> {
    // Without a database: `settle` was called before.
    remove_folder(&dir.join(REPLACED))?;
    create_durably(&dir.join(REPLACED))?;
    let mut moved = Vec::new();
    let done = move_all(dir, &mut moved);
    if let Err(error) = &done
        && let Err(second) = put_back(&moved)
    {
        let text = format!("{error}; what was there is kept in {REPLACED} and cannot be put back: {second}");
        return Err(io::Error::new(error.kind(), text));
    }
    clear(dir);
    done
}

/// The database leaves first and comes last: it never stands beside recordings that are not its own.
fn move_all(dir: &Path, moved: &mut Vec<(PathBuf, PathBuf)>) -> io::Result<()> {
    let (incoming, replaced) = (dir.join(INCOMING), dir.join(REPLACED));
    for name in own_files() {
        let (from, to) = (dir.join(&name), replaced.join(&name));
        match rename(&from, &to) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => {
                done?;
                moved.push((from, to));
            }
        }
    }
    for name in [BLOBS, DATABASE] {
        let (from, to) = (incoming.join(name), dir.join(name));
        rename(&from, &to)?;
        moved.push((from, to));
    }
    directory::sync_folder(dir)
}

fn put_back(moved: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    moved.iter().rev().try_for_each(|(from, to)| rename(to, from))
}

/// Ends what a killed process has left half exchanged: puts back what was there, or, where the copy is in its place already,
/// removes what it replaced.
pub(super) fn settle(dir: &Path) -> io::Result<Left> {
    let (incoming, replaced) = (dir.join(INCOMING), dir.join(REPLACED));
    if !replaced.join(DATABASE).exists() {
        return Ok(Left::Settled);
    }
    if dir.join(DATABASE).exists() {
        if !incoming.exists() || incoming.join(DATABASE).exists() {
            return Ok(Left::Unclear);
        }
        clear(dir);
        return Ok(Left::Settled);
    }
    if replaced.join(BLOBS).exists() {
        // The copy's.
        remove_folder(&dir.join(BLOBS))?;
    }
    for name in own_files().iter().rev() {
        match rename(&replaced.join(name), &dir.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => done?,
        }
    }
    directory::sync_folder(dir)?;
    tracing::warn!(dir = %dir.display(), "a restore was interrupted: the data from before it is back in its place");
    clear(dir);
    Ok(Left::Settled)
}

fn own_files() -> [String; 4] {
    [DATABASE.to_owned(), format!("{DATABASE}-wal"), format!("{DATABASE}-shm"), BLOBS.to_owned()]
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("{} cannot be moved to {}: {error}", from.display(), to.display()),
        )
    })
}

/// What cannot be removed now is removed when the folder is next opened or restored into.
fn clear(dir: &Path) {
    for name in [REPLACED, INCOMING] {
        let path = dir.join(name);
        if let Err(error) = remove_folder(&path) {
            tracing::warn!(%error, path = %path.display(), "cannot remove what a restore has left");
            return;
        }
    }
}

pub(super) fn remove_folder(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with files of these names and texts.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn texts(dir: &Path) -> Vec<String> {
        let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
        vec![read("verbatim.db"), read("verbatim.db-wal"), read("blobs/a")]
    }

    fn is_clear(dir: &Path) -> bool {
        !dir.join(INCOMING).exists() && !dir.join(REPLACED).exists()
    }

    #[test]
    fn a_copy_that_cannot_be_moved_leaves_all_as_it_was() {
        let dir = folder(&[
            ("verbatim.db", "old"),
            ("verbatim.db-wal", "old"),
            ("blobs/a", "old"),
            // Without recordings, so that the second move into place fails.
            ("restore-incoming/verbatim.db", "new"),
        ]);
        exchange(dir.path()).unwrap_err();
        assert_eq!(texts(dir.path()), ["old", "old", "old"]);
        assert!(is_clear(dir.path()));
    }

    #[test]
    fn an_interrupted_exchange_is_put_back() {
        let dir = folder(&[
            ("restore-replaced/verbatim.db", "old"),
            ("restore-replaced/blobs/a", "old"),
            ("verbatim.db-wal", "old"),
            ("blobs/a", "new"),
            ("restore-incoming/verbatim.db", "new"),
        ]);
        assert_eq!(settle(dir.path()).unwrap(), Left::Settled);
        assert_eq!(texts(dir.path()), ["old", "old", "old"]);
        assert!(is_clear(dir.path()));
    }

    #[test]
    fn an_exchange_killed_at_its_end_is_finished() {
        let dir = folder(&[
            ("restore-replaced/verbatim.db", "old"),
            ("restore-replaced/blobs/a", "old"),
            ("verbatim.db", "new"),
            ("blobs/a", "new"),
        ]);
        fs::create_dir(dir.path().join(INCOMING)).unwrap();
        assert_eq!(settle(dir.path()).unwrap(), Left::Settled);
        assert_eq!(texts(dir.path()), ["new", "", "new"]);
        assert!(is_clear(dir.path()));
    }

    #[test]
    fn two_databases_of_which_none_is_known_to_count_are_kept() {
        let dir = folder(&[
            ("restore-replaced/verbatim.db", "old"),
            ("verbatim.db", "empty"),
            ("restore-incoming/verbatim.db", "new"),
        ]);
        assert_eq!(settle(dir.path()).unwrap(), Left::Unclear);
        assert!(dir.path().join("restore-replaced/verbatim.db").exists());
    }
}
