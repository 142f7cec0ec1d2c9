//! From `[storage] blobs` to the place of the recordings.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use actors::domain::jobs::job::BlobKey;
use actors::ports::Peers;
use tracing::warn;

use super::blob_place::BlobPlace;
use super::blobs::FileBlobs;
use super::bucket::{self, BucketBlobs, BucketConfig};
use super::copies::recordings;
use super::layout::{BLOBS, BUCKET, DATABASE_ID, OWNER};
use super::owner::Owner;
use super::recordings::{Blobs, OpenBlobsError};

/// Opens the place of the recordings of the storage folder `dir`, whose lock the caller holds. A bucket that does not answer
/// now is opened: a warning is logged, and jobs wait for it.
///
/// # Errors
/// The folder cannot be written to; the bucket does not exist, or the credentials are missing or refused.
///
/// # Blocking
/// Reads the folder.
pub async fn open_blobs(
    place: &BlobPlace,
    dir: &Path,
    config: BucketConfig,
) -> Result<Arc<dyn Blobs>, OpenBlobsError> {
    let own = dir.join(BLOBS);
    // Recordings belong to the services that share a database, else to the folder.
    let owner = match dir.join(DATABASE_ID) {
        id if id.exists() => Owner { id, before: Some(dir.join(OWNER)) },
        _ => Owner { id: dir.join(OWNER), before: None },
    };
    match place {
        BlobPlace::Own => Ok(Arc::new(FileBlobs::open(&own)?)),
        BlobPlace::Folder(other) => {
            refuse_left_behind(&own, place)?;
            Ok(Arc::new(FileBlobs::open_shared(other, &owner).await?))
        }
        BlobPlace::Bucket(url) => {
            refuse_left_behind(&own, place)?;
            Ok(Arc::new(BucketBlobs::open(url, &dir.join(BUCKET), &owner, config).await?))
        }
    }
}

/// How many of the newest recordings are looked for.
const PROBES: usize = 10;

/// Whether a place that several services share is that of the others, by the recordings that their jobs need. One that does not
/// answer now is taken for it. Where no other service runs, recordings that are missing are logged.
///
/// # Errors
/// Another service runs, and none of the newest recordings is there.
pub async fn check_is_shared(
    services: &dyn Peers,
    blobs: &dyn Blobs,
    needed: &HashSet<String>,
    place: &BlobPlace,
) -> Result<(), OpenBlobsError> {
    // Their names begin with the time.
    let mut newest: Vec<_> = needed.iter().collect();
    newest.sort_unstable_by(|one, other| other.cmp(one));
    for key in newest.iter().take(PROBES) {
        if !matches!(blobs.read(&BlobKey((*key).clone()), 0..1).await, Ok(None)) {
            return Ok(());
        }
    }
    if newest.is_empty() {
        return Ok(());
    }
    let error = OpenBlobsError::OtherPlace { url: place.to_string() };
    // A database that cannot be read now is reported soon enough.
    let known = services.services().await.unwrap_or_default();
    let others_run = known.iter().any(|peer| peer.is_live && Some(peer.id.as_str()) != services.own_id());
    if others_run {
        return Err(error);
    }
    warn!("{error}");
    Ok(())
}

/// Recordings from before the setting was changed would be missing where they are looked for.
fn refuse_left_behind(own: &Path, place: &BlobPlace) -> Result<(), OpenBlobsError> {
    let left = recordings(own).map_err(|error| OpenBlobsError::folder(own, error))?;
    match left.is_empty() {
        true => Ok(()),
        false => Err(OpenBlobsError::LeftBehind { url: place.to_string(), dir: own.to_owned() }),
    }
}

/// Whether the bucket can be read. Changes nothing, so a service may be running.
///
/// # Errors
/// The credentials are missing, or the bucket does not answer, does not exist or refuses.
pub async fn check_bucket(place: &BlobPlace, config: BucketConfig) -> Result<(), OpenBlobsError> {
    match place {
        BlobPlace::Own | BlobPlace::Folder(_) => Ok(()),
        BlobPlace::Bucket(url) => bucket::check(url, config).await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actors::domain::services::Peer;
    use actors::domain::time::Timestamp;
    use actors::ports::StoreError;
    use async_trait::async_trait;

    use super::*;
    use crate::store::tests::blob_promises::{read, store};
    use crate::store::tests::report;

    #[tokio::test]
    async fn a_folder_of_two_services_loses_no_recordings() {
        let place = tempfile::tempdir().unwrap();
        let url = format!("file://{}/recordings", place.path().display());
        let open = async |dir: &Path| {
            let config = BucketConfig { tls: || unreachable!(), cache_bytes: 0 };
            open_blobs(&BlobPlace::parse(&url).unwrap(), dir, config).await.unwrap()
        };
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let blobs = open(first.path()).await;
        let key = store(&*blobs, b"abc", 3).await.key;
        let mut half = blobs.create().await.unwrap();
        half.write(vec![0; 4 << 20].into()).await.unwrap();
        assert_eq!(open(second.path()).await.keep_only(&HashSet::new(), Duration::ZERO).await.unwrap(), 0);
        let whole = half.finish().await.unwrap();
        assert!(
            read(&*blobs, &whole.key, 0..4 << 20).await.is_some(),
            "the start of another service removes it"
        );
        blobs.delete(&whole.key).await.unwrap();
        let again = open(first.path()).await;
        assert_eq!(read(&*again, &key, 0..3).await.unwrap(), b"abc");
        assert_eq!(again.keep_only(&HashSet::new(), Duration::ZERO).await.unwrap(), 1);
    }

    struct TwoServices {
        others_run: bool,
    }

    #[async_trait]
    impl Peers for TwoServices {
        fn own_id(&self) -> Option<&str> {
            Some("this")
        }

        async fn services(&self) -> Result<Vec<Peer>, StoreError> {
            let peer = |id: &str, is_live| Peer {
                id: id.into(),
                reported_at: Timestamp(0),
                is_live,
                report: report(id),
            };
            Ok(vec![peer("other", self.others_run), peer("this", true)])
        }
    }

    #[tokio::test]
    async fn a_place_without_the_newest_recordings_is_another_one() {
        let (shared, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (first, second) =
            (FileBlobs::open(shared.path()).unwrap(), FileBlobs::open(other.path()).unwrap());
        let place = BlobPlace::Folder(other.path().to_owned());
        let kept = store(&first, b"abc", 3).await.key.0;
        let lost = uuid::Uuid::now_v7().to_string();
        let check = async |blobs: &FileBlobs, needed: &[&String], others_run| {
            let needed = needed.iter().map(|key| (*key).clone()).collect();
            check_is_shared(&TwoServices { others_run }, blobs, &needed, &place).await
        };
        check(&first, &[&kept, &lost], true).await.unwrap();
        check(&second, &[], true).await.unwrap();
        check(&second, &[&kept], false).await.unwrap();
        let refused = check(&second, &[&kept], true).await.unwrap_err();
        assert!(refused.to_string().contains("the other services"), "{refused}");
    }

    #[tokio::test]
    async fn recordings_of_the_folder_are_not_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let key = uuid::Uuid::now_v7().to_string();
        std::fs::create_dir(dir.path().join(BLOBS)).unwrap();
        std::fs::write(dir.path().join(BLOBS).join(key), "abc").unwrap();
        let elsewhere = BlobPlace::Folder(dir.path().join("elsewhere"));
        let refused = refuse_left_behind(&dir.path().join(BLOBS), &elsewhere).unwrap_err();
        assert!(refused.to_string().contains("copy its files"), "{refused}");
    }
}
