use std::fs;
use std::path::Path;

use actors::domain::jobs::options::Priority;
use actors::ports::{BlobStore, JobStore};
use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::store::tests::conformance::{NO_LIMIT, new_job};
use crate::store::{BlobPlace, FileBlobs, SqlStore};

/// A storage folder with a job for each text, whose recording it is.
async fn storage(texts: &[&str]) -> (TempDir, SqlStore, FileBlobs) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlStore::open(dir.path()).await.unwrap();
    let blobs = FileBlobs::open(&dir.path().join("blobs")).unwrap();
    for text in texts {
        let mut writer = blobs.create().await.unwrap();
        writer.write(Bytes::from((*text).to_owned())).await.unwrap();
        let stored = writer.finish().await.unwrap();
        let mut job = new_job(Priority::Batch);
        (job.audio.blob, job.audio.bytes, job.audio.sha256) = (stored.key, stored.bytes, stored.sha256);
        store.submit(job, NO_LIMIT).await.unwrap();
    }
    (dir, store, blobs)
}

fn recordings_of(dir: &Path) -> Vec<String> {
    let files = fs::read_dir(dir.join("blobs")).unwrap();
    let mut texts: Vec<_> = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn a_copy_beside_an_open_store_restores_to_the_same_jobs() {
    let (dir, store, blobs) = storage(&["one", "two"]).await;
    // No job has it: its upload was not over when the copy was made.
    let mut writer = blobs.create().await.unwrap();
    writer.write(Bytes::from("three")).await.unwrap();
    writer.finish().await.unwrap();
    let target = tempfile::tempdir().unwrap();
    let copy = target.path().join("copy");
    let copied = backup(dir.path(), &BlobPlace::Own, &copy).await.unwrap();
    assert_eq!(copied, Copied { jobs: 2, recordings: 2, bytes: 6 });
    assert_eq!(recordings_of(&copy), ["one", "two"]);
    assert!(matches!(backup(dir.path(), &BlobPlace::Own, &copy).await, Err(BackupError::Exists { .. })));

    let fresh = target.path().join("fresh");
    assert_eq!(restore(&copy, &fresh, &BlobPlace::Own, Replace::Refuse).await.unwrap(), copied);
    assert_eq!(recordings_of(&fresh), ["one", "two"]);
    let restored = SqlStore::open(&fresh).await.unwrap();
    assert_eq!(restored.blob_keys().await.unwrap(), store.blob_keys().await.unwrap());
}

#[tokio::test]
async fn jobs_in_the_write_ahead_log_of_a_copy_are_restored() {
    let (dir, store, _blobs) = storage(&["one"]).await;
    let target = tempfile::tempdir().unwrap();
    let (copy, fresh) = (target.path().join("copy"), target.path().join("fresh"));
    fs::create_dir_all(copy.join("blobs")).unwrap();
    for name in ["verbatim.db", "verbatim.db-wal"] {
        fs::copy(dir.path().join(name), copy.join(name)).unwrap();
    }
    for file in fs::read_dir(dir.path().join("blobs")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.join("blobs").join(file.file_name())).unwrap();
    }
    assert_eq!(restore(&copy, &fresh, &BlobPlace::Own, Replace::Refuse).await.unwrap().jobs, 1);
    let restored = SqlStore::open(&fresh).await.unwrap();
    assert_eq!(restored.blob_keys().await.unwrap(), store.blob_keys().await.unwrap());
}

#[tokio::test]
async fn opening_puts_back_what_a_killed_restore_moved_away() {
    let (dir, store, _blobs) = storage(&["one"]).await;
    let keys = store.blob_keys().await.unwrap();
    store.close().await;
    fs::create_dir(dir.path().join("restore-replaced")).unwrap();
    fs::rename(dir.path().join("verbatim.db"), dir.path().join("restore-replaced/verbatim.db")).unwrap();
    let store = SqlStore::open(dir.path()).await.unwrap();
    assert_eq!(store.blob_keys().await.unwrap(), keys);
    store.close().await;
    fs::create_dir(dir.path().join("restore-replaced")).unwrap();
    fs::copy(dir.path().join("verbatim.db"), dir.path().join("restore-replaced/verbatim.db")).unwrap();
    let refused = SqlStore::open(dir.path()).await.unwrap_err();
    assert!(refused.to_string().contains("restore-replaced"), "{refused}");
}

/// Only root can make the folder another user's.
#[cfg(unix)]
#[tokio::test]
async fn what_root_restores_is_the_folder_owners() {
    use std::os::unix::fs::{MetadataExt, chown};
    const OWNER: u32 = 4711;
    let (dir, _store, _blobs) = storage(&["one"]).await;
    let target = tempfile::tempdir().unwrap();
    let (copy, fresh) = (target.path().join("copy"), target.path().join("fresh"));
    backup(dir.path(), &BlobPlace::Own, &copy).await.unwrap();
    fs::create_dir(&fresh).unwrap();
    if chown(&fresh, Some(OWNER), Some(OWNER)).is_err() {
        return;
    }
    restore(&copy, &fresh, &BlobPlace::Own, Replace::Refuse).await.unwrap();
    for file in fs::read_dir(&fresh).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().uid(), OWNER, "{:?}", file.file_name());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_copy_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, _store, _blobs) = storage(&["one"]).await;
    let target = tempfile::tempdir().unwrap();
    let copy = target.path().join("copy");
    backup(dir.path(), &BlobPlace::Own, &copy).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&copy), mode(&copy.join("verbatim.db"))), (0o700, 0o600));
}

#[tokio::test]
async fn a_damaged_copy_is_not_restored() {
    let (dir, _store, _blobs) = storage(&["one"]).await;
    let target = tempfile::tempdir().unwrap();
    let (copy, fresh) = (target.path().join("copy"), target.path().join("fresh"));
    backup(dir.path(), &BlobPlace::Own, &copy).await.unwrap();
    let recording = fs::read_dir(copy.join("blobs")).unwrap().next().unwrap().unwrap().path();
    fs::write(&recording, "0ne").unwrap();
    let refused = restore(&copy, &fresh, &BlobPlace::Own, Replace::Refuse).await.unwrap_err();
    assert!(refused.to_string().contains("SHA-256"), "{refused}");
    fs::remove_file(&recording).unwrap();
    assert!(matches!(
        restore(&copy, &fresh, &BlobPlace::Own, Replace::Refuse).await,
        Err(RestoreError::Damaged { .. })
    ));
    assert!(!fresh.exists());
}

#[tokio::test]
async fn a_restore_replaces_data_only_when_told_and_never_in_use() {
    let (old, store, _blobs) = storage(&["old"]).await;
    let (new, _new_store, _new_blobs) = storage(&["new"]).await;
    let target = tempfile::tempdir().unwrap();
    let copy = target.path().join("copy");
    backup(new.path(), &BlobPlace::Own, &copy).await.unwrap();
    let in_use = restore(&copy, old.path(), &BlobPlace::Own, Replace::Allow).await;
    assert!(matches!(in_use, Err(RestoreError::Storage(_))), "{in_use:?}");
    store.close().await;
    let occupied = restore(&copy, old.path(), &BlobPlace::Own, Replace::Refuse).await;
    assert!(matches!(occupied, Err(RestoreError::Occupied { .. })));
    assert_eq!(recordings_of(old.path()), ["old"]);
    restore(&copy, old.path(), &BlobPlace::Own, Replace::Allow).await.unwrap();
    assert_eq!(recordings_of(old.path()), ["new"]);
    let mut left: Vec<_> =
        fs::read_dir(old.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["blobs", "lock", "verbatim.db"]);
    SqlStore::open(old.path()).await.unwrap();
}

#[tokio::test]
async fn a_folder_without_a_database_is_no_storage_folder() {
    let dir = tempfile::tempdir().unwrap();
    let copied = backup(dir.path(), &BlobPlace::Own, &dir.path().join("copy")).await;
    assert!(matches!(copied, Err(BackupError::NoDatabase { .. })));
}

#[tokio::test]
async fn of_recordings_elsewhere_the_database_alone_is_copied() {
    let (dir, store, _blobs) = storage(&["one"]).await;
    let target = tempfile::tempdir().unwrap();
    let (copy, whole) = (target.path().join("copy"), target.path().join("whole"));
    let fresh = target.path().join("fresh");
    let bucket = BlobPlace::parse("s3://bucket/prefix").unwrap();
    let alone = Copied { jobs: 1, recordings: 0, bytes: 0 };
    assert_eq!(backup(dir.path(), &bucket, &copy).await.unwrap(), alone);
    assert!(recordings_of(&copy).is_empty());
    assert!(matches!(
        restore(&copy, &fresh, &BlobPlace::Own, Replace::Refuse).await,
        Err(RestoreError::Damaged { .. })
    ));
    assert_eq!(restore(&copy, &fresh, &bucket, Replace::Refuse).await.unwrap(), alone);
    let restored = SqlStore::open(&fresh).await.unwrap();
    assert_eq!(restored.blob_keys().await.unwrap(), store.blob_keys().await.unwrap());
    // Its recordings would be nowhere.
    backup(dir.path(), &BlobPlace::Own, &whole).await.unwrap();
    let refused = restore(&whole, &target.path().join("other"), &bucket, Replace::Refuse).await.unwrap_err();
    assert!(refused.to_string().contains("s3://bucket/prefix"), "{refused}");
}
