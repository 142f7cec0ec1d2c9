//! A file of keys: an entry on each line, as in the list of the settings; what stands behind # is a comment.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;

use super::keys::{BadKey, Described, Keys};

#[derive(Debug, Error)]
pub enum KeysFileError {
    #[error("the keys in {} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("line {line} of {} {bad}", path.display())]
    BadKey { path: PathBuf, line: usize, bad: BadKey },
    #[error("the keys in {} cannot be changed: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

/// A key of the file, and what its comment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub key: Described,
    pub comment: String,
}

/// The keys of a file. A file that is not there has none.
///
/// # Errors
/// The file cannot be read, or a line is not a key. No message shows a line.
///
/// # Blocking
/// Reads a small file.
pub fn read(path: &Path) -> Result<Keys, KeysFileError> {
    entries(path, &text_of(path)?).try_fold(Keys::default(), |keys, entry| Ok(keys.and(entry?.1)))
}

/// # Errors
/// As [`read`].
///
/// # Blocking
/// Reads a small file.
pub fn list(path: &Path) -> Result<Vec<Listed>, KeysFileError> {
    let text = text_of(path)?;
    let mut listed = Vec::new();
    for entry in entries(path, &text) {
        let (line, keys) = entry?;
        let comment = line.split_once('#').map_or("", |(_, comment)| comment).trim();
        listed.extend(keys.described().map(|key| Listed { key, comment: comment.to_owned() }));
    }
    Ok(listed)
}

/// Adds a line with an entry, making the file, readable by its owner alone, if it is not there.
///
/// # Blocking
/// Writes a small file, after others that change it.
pub fn append(path: &Path, entry: &str, comment: &str) -> Result<(), KeysFileError> {
    change(path, |text| {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        (format!("{text}{gap}{entry}  # {comment}\n"), ())
    })
}

/// Removes the lines of the key with this id, and says how many there were.
///
/// # Blocking
/// Writes a small file, after others that change it.
pub fn remove(path: &Path, id: &str) -> Result<usize, KeysFileError> {
    // Refuses a file that could not be read, before it is written again.
    read(path)?;
    change(path, |text| {
        let is_it = |line: &&str| {
            Keys::parse(entry_of(line)).is_ok_and(|keys| keys.described().any(|key| key.id == id))
        };
        let removed = text.lines().filter(is_it).count();
        (text.lines().filter(|line| !is_it(line)).map(|line| format!("{line}\n")).collect(), removed)
    })
}

fn text_of(path: &Path) -> Result<String, KeysFileError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(|source| KeysFileError::Unreadable { path: path.to_owned(), source }),
    }
}

/// Each line that has a key, with that key.
fn entries<'a>(
    path: &'a Path,
    text: &'a str,
) -> impl Iterator<Item = Result<(&'a str, Keys), KeysFileError>> {
    text.lines().zip(1..).filter(|(line, _)| entry_of(line).is_some()).map(move |(line, number)| {
        let keys = Keys::parse(entry_of(line));
        let bad =
            |(_, bad): (usize, BadKey)| KeysFileError::BadKey { path: path.to_owned(), line: number, bad };
        Ok((line, keys.map_err(bad)?))
    })
}

/// What is in front of the comment, if there is something.
fn entry_of(line: &str) -> Option<&str> {
    let entry = line.split('#').next().unwrap_or_default().trim();
    (!entry.is_empty()).then_some(entry)
}

/// One at a time, and never half done: readers see the file before or after.
fn change<T>(path: &Path, edit: impl FnOnce(&str) -> (String, T)) -> Result<T, KeysFileError> {
    let failed = |source| KeysFileError::Unwritable { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".lock");
    let lock =
        File::options().create(true).truncate(false).write(true).open(folder.join(name)).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let (text, done) = edit(&text_of(path)?);
    // Of mode 0600.
    let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    keep_owner(path, folder, file.path()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(done)
}

/// The service may run as another user than the one who changes its keys: the new file keeps the old one's readers, and a
/// first one belongs to the owner of its folder.
fn keep_owner(path: &Path, folder: &Path, new: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        let old = fs::metadata(path);
        let (owner, own) =
            (old.as_ref().ok().cloned().map_or_else(|| fs::metadata(folder), Ok)?, fs::metadata(new)?);
        if (owner.uid(), owner.gid()) != (own.uid(), own.gid()) && (old.is_ok() || own.uid() == 0) {
            chown(new, Some(owner.uid()), Some(owner.gid()))?;
        }
        if let Ok(old) = old {
            fs::set_permissions(new, old.permissions())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::keys::{Scope, hashed_entry};
    use super::*;

    const KEY: &str = "a-key-of-20-letters!";

    #[test]
    fn a_key_opens_until_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        assert!(read(&path).unwrap().is_empty());
        append(&path, &hashed_entry(KEY, "alice", &[Scope::Submit, Scope::Read]), "created today").unwrap();
        append(&path, "another-key-of-27-characters bob", "by hand").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(KEY) && text.contains(" alice submit+read  # created today\n"), "{text}");
        let keys = read(&path).unwrap();
        assert_eq!((keys.len(), keys.find(KEY).map(|caller| caller.owner.as_str())), (2, Some("alice")));
        let listed = list(&path).unwrap();
        assert_eq!(
            (listed[0].key.scopes.as_slice(), listed[0].comment.as_str()),
            (&["submit", "read"][..], "created today")
        );
        assert_eq!(remove(&path, &listed[0].key.id).unwrap(), 1);
        assert_eq!(remove(&path, &listed[0].key.id).unwrap(), 0);
        let keys = read(&path).unwrap();
        assert_eq!((keys.len(), keys.find(KEY)), (1, None));
    }

    #[test]
    fn a_bad_line_is_told_by_its_number_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        fs::write(&path, format!("# keys\n\n{KEY} alice\nshort-secret bob\n")).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("line 4") && !error.contains("short-secret"), "{error}");
        assert!(remove(&path, "00").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_keeps_its_mode_and_a_new_one_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        append(&path, KEY, "one").unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        append(&path, "another-key-of-27-characters", "two").unwrap();
        assert_eq!(mode(), 0o640);
    }
}
