//! Removes jobs that ended long ago, with their recordings.

use std::sync::Arc;
use std::time::Duration;

use actors::ports::{BlobStore, JobStore, StoreError};
use tracing::{info, warn};

/// How often it is looked for jobs that are old enough.
const LOOK: Duration = Duration::from_secs(3600);
/// Jobs removed at a time: others want to write too.
const BATCH: u32 = 100;

/// Goes on for the life of the service. Between the removal of a job and that of its recording the service may
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
