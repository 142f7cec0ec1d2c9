//! A blob on its way into the bucket.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actors::domain::jobs::job::BlobKey;
use actors::ports::{BlobWriter, StoreError, StoredBlob};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::join;
use object_store::multipart::PartId;
use object_store::path::Path as Location;
use object_store::{MultipartId, ObjectStoreExt};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tracing::warn;
use uuid::Uuid;

use super::shared::{Shared, failed};
use crate::failpoint;
use crate::hex::hex;

/// Bytes of a part; a writer holds as many. Buckets take 10,000 parts of a blob, 84 GB, and none but the last below 5 MiB.
pub(super) const PART: usize = 8 << 20;

/// A blob of up to one part is one request. Dropped, or aborted, it leaves nothing in the bucket. What was sent is kept as a
/// copy for decoding, as far as this machine's disk has room for it.
pub(super) struct BucketWriter {
    shared: Arc<Shared>,
    key: BlobKey,
    location: Location,
    part: Vec<u8>,
    hash: Sha256,
    bytes: u64,
    /// Of `bytes` those that the bucket has.
    sent: u64,
    upload: Option<Upload>,
    copy: Option<NamedTempFile>,
}

/// In parts.
struct Upload {
    id: MultipartId,
    parts: Vec<PartId>,
}

impl BucketWriter {
    pub(super) fn new(shared: Arc<Shared>) -> Result<Self, StoreError> {
        let key = BlobKey(Uuid::now_v7().to_string());
        let (location, copy) = (shared.location(&key)?, shared.cache.create().ok());
        let (part, hash, bytes, sent) = (Vec::new(), Sha256::new(), 0, 0);
        Ok(Self { shared, key, location, part, hash, bytes, sent, upload: None, copy })
    }

    /// A write that is given up half way leaves `sent` behind, and the blob is never complete.
    async fn flush(&mut self) -> Result<(), StoreError> {
        let part = Bytes::from(std::mem::take(&mut self.part));
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => {
                let id = self.shared.bucket.create_multipart(&self.location).await.map_err(failed)?;
                if let Err(error) = self.shared.uploads.note(&self.key.0, &id) {
                    warn!(%error, "cannot note an upload; killed now, it stays in the bucket");
                }
                self.upload.insert(Upload { id, parts: Vec::new() })
            }
        };
        let number = upload.parts.len();
        let put = self.shared.bucket.put_part(&self.location, &upload.id, number, part.clone().into());
        let (put, copy) = join!(put, extended(self.copy.take(), part.clone()));
        self.copy = copy;
        upload.parts.push(put.map_err(failed)?);
        self.sent += part.len() as u64;
        Ok(())
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        if self.sent + self.part.len() as u64 != self.bytes {
            return Err(StoreError::Failed("a part of the recording was not sent to the bucket".into()));
        }
        if self.upload.is_some() && !self.part.is_empty() {
            self.flush().await?;
        }
        let Some(upload) = &mut self.upload else {
            let all = Bytes::from(std::mem::take(&mut self.part));
            let put = self.shared.bucket.put(&self.location, all.clone().into());
            let (put, copy) = join!(put, extended(self.copy.take(), all.clone()));
            self.copy = copy;
            return put.map(drop).map_err(failed);
        };
        let parts = std::mem::take(&mut upload.parts);
        let completed = self.shared.bucket.complete_multipart(&self.location, &upload.id, parts).await;
        completed.map_err(failed)?;
        self.upload = None;
        self.shared.uploads.forget(&self.key.0);
        Ok(())
    }

    fn keep_copy(&mut self) {
        let Some(copy) = self.copy.take() else { return };
        if let Err(error) = self.shared.cache.keep(&self.key, copy, self.bytes) {
            warn!(%error, "cannot keep a copy of a recording; it is fetched again");
        }
    }
}

/// A copy that cannot be written is dropped: the blob is fetched when it is decoded.
async fn extended(copy: Option<NamedTempFile>, part: Bytes) -> Option<NamedTempFile> {
    let mut copy = copy?;
    let written = tokio::task::spawn_blocking(move || copy.write_all(&part).map(|()| copy));
    written.await.ok()?.ok()
}

#[async_trait]
impl BlobWriter for BucketWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(PART - self.part.len()));
            self.hash.update(&piece);
            self.part.extend_from_slice(&piece);
            self.bytes += piece.len() as u64;
            if self.part.len() == PART {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<StoredBlob, StoreError> {
        self.complete().await?;
        failpoint::hit("recording", "after").map_err(|error| StoreError::Failed(error.to_string()))?;
        self.keep_copy();
        self.shared.used.fetch_add(self.bytes, Ordering::Relaxed);
        let sha256 = hex(&std::mem::take(&mut self.hash).finalize());
        Ok(StoredBlob { key: self.key.clone(), bytes: self.bytes, sha256 })
    }

    async fn abort(mut self: Box<Self>) {
        if let Some(upload) = self.upload.take() {
            self.shared.end_upload(&self.key.0, &upload.id).await;
        }
    }
}

impl Drop for BucketWriter {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            let (shared, key) = (self.shared.clone(), self.key.0.clone());
            let ending = async move { shared.end_upload(&key, &upload.id).await };
            self.shared.runtime.spawn(ending);
        }
    }
}
