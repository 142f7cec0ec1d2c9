//! Uploaded recordings as files, one for each, in a folder of their own.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actors::domain::jobs::job::BlobKey;
use actors::ports::{
    AudioError, BlobBytes, BlobFile, BlobFiles, BlobStore, BlobWriter, StorageUsage, StoreError, StoredBlob,
    WhileAway,
};
use async_trait::async_trait;
use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{MultipartUpload, ObjectStoreExt};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::directory::{create_durably, disk_room, has_room};
use super::objects;
use super::owner::{Owner, is_ours};
use super::recordings::{Blobs, OpenBlobsError, UPLOADS_OF_OTHERS};
use crate::failpoint;
use crate::hex::hex;

/// Bytes gathered before they go to the disk; a writer holds twice as much at most.
const PART: usize = 1 << 20;

/// Files of a folder, named by UUIDs of version 7. A file has its name only once all of it is on
/// disk; until then it is called `<key>#<number>`.
#[derive(Debug)]
pub struct FileBlobs {
    dir: PathBuf,
    files: LocalFileSystem,
    used: Arc<AtomicU64>,
    /// Whether blobs that no job needs are removed: they may be another service's.
    cleans: bool,
}

impl FileBlobs {
    /// Opens the folder, making it if it is not there, and removes what was being written when the
    /// last process ended. The caller holds the lock of [`super::SqlStore`], so there are no writers now.
    ///
    /// # Blocking
    /// Reads the folder.
    pub fn open(dir: &Path) -> Result<Self, OpenBlobsError> {
        Self::open_without(dir, |_| true)
    }

    /// Opens the folder and removes the files that were being written of these keys.
    fn open_without(dir: &Path, goes: impl Fn(&str) -> bool) -> Result<Self, OpenBlobsError> {
        let refused = |error: io::Error| OpenBlobsError::folder(dir, error);
        create_durably(dir).map_err(refused)?;
        remove_files(dir, |name| name.split_once('#').is_some_and(|(key, _)| goes(key))).map_err(refused)?;
        let files =
            LocalFileSystem::new_with_prefix(dir).map_err(|error| OpenBlobsError::folder(dir, error))?;
        let used = size_of_files(dir).map_err(refused)?;
        let files = files.with_fsync(true);
        Ok(Self { dir: dir.to_owned(), files, used: Arc::new(used.into()), cleans: true })
    }

    /// [`FileBlobs::open`] for a folder that other services may have open; `owner` identifies those whose it is. What is being written
    /// is left there for [`UPLOADS_OF_OTHERS`].
    ///
    /// # Blocking
    /// Reads the folder.
    pub(super) async fn open_shared(dir: &Path, owner: &Owner) -> Result<Self, OpenBlobsError> {
        let mut blobs = Self::open_without(dir, |key| objects::is_older(key, UPLOADS_OF_OTHERS))?;
        let ours = is_ours(&blobs.files, &Location::default(), owner).await;
        blobs.cleans = ours.map_err(|error| OpenBlobsError::folder(dir, error))?;
        Ok(blobs)
    }

    /// Where the blob's file is.
    pub fn path(&self, key: &BlobKey) -> PathBuf {
        self.dir.join(&key.0)
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn keep_only(&self, needed: &HashSet<String>, age: Duration) -> Result<usize, StoreError> {
        let goes = |name: &str| self.cleans && !needed.contains(name) && objects::is_older(name, age);
        let removed = remove_files(&self.dir, goes).map_err(of_disk)?;
        self.used.store(size_of_files(&self.dir).map_err(of_disk)?, Ordering::Relaxed);
        Ok(removed)
    }
}

impl BlobFiles for FileBlobs {
    fn file(&self, blob: &StoredBlob, _: WhileAway<'_>) -> Result<BlobFile, AudioError> {
        Ok(Arc::new(self.path(&blob.key)))
    }
}

#[async_trait]
impl BlobStore for FileBlobs {
    async fn create(&self) -> Result<Box<dyn BlobWriter>, StoreError> {
        let key = BlobKey(Uuid::now_v7().to_string());
        let upload = self.files.put_multipart(&location(&key)?).await.map_err(failed)?;
        let path = self.path(&key);
        let (part, hash, bytes, used) = (Vec::new(), Sha256::new(), 0, self.used.clone());
        Ok(Box::new(FileWriter { key, path, upload, part, hash, bytes, so_far: SoFar::Whole, used }))
    }

    fn has_room(&self, bytes: u64) -> bool {
        has_room(&self.dir, bytes)
    }

    fn usage(&self) -> StorageUsage {
        let (free_bytes, size_bytes) = disk_room(&self.dir).unwrap_or_default();
        StorageUsage { used_bytes: self.used.load(Ordering::Relaxed), free_bytes, size_bytes }
    }

    async fn read(&self, key: &BlobKey, range: Range<u64>) -> Result<Option<BlobBytes>, StoreError> {
        objects::read(&self.files, &location(key)?, range, failed).await
    }

    /// A second name of the same file.
    async fn copy(&self, key: &BlobKey) -> Result<Option<BlobKey>, StoreError> {
        let copy = BlobKey(Uuid::now_v7().to_string());
        match self.files.copy(&location(key)?, &location(&copy)?).await {
            Ok(()) => {
                let bytes = fs::metadata(self.path(&copy)).map_or(0, |file| file.len());
                self.used.fetch_add(bytes, Ordering::Relaxed);
                Ok(Some(copy))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        let bytes = fs::metadata(self.path(key)).map_or(0, |file| file.len());
        match self.files.delete(&location(key)?).await {
            Ok(()) => {
                objects::give_back(&self.used, bytes);
                Ok(())
            }
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// A blob that is being written. Dropped, it removes its file a moment later.
struct FileWriter {
    key: BlobKey,
    path: PathBuf,
    upload: Box<dyn MultipartUpload>,
    part: Vec<u8>,
    hash: Sha256,
    bytes: u64,
    so_far: SoFar,
    /// Of all blobs.
    used: Arc<AtomicU64>,
}

/// Whether every byte that was taken is in the file. The upload itself forgets a part that failed,
/// or whose write was given up half way, and would end well with a hole in its file.
#[derive(Debug, PartialEq)]
enum SoFar {
    Whole,
    Broken,
}

impl FileWriter {
    async fn flush(&mut self) -> Result<(), StoreError> {
        let part = Bytes::from(std::mem::take(&mut self.part));
        let before = std::mem::replace(&mut self.so_far, SoFar::Broken);
        self.upload.put_part(part.into()).await.map_err(failed)?;
        self.so_far = before;
        Ok(())
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        if !self.part.is_empty() {
            self.flush().await?;
        }
        match self.so_far {
            SoFar::Whole => self.upload.complete().await.map(drop).map_err(failed),
            SoFar::Broken => Err(StoreError::Failed("a part of the file was not written".into())),
        }
    }

    /// The upload leaves its file behind when it fails at its very end.
    ///
    /// # Blocking
    /// Reads the folder; only after a failure.
    fn discard(&self) {
        let staged = format!("{}#", self.key.0);
        let Some(dir) = self.path.parent() else { return };
        if let Err(error) = remove_files(dir, |name| name == self.key.0 || name.starts_with(&staged)) {
            tracing::warn!(%error, "cannot remove an unfinished file; the next start removes it");
        }
    }
}

#[async_trait]
impl BlobWriter for FileWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        for piece in bytes.chunks(PART) {
            // Hashing takes 0.5 to 3 ms for a whole part and far less for what a network gives at once.
            self.hash.update(piece);
            self.part.extend_from_slice(piece);
            self.bytes += piece.len() as u64;
            if self.part.len() >= PART {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<StoredBlob, StoreError> {
        if let Err(error) = self.complete().await {
            self.discard();
            return Err(error);
        }
        failpoint::hit("recording", "after").map_err(|error| StoreError::Failed(error.to_string()))?;
        let Self { key, bytes, hash, used, .. } = *self;
        used.fetch_add(bytes, Ordering::Relaxed);
        Ok(StoredBlob { key, bytes, sha256: hex(&hash.finalize()) })
    }

    async fn abort(mut self: Box<Self>) {
        if let Err(error) = self.upload.abort().await {
            tracing::warn!(%error, "cannot remove an unfinished file; the next start removes it");
        }
    }
}

fn location(key: &BlobKey) -> Result<Location, StoreError> {
    objects::location(&Location::default(), key)
}

fn size_of_files(dir: &Path) -> io::Result<u64> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

fn remove_files(dir: &Path, goes: impl Fn(&str) -> bool) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&goes) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn of_disk(error: io::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

fn failed(error: object_store::Error) -> StoreError {
    match objects::is_disk_full(&error) {
        true => StoreError::DiskFull,
        false => StoreError::Failed(error.to_string()),
    }
}

#[cfg(test)]
#[path = "tests/blobs.rs"]
mod tests;
