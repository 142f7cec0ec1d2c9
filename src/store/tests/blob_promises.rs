//! What every place of recordings promises, whatever it is made of.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::jobs::job::BlobKey;
use actors::ports::{StoreError, StoredBlob, WhileAway};
use bytes::Bytes;
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::store::Blobs;

// SHA-256 of "abc", from FIPS 180-4.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// More than two parts of every kind of place.
const LONG: usize = (16 << 20) + 12_345;

/// `open` opens the same place, which is empty at first, as after a restart.
pub(crate) async fn keeps_promises<B: Blobs>(open: impl AsyncFn() -> B) {
    let blobs: Arc<dyn Blobs> = Arc::new(open().await);
    a_blob_is_whole_however_it_was_cut(&blobs).await;
    a_part_is_read_and_goes_on_after_the_removal(&*blobs).await;
    a_copy_stays_when_the_first_blob_goes(&*blobs).await;
    a_missing_blob_is_no_error_and_a_strange_key_is_one(&*blobs).await;
    drop(blobs);
    what_no_job_needs_is_removed_at_the_next_start(open).await;
}

pub(crate) async fn store(blobs: &dyn Blobs, bytes: &[u8], size: usize) -> StoredBlob {
    let mut writer = blobs.create().await.unwrap();
    for piece in bytes.chunks(size) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    writer.finish().await.unwrap()
}

/// `None` where there is no such blob.
pub(crate) async fn read(blobs: &dyn Blobs, key: &BlobKey, range: Range<u64>) -> Option<Vec<u8>> {
    let pieces: Vec<Bytes> = blobs.read(key, range).await.unwrap()?.try_collect().await.unwrap();
    Some(pieces.concat())
}

async fn a_blob_is_whole_however_it_was_cut(blobs: &Arc<dyn Blobs>) {
    let abc = store(&**blobs, b"abc", 2).await;
    assert_eq!((abc.bytes, abc.sha256.as_str()), (3, ABC));
    let all: Vec<u8> = (0..LONG).map(|n| (n % 251) as u8).collect();
    let sha256 = hex(&Sha256::digest(&all));
    for size in [(8 << 20) - 1, LONG] {
        let stored = store(&**blobs, &all, size).await;
        assert_eq!((stored.bytes, &stored.sha256), (LONG as u64, &sha256));
        assert!(read(&**blobs, &stored.key, 0..LONG as u64).await.unwrap() == all);
        let blobs = blobs.clone();
        let file = tokio::task::spawn_blocking(move || {
            let file = blobs.file(&stored, WhileAway::Fail).unwrap();
            std::fs::read((*file).as_ref()).unwrap()
        });
        assert!(file.await.unwrap() == all);
    }
}

async fn a_part_is_read_and_goes_on_after_the_removal(blobs: &dyn Blobs) {
    let all: Vec<u8> = (0..100_000).map(|n| (n % 251) as u8).collect();
    let key = store(blobs, &all, 65_537).await.key;
    for (first, end) in [(0, 100_000), (7, 8), (9_000, 99_999)] {
        let read = read(blobs, &key, first..end).await.unwrap();
        assert!(read == all[first as usize..end as usize], "{first} to {end}");
    }
    let open = blobs.read(&key, 0..100_000).await.unwrap().unwrap();
    blobs.delete(&key).await.unwrap();
    assert_eq!(open.try_collect::<Vec<_>>().await.unwrap().concat(), all);
    assert_eq!(read(blobs, &key, 0..1).await, None);
}

async fn a_copy_stays_when_the_first_blob_goes(blobs: &dyn Blobs) {
    let first = store(blobs, b"abc", 3).await.key;
    let copy = blobs.copy(&first).await.unwrap().unwrap();
    assert_ne!(copy, first);
    blobs.delete(&first).await.unwrap();
    assert_eq!(read(blobs, &copy, 0..3).await.unwrap(), b"abc");
    assert_eq!(blobs.copy(&first).await.unwrap(), None);
}

async fn a_missing_blob_is_no_error_and_a_strange_key_is_one(blobs: &dyn Blobs) {
    let key = store(blobs, b"abc", 3).await.key;
    blobs.delete(&key).await.unwrap();
    blobs.delete(&key).await.unwrap();
    let strange = blobs.delete(&BlobKey("../verbatim.db".into())).await;
    assert!(matches!(strange, Err(StoreError::Failed(_))), "{strange:?}");
}

async fn what_no_job_needs_is_removed_at_the_next_start<B: Blobs>(open: impl AsyncFn() -> B) {
    let blobs = open().await;
    blobs.keep_only(&HashSet::new(), Duration::ZERO).await.unwrap();
    assert_eq!(blobs.usage().used_bytes, 0);
    let (kept, orphan) = (store(&blobs, b"abc", 3).await.key, store(&blobs, b"abcd", 4).await.key);
    assert_eq!(blobs.usage().used_bytes, 7);
    let blobs = open().await;
    assert_eq!(blobs.keep_only(&HashSet::from([kept.0.clone()]), Duration::ZERO).await.unwrap(), 1);
    assert_eq!(blobs.usage().used_bytes, 3);
    assert_eq!(read(&blobs, &orphan, 0..1).await, None);
    assert_eq!(read(&blobs, &kept, 0..3).await.unwrap(), b"abc");
    blobs.delete(&kept).await.unwrap();
    assert_eq!(blobs.usage().used_bytes, 0);
}
