use std::time::Duration;
use thiserror::Error;

use super::*;
use crate::store::tests::blob_promises::{keeps_promises, store};

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

fn fresh() -> (FileBlobs, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (FileBlobs::open(&dir.path().join("blobs")).unwrap(), dir)
}

#[tokio::test]
async fn a_folder_keeps_the_promises() {
    let dir = tempfile::tempdir().unwrap();
    keeps_promises(async || FileBlobs::open(dir.path()).unwrap()).await;
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn a_blob_is_a_file_of_its_name() {
    let (blobs, _dir) = fresh();
    let stored = store(&blobs, b"abc", 2).await;
    assert_eq!(fs::read(blobs.path(&stored.key)).unwrap(), b"abc");
    assert_eq!(names(&blobs.dir), [stored.key.0]);
}

#[tokio::test]
async fn nothing_is_left_of_an_aborted_blob() {
    let (blobs, _dir) = fresh();
    let mut writer = blobs.create().await.unwrap();
    writer.write(vec![0; 2 * PART].into()).await.unwrap();
    assert_eq!(names(&blobs.dir).len(), 1);
    writer.abort().await;
    assert!(names(&blobs.dir).is_empty());
}

#[test]
fn nothing_is_left_of_a_dropped_blob() {
    let (blobs, _dir) = fresh();
    // With one thread for blocking work, the removal comes before what is asked for next.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.max_blocking_threads(1).build().unwrap().block_on(async {
        let mut writer = blobs.create().await.unwrap();
        writer.write(vec![0; 2 * PART].into()).await.unwrap();
        drop(writer);
        tokio::task::spawn_blocking(|| {}).await.unwrap();
    });
    assert!(names(&blobs.dir).is_empty());
}

#[tokio::test]
async fn what_a_crash_left_is_removed_at_the_next_start() {
    let (blobs, _dir) = fresh();
    let mut writer = blobs.create().await.unwrap();
    writer.write("abc".into()).await.unwrap();
    let kept = writer.finish().await.unwrap().key;
    let orphan = blobs.create().await.unwrap().finish().await.unwrap().key;
    fs::write(blobs.dir.join(format!("{}#1", Uuid::now_v7())), "half").unwrap();
    fs::write(blobs.dir.join("notes.txt"), "not ours").unwrap();

    let blobs = FileBlobs::open(&blobs.dir).unwrap();
    assert_eq!(names(&blobs.dir).len(), 3);
    assert_eq!(blobs.keep_only(&HashSet::from([kept.0.clone()]), Duration::ZERO).await.unwrap(), 1);
    assert!(!blobs.path(&orphan).exists());
    assert!(blobs.path(&kept).exists() && blobs.dir.join("notes.txt").exists());
}

#[tokio::test]
async fn a_blob_that_cannot_be_finished_leaves_nothing() {
    let (blobs, _dir) = fresh();
    let mut writer = blobs.create().await.unwrap();
    writer.write("abc".into()).await.unwrap();
    let staged = names(&blobs.dir).remove(0);
    // A folder in its place, so that the last step, the renaming, fails.
    let (key, _) = staged.split_once('#').unwrap();
    fs::create_dir(blobs.dir.join(key)).unwrap();
    fs::write(blobs.dir.join(key).join("x"), "").unwrap();
    assert!(matches!(writer.finish().await, Err(StoreError::Failed(_))));
    assert_eq!(names(&blobs.dir), [key]);
}

#[tokio::test]
async fn a_blob_that_misses_a_part_is_never_finished() {
    let (blobs, _dir) = fresh();
    let mut writer = blobs.create().await.unwrap();
    let mut write = writer.write(vec![0; PART].into());
    // Begun, and given up before it could end.
    let waker = std::task::Waker::noop();
    while write.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready() {
        drop(write);
        write = writer.write(vec![0; PART].into());
    }
    drop(write);
    assert!(matches!(writer.finish().await, Err(StoreError::Failed(_))));
    assert!(names(&blobs.dir).is_empty());
}

#[test]
fn a_full_disk_is_found_however_deep_it_is_reported() {
    #[derive(Debug, Error)]
    #[error("unable to copy data")]
    struct Wrapped(#[source] io::Error);

    let full = Wrapped(io::ErrorKind::StorageFull.into());
    let error = object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(full) };
    assert!(matches!(failed(error), StoreError::DiskFull));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = FileBlobs::open(&file.join("blobs")).unwrap_err().to_string();
    assert!(error.contains("file/blobs") && error.contains("[storage] dir"), "{error}");
}
