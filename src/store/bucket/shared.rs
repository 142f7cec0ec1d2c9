//! What reading, writing and fetching have in common: the bucket, and this machine's folder for it.

use std::error::Error as StdError;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use actors::domain::jobs::job::BlobKey;
use actors::ports::{BlobBytes, StoreError};
use futures_util::{StreamExt, stream};
use object_store::path::Path as Location;
use object_store::{Error, MultipartId, ObjectStoreExt};
use tokio::runtime::Handle;
use tracing::warn;

use super::cache::Cache;
use super::client::Bucket;
use super::uploads::Uploads;
use crate::store::directory::create_durably;
use crate::store::objects;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) bucket: Arc<dyn Bucket>,
    pub(super) prefix: Location,
    pub(super) cache: Cache,
    pub(super) uploads: Uploads,
    /// Bytes of all blobs.
    pub(super) used: AtomicU64,
    /// For work that begins on threads without a runtime.
    pub(super) runtime: Handle,
}

impl Shared {
    /// # Blocking
    /// Removes copies of an earlier process.
    pub(super) fn open(
        bucket: Arc<dyn Bucket>,
        prefix: Location,
        dir: &Path,
        cache_bytes: u64,
    ) -> io::Result<Self> {
        create_durably(dir)?;
        Ok(Self {
            bucket,
            prefix,
            cache: Cache::open(&dir.join("cache"), cache_bytes)?,
            uploads: Uploads::open(&dir.join("uploads"))?,
            used: AtomicU64::new(0),
            runtime: Handle::current(),
        })
    }

    pub(super) fn location(&self, key: &BlobKey) -> Result<Location, StoreError> {
        objects::location(&self.prefix, key)
    }

    /// See [`actors::ports::BlobStore::read`].
    pub(super) async fn read(
        &self,
        key: &BlobKey,
        range: Range<u64>,
    ) -> Result<Option<BlobBytes>, StoreError> {
        let location = self.location(key)?;
        if range.is_empty() {
            return Ok(Some(stream::empty().boxed()));
        }
        objects::read(&*self.bucket, &location, range, failed).await
    }

    /// Bytes of a blob; `None` where there is no such blob.
    pub(super) async fn size(&self, blob: &Location) -> Result<Option<u64>, StoreError> {
        match self.bucket.head(blob).await {
            Ok(found) => Ok(Some(found.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Frees what an upload in parts has in the bucket.
    pub(super) async fn end_upload(&self, key: &str, id: &MultipartId) {
        match self.bucket.abort_multipart(&self.prefix.clone().join(key), id).await {
            Ok(()) | Err(Error::NotFound { .. }) => self.uploads.forget(key),
            Err(error) => {
                warn!(error = describe(&error), "cannot end an upload; the next start ends it");
            }
        }
    }
}

/// A local disk that is full is that; everything else may be better later.
pub(super) fn failed(error: Error) -> StoreError {
    match objects::is_disk_full(&error) {
        true => StoreError::DiskFull,
        false => StoreError::Unreachable(describe(&error)),
    }
}

/// The error with what caused it in the end. Addresses in it are without their queries, which may be signatures.
pub(super) fn describe(error: &Error) -> String {
    let mut cause: &(dyn StdError + 'static) = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let (message, cause) = (error.to_string(), cause.to_string());
    match message.contains(&cause) {
        true => without_queries(&message),
        false => without_queries(&format!("{message}: {cause}")),
    }
}

fn without_queries(message: &str) -> String {
    let words = message.split(' ').map(|word| match word.split_once('?') {
        Some((address, _)) if address.contains("://") => address,
        Some(_) | None => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_its_first_cause() {
        let error = Error::Generic { store: "S3", source: Box::new(Wrapped(io::Error::other("refused"))) };
        assert_eq!(describe(&error), "Generic S3 error: no answer: refused");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("no answer")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn a_signed_address_is_logged_without_its_signature() {
        let message = "Error performing GET https://a.example/c/b?sig=abc&se=1 in 2s - why? unknown";
        assert_eq!(
            without_queries(message),
            "Error performing GET https://a.example/c/b in 2s - why? unknown"
        );
    }
}
