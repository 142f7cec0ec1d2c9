//! Recordings in a bucket of an object store, such as S3, with copies on this machine's disk for decoding.

mod cache;
mod client;
mod fetch;
mod shared;
mod uploads;
mod writer;

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actors::domain::jobs::job::BlobKey;
use actors::ports::{
    AudioError, BlobBytes, BlobFile, BlobFiles, BlobStore, BlobWriter, StorageUsage, StoreError, StoredBlob,
    WhileAway,
};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path as Location;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use rustls::ClientConfig;
use tokio::time::timeout;
use tracing::warn;
use url::Url;
use uuid::Uuid;

use super::directory::disk_room;
use super::objects::{give_back, is_older};
use super::owner::{Owner, is_ours};
use super::recordings::{Blobs, OpenBlobsError};
use client::{connect, variables};
use shared::{Shared, describe, failed};
use writer::BucketWriter;

/// A bucket that does not answer is waited for this long at the start.
const START_LIMIT: Duration = Duration::from_secs(20);

/// What a bucket needs besides its address.
#[derive(Debug, Clone)]
pub struct BucketConfig {
    /// Called once.
    pub tls: fn() -> Arc<ClientConfig>,
    /// Of copies for decoding, unless more are in use.
    pub cache_bytes: u64,
}

/// Blobs in a bucket, named by UUIDs of version 7 behind a prefix. A blob has its name only once it is complete.
#[derive(Debug)]
pub struct BucketBlobs {
    shared: Arc<Shared>,
    dir: PathBuf,
    bucket: Found,
}

/// What was found at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Ours,
    /// Blobs that no job of this service needs may be another one's.
    Foreign,
    NoAnswer,
}

impl BucketBlobs {
    /// Opens the bucket at `url`; `dir` is this machine's folder for it, `owner` identifies those whose
    /// recordings are in it. Ends uploads that an earlier process has not ended. A bucket that does not answer is opened, with a warning.
    ///
    /// # Errors
    /// The bucket does not exist, the credentials are missing or refused, or the folder cannot be written to.
    ///
    /// # Blocking
    /// Removes copies of an earlier process.
    pub(super) async fn open(
        url: &Url,
        dir: &Path,
        owner: &Owner,
        config: BucketConfig,
    ) -> Result<Self, OpenBlobsError> {
        let bucket = connect(url, (config.tls)()).await?;
        let address = url.to_string();
        let prefix = match Location::from_url_path(url.path()) {
            Ok(prefix) => prefix,
            Err(error) => return Err(OpenBlobsError::Unusable { url: address, detail: error.to_string() }),
        };
        let shared = Shared::open(bucket, prefix, dir, config.cache_bytes)
            .map_err(|error| OpenBlobsError::folder(dir, error))?;
        let shared = Arc::new(shared);
        let opened = |bucket| Self { shared: shared.clone(), dir: dir.to_owned(), bucket };
        let error = match timeout(START_LIMIT, take_up(&shared, owner)).await {
            Ok(Ok(bucket)) => return Ok(opened(bucket)),
            Ok(Err(Error::NotFound { .. })) => return Err(OpenBlobsError::NoBucket { url: address }),
            Ok(Err(Error::PermissionDenied { .. } | Error::Unauthenticated { .. })) => {
                return Err(OpenBlobsError::Refused { url: address, variables: variables(url) });
            }
            Ok(Err(error)) => describe(&error),
            Err(_) => no_answer(),
        };
        warn!(
            url = address,
            error, "storage of recordings does not answer: jobs wait for it, uploads are refused"
        );
        Ok(opened(Found::NoAnswer))
    }
}

/// Ends what an earlier process left unfinished.
async fn take_up(shared: &Shared, owner: &Owner) -> Result<Found, Error> {
    let is_ours = is_ours(&*shared.bucket, &shared.prefix, owner).await?;
    for (key, id) in shared.uploads.left().unwrap_or_default() {
        shared.end_upload(&key, &id).await;
    }
    if is_ours {
        return Ok(Found::Ours);
    }
    warn!(
        "the bucket was first used by another storage folder or database: recordings that no job needs stay in it"
    );
    Ok(Found::Foreign)
}

/// Lists the bucket.
///
/// # Errors
/// The credentials are missing, or the bucket does not answer, does not exist or refuses.
pub(super) async fn check(url: &Url, config: BucketConfig) -> Result<(), OpenBlobsError> {
    let bucket = connect(url, (config.tls)()).await?;
    let detail = match timeout(START_LIMIT, bucket.list(None).next()).await {
        Ok(None | Some(Ok(_))) => return Ok(()),
        Ok(Some(Err(error))) => describe(&error),
        Err(_) => no_answer(),
    };
    Err(OpenBlobsError::Unusable { url: url.to_string(), detail })
}

fn no_answer() -> String {
    format!("no answer within {} s", START_LIMIT.as_secs())
}

#[async_trait]
impl Blobs for BucketBlobs {
    async fn keep_only(&self, needed: &HashSet<String>, age: Duration) -> Result<usize, StoreError> {
        if self.bucket == Found::NoAnswer {
            return Err(StoreError::Unreachable(no_answer()));
        }
        let Shared { bucket, prefix, used, .. } = &*self.shared;
        let mut listed = bucket.list(Some(prefix));
        let (mut removed, mut kept_bytes) = (0, 0);
        while let Some(found) = listed.try_next().await.map_err(failed)? {
            let name = found.location.filename().filter(|name| Uuid::try_parse(name).is_ok());
            // Not behind a longer prefix.
            let Some(name) = name.filter(|name| prefix.clone().join(*name) == found.location) else {
                continue;
            };
            if self.bucket == Found::Ours && !needed.contains(name) && is_older(name, age) {
                bucket.delete(&found.location).await.map_err(failed)?;
                removed += 1;
            } else {
                kept_bytes += found.size;
            }
        }
        used.store(kept_bytes, Ordering::Relaxed);
        Ok(removed)
    }
}

impl BlobFiles for BucketBlobs {
    fn file(&self, blob: &StoredBlob, away: WhileAway<'_>) -> Result<BlobFile, AudioError> {
        self.shared.runtime.block_on(fetch::file(&self.shared, blob, away))
    }
}

#[async_trait]
impl BlobStore for BucketBlobs {
    async fn create(&self) -> Result<Box<dyn BlobWriter>, StoreError> {
        Ok(Box::new(BucketWriter::new(self.shared.clone())?))
    }

    /// Uploads are copied to this machine's disk.
    fn has_room(&self, bytes: u64) -> bool {
        self.shared.cache.make_room(bytes)
    }

    fn usage(&self) -> StorageUsage {
        let used_bytes = self.shared.used.load(Ordering::Relaxed);
        let (free_bytes, size_bytes) = disk_room(&self.dir).unwrap_or_default();
        StorageUsage { used_bytes, free_bytes, size_bytes }
    }

    async fn read(&self, key: &BlobKey, range: Range<u64>) -> Result<Option<BlobBytes>, StoreError> {
        self.shared.read(key, range).await
    }

    async fn copy(&self, key: &BlobKey) -> Result<Option<BlobKey>, StoreError> {
        let shared = &self.shared;
        let copy = BlobKey(Uuid::now_v7().to_string());
        let (from, to) = (shared.location(key)?, shared.location(&copy)?);
        let Some(bytes) = shared.size(&from).await? else { return Ok(None) };
        shared.bucket.copy(&from, &to).await.map_err(failed)?;
        shared.used.fetch_add(bytes, Ordering::Relaxed);
        Ok(Some(copy))
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        let shared = &self.shared;
        shared.cache.remove(key);
        let blob = shared.location(key)?;
        let Some(bytes) = shared.size(&blob).await? else { return Ok(()) };
        shared.bucket.delete(&blob).await.map_err(failed)?;
        give_back(&shared.used, bytes);
        Ok(())
    }
}

#[cfg(test)]
#[path = "../tests/bucket.rs"]
mod tests;
