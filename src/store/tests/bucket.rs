//! What a bucket does beyond the promises of every place: in memory and, where it is installed, on a server of S3.

use std::fs;
use std::task::{Context, Waker};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::memory::InMemory;
use object_store::multipart::MultipartStore;
use rustls::RootCertStore;
use rustls::crypto::ring;
use tempfile::TempDir;

use super::*;
use crate::store::tests::blob_promises::{keeps_promises, read, store};
use writer::PART;

#[path = "../../../tests/api/s3_server.rs"]
mod s3_server;
use s3_server::{BUCKET, S3Server};

const MANY: u64 = 1 << 30;

async fn open(bucket: Arc<impl ObjectStore + MultipartStore>, dir: &TempDir) -> BucketBlobs {
    let folder = dir.path().join("bucket");
    let shared = Arc::new(Shared::open(bucket, Location::from("a/b"), &folder, MANY).unwrap());
    let bucket = take_up(&shared, &Owner { id: dir.path().join("owner"), before: None }).await.unwrap();
    BucketBlobs { shared, dir: folder, bucket }
}

fn client(server: &S3Server) -> Arc<impl ObjectStore + MultipartStore> {
    let client = AmazonS3Builder::new().with_endpoint(format!("http://127.0.0.1:{}", server.port));
    let client = client.with_bucket_name(BUCKET).with_access_key_id("id").with_secret_access_key("secret");
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let connector = client::Connector { tls: Arc::new(tls) };
    Arc::new(client.with_allow_http(true).with_http_connector(connector).build().unwrap())
}

#[tokio::test]
async fn a_bucket_in_memory_keeps_the_promises() {
    let (bucket, dir) = (Arc::new(InMemory::new()), tempfile::tempdir().unwrap());
    keeps_promises(async || open(bucket.clone(), &dir).await).await;
}

#[tokio::test]
async fn a_server_of_s3_keeps_the_promises() {
    let Some(server) = S3Server::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    keeps_promises(async || open(client(&server), &dir).await).await;
    assert_eq!(server.names(), ["a/b/verbatim-owner"]);
    assert_eq!(server.uploads(), [""; 0]);
}

#[tokio::test]
async fn an_upload_that_is_not_finished_is_ended_in_the_bucket() {
    let Some(server) = S3Server::start() else { return };
    let (server, dir) = (Arc::new(server), tempfile::tempdir().unwrap());
    let blobs = open(client(&server), &dir).await;
    let begin = async || {
        let mut writer = blobs.create().await.unwrap();
        writer.write(vec![0; PART].into()).await.unwrap();
        assert_eq!(server.uploads().len(), 1);
        writer
    };
    begin().await.abort().await;
    assert_eq!(server.uploads(), [""; 0]);
    drop(begin().await);
    let all_ended = async || {
        let server = server.clone();
        tokio::task::spawn_blocking(move || server.uploads().is_empty()).await.unwrap()
    };
    while !all_ended().await {}
    // As a kill leaves it.
    std::mem::forget(begin().await);
    open(client(&server), &dir).await;
    assert_eq!(server.uploads(), [""; 0]);
    assert_eq!(fs::read_dir(dir.path().join("bucket/uploads")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_blob_is_fetched_again_and_never_with_other_bytes() {
    let (bucket, dir) = (Arc::new(InMemory::new()), tempfile::tempdir().unwrap());
    let stored = store(&open(bucket.clone(), &dir).await, b"abc", 3).await;
    let location = Location::from(format!("a/b/{}", stored.key.0));
    let fetched = async || {
        let (blobs, stored) = (open(bucket.clone(), &dir).await, stored.clone());
        let file = tokio::task::spawn_blocking(move || {
            let file = blobs.file(&stored, WhileAway::Fail)?;
            Ok(fs::read((*file).as_ref()).unwrap())
        });
        file.await.unwrap()
    };
    assert_eq!(fetched().await, Ok(b"abc".to_vec()));
    bucket.put(&location, "xyz".into()).await.unwrap();
    assert!(matches!(fetched().await, Err(AudioError::Io(reason)) if reason.contains("SHA-256")));
    bucket.delete(&location).await.unwrap();
    assert!(matches!(fetched().await, Err(AudioError::Io(reason)) if reason.contains("not in the bucket")));
    let blobs = open(bucket.clone(), &dir).await;
    // As after a loss of the whole bucket, which may come back.
    bucket.delete(&Location::from("a/b/verbatim-owner")).await.unwrap();
    let file = tokio::task::spawn_blocking(move || blobs.file(&stored, WhileAway::Fail).map(drop));
    assert!(matches!(file.await.unwrap(), Err(AudioError::Unreachable(_))));
}

#[tokio::test]
async fn blobs_of_another_storage_folder_stay() {
    let (bucket, dir, other) =
        (Arc::new(InMemory::new()), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let blobs = open(bucket.clone(), &dir).await;
    let key = store(&blobs, b"abc", 3).await.key;
    assert_eq!(open(bucket, &other).await.keep_only(&HashSet::new(), Duration::ZERO).await.unwrap(), 0);
    assert_eq!(read(&blobs, &key, 0..3).await.unwrap(), b"abc");
}

#[tokio::test]
async fn a_blob_that_misses_a_part_is_never_finished() {
    let (bucket, dir) = (Arc::new(InMemory::new()), tempfile::tempdir().unwrap());
    let blobs = open(bucket, &dir).await;
    let mut writer = blobs.create().await.unwrap();
    let mut write = writer.write(vec![0; PART].into());
    // Begun, and given up before it could end.
    while write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
        drop(write);
        write = writer.write(vec![0; PART].into());
    }
    drop(write);
    assert!(matches!(writer.finish().await, Err(StoreError::Failed(_))));
}
