use super::*;

// SHA-256 of "abc", from FIPS 180-4.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

fn fresh() -> (FileBlobs, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (FileBlobs::open(&dir.path().join("blobs")).unwrap(), dir)
}

#[tokio::test]
async fn a_blob_is_a_file_with_its_bytes_and_their_hash() {
    let (blobs, _dir) = fresh();
    let mut writer = blobs.create().await.unwrap();
    for piece in ["a", "", "bc"] {
        writer.write(Bytes::from(piece)).await.unwrap();
    }
    let stored = writer.finish().await.unwrap();
    assert_eq!((stored.bytes, stored.sha256.as_str()), (3, ABC));
    assert_eq!(fs::read(blobs.path(&stored.key)).unwrap(), b"abc");
    assert_eq!(names(&blobs.dir), [stored.key.0]);
}

#[tokio::test]
async fn a_blob_of_many_parts_is_whole_however_it_was_cut() {
    let (blobs, _dir) = fresh();
    let all: Vec<u8> = (0..3 * PART + 12_345).map(|n| (n % 251) as u8).collect();
    let expected = hex(&Sha256::digest(&all));
    for size in [PART - 1, PART, 5 * PART, 65_537] {
        let mut writer = blobs.create().await.unwrap();
        for piece in all.chunks(size) {
            writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        let stored = writer.finish().await.unwrap();
        assert_eq!((stored.bytes, &stored.sha256), (all.len() as u64, &expected));
        assert!(fs::read(blobs.path(&stored.key)).unwrap() == all);
    }
}

#[tokio::test]
async fn a_part_of_a_blob_is_read_and_goes_on_after_its_removal() {
    let (blobs, _dir) = fresh();
    let mut writer = blobs.create().await.unwrap();
    let all: Vec<u8> = (0..100_000).map(|n| (n % 251) as u8).collect();
    writer.write(all.clone().into()).await.unwrap();
    let key = writer.finish().await.unwrap().key;
    for (first, end) in [(0, 100_000), (7, 8), (9_000, 99_999)] {
        let read: Vec<Bytes> =
            blobs.read(&key, first..end).await.unwrap().unwrap().try_collect().await.unwrap();
        assert!(read.concat() == all[first as usize..end as usize], "{first} to {end}");
    }
    let open = blobs.read(&key, 0..100_000).await.unwrap().unwrap();
    blobs.delete(&key).await.unwrap();
    assert_eq!(open.try_collect::<Vec<_>>().await.unwrap().concat(), all);
    assert!(blobs.read(&key, 0..1).await.unwrap().is_none());
}

#[tokio::test]
async fn a_copy_stays_when_the_first_blob_goes() {
    let (blobs, _dir) = fresh();
    let mut writer = blobs.create().await.unwrap();
    writer.write(Bytes::from("abc")).await.unwrap();
    let first = writer.finish().await.unwrap().key;
    let copy = blobs.copy(&first).await.unwrap().unwrap();
    assert_ne!(copy, first);
    blobs.delete(&first).await.unwrap();
    assert_eq!(fs::read(blobs.path(&copy)).unwrap(), b"abc");
    assert_eq!(blobs.copy(&first).await.unwrap(), None);
    assert_eq!(names(&blobs.dir), [copy.0]);
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
    assert_eq!(blobs.keep_only(&HashSet::from([kept.0.clone()])).unwrap(), 1);
    assert!(!blobs.path(&orphan).exists());
    assert!(blobs.path(&kept).exists() && blobs.dir.join("notes.txt").exists());
}

#[tokio::test]
async fn a_blob_is_deleted_and_a_missing_one_is_no_error() {
    let (blobs, _dir) = fresh();
    let key = blobs.create().await.unwrap().finish().await.unwrap().key;
    blobs.delete(&key).await.unwrap();
    assert!(!blobs.path(&key).exists());
    blobs.delete(&key).await.unwrap();
    let strange = blobs.delete(&BlobKey("../verbatim.db".into())).await;
    assert!(matches!(strange, Err(StoreError::Failed(_))), "{strange:?}");
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
