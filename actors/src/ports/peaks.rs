//! The loudness of recordings, kept: measuring it takes as long as decoding does.

use async_trait::async_trait;

use super::jobs::StoreError;
use crate::domain::jobs::job::JobId;
use crate::domain::peaks::Peaks;

/// What was measured of a job's recording, for as long as the job is kept.
#[async_trait]
pub trait PeakStore: Send + Sync + 'static {
    async fn peaks(&self, id: JobId) -> Result<Option<Peaks>, StoreError>;

    /// Replaces what was kept of that job; keeps nothing of a removed one.
    async fn keep_peaks(&self, id: JobId, peaks: &Peaks) -> Result<(), StoreError>;
}
