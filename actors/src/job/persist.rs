//! Writes that must not be lost because the disk is full for a while.

use std::future::Future;
use std::time::Duration;

use tracing::error;

use super::control::{Control, Service};
use crate::ports::StoreError;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Writes, and waits for the store to get well when it fails. The only error that comes back is
/// [`StoreError::LeaseLost`], or any other once the service is stopping: the next start repeats the
/// chunk.
pub(super) async fn persist<T, F>(control: &Control, mut write: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match write().await {
            Ok(written) => return Ok(written),
            Err(StoreError::LeaseLost) => return Err(StoreError::LeaseLost),
            Err(error @ (StoreError::DiskFull | StoreError::Failed(_))) => error,
        };
        if control.service() == Service::Stopping || control.cancel.is_cancelled() {
            return Err(error);
        }
        error!(%error, retry_ms = pause.as_millis() as u64, "the store does not take a write");
        actix::clock::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
