//! Removes jobs that ended long ago, with their recordings.

use std::sync::Arc;
use std::time::Duration;

use actors::ports::{BlobStore, JobStore, StoreError};
use tracing::{info, warn};

/// How often it is looked for jobs that are old enough.
const LOOK: Duration = Duration::from_secs(3600);
/// Jobs removed at a time: other writes wait meanwhile.
const BATCH: u32 = 100;

/// Runs for as long as the service. Between the removal of a job and that of its recording the service may
/// end: the next start removes recordings that no job needs.
pub(super) async fn keep_for(keep: Duration, jobs: Arc<dyn JobStore>, blobs: Arc<dyn BlobStore>) {
    loop {
        match remove_old(keep, jobs.as_ref(), blobs.as_ref()).await {
            Ok(0) => {}
            Ok(removed) => info!(removed, "old jobs removed"),
            Err(error) => warn!(%error, "cannot remove old jobs"),
        }
        actix_web::rt::time::sleep(LOOK).await;
    }
}

async fn remove_old(keep: Duration, jobs: &dyn JobStore, blobs: &dyn BlobStore) -> Result<usize, StoreError> {
    let mut removed = 0;
    loop {
        let batch = jobs.remove_ended(keep, BATCH).await?;
        if batch.is_empty() {
            return Ok(removed);
        }
        removed += batch.len();
        for recording in &batch {
            blobs.delete(recording).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::sync::Mutex;

    use actors::domain::jobs::job::BlobKey;
    use actors::domain::jobs::options::Priority;
    use actors::ports::{BlobBytes, BlobWriter, StorageUsage};
    use actors::testing::MemoryStore;
    use tokio::time::timeout;

    use super::*;
    use crate::store::tests::conformance::{NO_LIMIT, new_job};

    /// Notes which recordings are deleted.
    #[derive(Default)]
    struct Deleted(Mutex<Vec<BlobKey>>);

    #[async_trait::async_trait]
    impl BlobStore for Deleted {
        fn usage(&self) -> StorageUsage {
            StorageUsage::default()
        }

        async fn create(&self) -> Result<Box<dyn BlobWriter>, StoreError> {
            Err(StoreError::DiskFull)
        }

        fn has_room(&self, _: u64) -> bool {
            false
        }

        async fn read(&self, _: &BlobKey, _: Range<u64>) -> Result<Option<BlobBytes>, StoreError> {
            Ok(None)
        }

        async fn copy(&self, _: &BlobKey) -> Result<Option<BlobKey>, StoreError> {
            Ok(None)
        }

        async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
            self.0.lock().unwrap().push(key.clone());
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn old_jobs_go_with_their_recordings_while_the_service_runs() {
        const DAY: Duration = Duration::from_secs(86_400);
        let (jobs, blobs) = (Arc::new(MemoryStore::default()), Arc::new(Deleted::default()));
        let keeper = keep_for(DAY, jobs.clone(), blobs.clone());
        tokio::pin!(keeper);
        let (ended, _) = jobs.submit(new_job(Priority::Batch), NO_LIMIT).await.unwrap();
        jobs.cancel(ended.id).await.unwrap();
        let (waiting, _) = jobs.submit(new_job(Priority::Batch), NO_LIMIT).await.unwrap();

        assert!(timeout(LOOK * 2, &mut keeper).await.is_err(), "it still runs");
        assert!(jobs.job(ended.id).await.unwrap().is_some(), "too young");
        jobs.let_pass(DAY + LOOK);
        assert!(timeout(LOOK, &mut keeper).await.is_err(), "it still runs");
        assert!(jobs.job(ended.id).await.unwrap().is_none());
        assert_eq!(*blobs.0.lock().unwrap(), [ended.audio.blob]);
        assert!(jobs.job(waiting.id).await.unwrap().is_some());
    }
}
