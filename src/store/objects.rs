//! What recordings in a folder and in a bucket have in common: both are objects of the crate object_store.

use std::error::Error as StdError;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use actors::domain::jobs::job::BlobKey;
use actors::ports::{BlobBytes, StoreError};
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path as Location;
use object_store::{Error, GetOptions, GetRange, ObjectStore};
use uuid::Uuid;

use super::directory::is_full;

/// Behind `prefix`.
///
/// # Errors
/// The key is not one that the service made: it must not lead elsewhere.
pub(super) fn location(prefix: &Location, key: &BlobKey) -> Result<Location, StoreError> {
    let key = Uuid::try_parse(&key.0)
        .map_err(|_| StoreError::Failed(format!("{:?} is not a key of a recording", key.0)))?;
    Ok(prefix.clone().join(key.to_string()))
}

/// See [`actors::ports::BlobStore::read`]; `failed` converts all errors but that there is no such object.
pub(super) async fn read(
    place: &dyn ObjectStore,
    location: &Location,
    range: Range<u64>,
    failed: fn(Error) -> StoreError,
) -> Result<Option<BlobBytes>, StoreError> {
    let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
    match place.get_opts(location, options).await {
        Ok(found) => Ok(Some(found.into_stream().map_err(failed).boxed())),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Whether the object is a blob that was begun longer ago than `age`: its key has the time.
pub(super) fn is_older(name: &str, age: Duration) -> bool {
    let Ok(key) = Uuid::try_parse(name) else { return false };
    let begun = key.get_timestamp().map(|begun| UNIX_EPOCH + Duration::from_secs(begun.to_unix().0));
    age.is_zero() || begun.is_some_and(|begun| begun.elapsed().is_ok_and(|since| since > age))
}

/// Whether a disk of this machine is full.
pub(super) fn is_disk_full(error: &Error) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(is_full) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Takes what a removed blob had from the bytes of all.
pub(super) fn give_back(used: &AtomicU64, bytes: u64) {
    let left = |used: u64| Some(used.saturating_sub(bytes));
    let _ = used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
}
