//! Copies of blobs on this machine's disk, for decoding.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actors::domain::jobs::job::BlobKey;
use actors::ports::BlobFile;
use tempfile::NamedTempFile;

use crate::store::directory::{create_durably, has_room};

/// Files of at most `limit` bytes in all, unless more are in use: the ones that were not used for the longest time go first.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
    limit: u64,
    copies: Mutex<Copies>,
}

#[derive(Default)]
struct Copies {
    by_key: HashMap<BlobKey, Copy>,
    /// Counts uses.
    uses: u64,
}

struct Copy {
    file: BlobFile,
    bytes: u64,
    last_use: u64,
}

impl Cache {
    /// Empties the folder: files in it may be incomplete.
    ///
    /// # Blocking
    /// Removes files.
    pub(super) fn open(dir: &Path, limit: u64) -> io::Result<Self> {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => create_durably(dir)?,
        }
        Ok(Self { dir: dir.to_owned(), limit, copies: Mutex::default() })
    }

    /// A file for a copy, removed on drop unless it is kept.
    pub(super) fn create(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::new_in(&self.dir)
    }

    pub(super) fn find(&self, key: &BlobKey) -> Option<BlobFile> {
        self.lock().find(key)
    }

    /// Keeps a complete copy of a blob, and removes others where that makes too much.
    pub(super) fn keep(&self, key: &BlobKey, copy: NamedTempFile, bytes: u64) -> io::Result<BlobFile> {
        let mut copies = self.lock();
        // Fetched twice at the same time.
        if let Some(file) = copies.find(key) {
            return Ok(file);
        }
        let path = self.dir.join(&key.0);
        copy.persist(&path).map_err(|failed| failed.error)?;
        let file: BlobFile = Arc::new(path);
        copies.uses += 1;
        let last_use = copies.uses;
        copies.by_key.insert(key.clone(), Copy { file: file.clone(), bytes, last_use });
        while copies.bytes() > self.limit && copies.remove_oldest() {}
        Ok(file)
    }

    pub(super) fn remove(&self, key: &BlobKey) {
        if let Some(copy) = self.lock().by_key.remove(key) {
            copy.delete();
        }
    }

    /// Removes copies until the disk has room for so many bytes; whether it has.
    pub(super) fn make_room(&self, bytes: u64) -> bool {
        while !has_room(&self.dir, bytes) {
            if !self.lock().remove_oldest() {
                return false;
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copies {
    fn find(&mut self, key: &BlobKey) -> Option<BlobFile> {
        let copy = self.by_key.get_mut(key)?;
        self.uses += 1;
        copy.last_use = self.uses;
        Some(copy.file.clone())
    }

    fn bytes(&self) -> u64 {
        self.by_key.values().map(|copy| copy.bytes).sum()
    }

    /// Whether there was one that is not in use.
    fn remove_oldest(&mut self) -> bool {
        let unused = self.by_key.iter().filter(|(_, copy)| !copy.is_in_use());
        let Some(key) = unused.min_by_key(|(_, copy)| copy.last_use).map(|(key, _)| key.clone()) else {
            return false;
        };
        if let Some(copy) = self.by_key.remove(&key) {
            copy.delete();
        }
        true
    }
}

impl Copy {
    fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.file) > 1
    }

    fn delete(&self) {
        let path = (*self.file).as_ref();
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(%error, path = %path.display(), "cannot remove a copy of a recording");
        }
    }
}

impl std::fmt::Debug for Copies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_key.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    fn keep(cache: &Cache, name: &str) -> BlobFile {
        let mut copy = cache.create().unwrap();
        copy.write_all(&[0; 100]).unwrap();
        cache.keep(&BlobKey(name.into()), copy, 100).unwrap()
    }

    fn kept(cache: &Cache) -> String {
        NAMES.into_iter().filter(|name| cache.dir.join(name).exists()).collect()
    }

    #[test]
    fn the_copy_that_was_not_used_for_the_longest_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 200).unwrap();
        drop((keep(&cache, "a"), keep(&cache, "b")));
        cache.find(&BlobKey("a".into())).unwrap();
        drop(keep(&cache, "c"));
        assert_eq!(kept(&cache), "ac");
        assert!(!cache.make_room(u64::MAX) && kept(&cache).is_empty());
    }

    #[test]
    fn a_copy_in_use_is_never_removed_for_room() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 0).unwrap();
        let used = keep(&cache, "a");
        drop(keep(&cache, "b"));
        drop(keep(&cache, "c"));
        assert_eq!(kept(&cache), "ac");
        assert!(!cache.make_room(u64::MAX));
        assert_eq!(kept(&cache), "a");
        cache.remove(&BlobKey("a".into()));
        assert!(cache.find(&BlobKey("a".into())).is_none() && !(*used).as_ref().exists());
    }

    #[test]
    fn copies_of_an_earlier_process_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 1000).unwrap();
        drop(keep(&cache, "a"));
        let again = Cache::open(dir.path(), 1000).unwrap();
        assert!(kept(&again).is_empty() && again.find(&BlobKey("a".into())).is_none());
    }
}
