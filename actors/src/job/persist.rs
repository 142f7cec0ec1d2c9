//! Writes that must not be lost because the disk is full for a while.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use tracing::error;

use super::control::LOOK;
use crate::ports::StoreError;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Writes, and waits for the store to get well when it fails, for as long as `waits` says. The only error that comes back
/// before that is [`StoreError::LeaseLost`].
pub(super) async fn persist<T, F>(
    waits: impl Fn() -> bool,
    mut write: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match write().await {
            Ok(written) => return Ok(written),
            Err(StoreError::LeaseLost) => return Err(StoreError::LeaseLost),
            Err(error @ (StoreError::DiskFull | StoreError::Unreachable(_) | StoreError::Failed(_))) => error,
        };
        error!(%error, retry_ms = pause.as_millis() as u64, "failed to write to the store");
        let again = Instant::now() + pause;
        while Instant::now() < again {
            if !waits() {
                return Err(error);
            }
            actix::clock::sleep(LOOK).await;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
