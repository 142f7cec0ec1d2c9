//! A blob as a file on this machine.

use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use actors::ports::{AudioError, BlobFile, CancelToken, StoreError, StoredBlob, WhileAway};
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::shared::Shared;
use crate::hex::hex;
use crate::store::directory::is_full;
use crate::store::owner::mark;

/// How often a wait looks whether it is cancelled.
const LOOK: Duration = Duration::from_millis(50);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// See [`actors::ports::BlobFiles::file`].
///
/// # Blocking
/// Writes files.
pub(super) async fn file(
    shared: &Shared,
    blob: &StoredBlob,
    away: WhileAway<'_>,
) -> Result<BlobFile, AudioError> {
    if let Some(file) = shared.cache.find(&blob.key) {
        return Ok(file);
    }
    let never = CancelToken::default();
    let cancel = match away {
        WhileAway::Fail => &never,
        WhileAway::Wait(cancel) => cancel,
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match unless_cancelled(fetch(shared, blob), cancel).await? {
            Ok(file) => return Ok(file),
            Err(StoreError::Failed(detail)) => return Err(AudioError::Io(detail)),
            Err(error @ (StoreError::Unreachable(_) | StoreError::DiskFull | StoreError::LeaseLost)) => error,
        };
        if let WhileAway::Fail = away {
            return Err(AudioError::Unreachable(error.to_string()));
        }
        warn!(blob = blob.key.0, %error, retry_ms = pause.as_millis() as u64, "failed to fetch a recording");
        unless_cancelled(sleep(pause), cancel).await?;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn fetch(shared: &Shared, blob: &StoredBlob) -> Result<BlobFile, StoreError> {
    let Some(mut bytes) = shared.read(&blob.key, 0..blob.bytes).await? else {
        return match shared.size(&mark(&shared.prefix)).await? {
            Some(_) => Err(StoreError::Failed("it is not in the bucket".into())),
            None => Err(StoreError::Unreachable("the bucket is empty or does not exist".into())),
        };
    };
    shared.cache.make_room(blob.bytes);
    let (mut copy, mut hash) = (shared.cache.create().map_err(of_disk)?, Sha256::new());
    while let Some(piece) = bytes.try_next().await? {
        hash.update(&piece);
        copy.write_all(&piece).map_err(of_disk)?;
    }
    if hex(&hash.finalize()) != blob.sha256 {
        return Err(StoreError::Failed(
            "the bucket has other bytes than were sent: its SHA-256 differs".into(),
        ));
    }
    shared.cache.keep(&blob.key, copy, blob.bytes).map_err(of_disk)
}

fn of_disk(error: io::Error) -> StoreError {
    match is_full(&error) {
        true => StoreError::DiskFull,
        false => StoreError::Failed(error.to_string()),
    }
}

async fn unless_cancelled<T>(work: impl Future<Output = T>, cancel: &CancelToken) -> Result<T, AudioError> {
    let mut work = pin!(work);
    loop {
        if let Ok(done) = timeout(LOOK, work.as_mut()).await {
            return Ok(done);
        }
        if cancel.is_cancelled() {
            return Err(AudioError::Cancelled);
        }
    }
}
