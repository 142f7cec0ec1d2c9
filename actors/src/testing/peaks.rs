//! The loudness of recordings in memory.

use async_trait::async_trait;

use super::store::MemoryStore;
use crate::domain::jobs::job::JobId;
use crate::domain::peaks::Peaks;
use crate::ports::{PeakStore, StoreError};

#[async_trait]
impl PeakStore for MemoryStore {
    async fn peaks(&self, id: JobId) -> Result<Option<Peaks>, StoreError> {
        Ok(self.tables().jobs.get(&id).and_then(|row| row.peaks.clone()))
    }

    async fn keep_peaks(&self, id: JobId, peaks: &Peaks) -> Result<(), StoreError> {
        if let Some(row) = self.tables().jobs.get_mut(&id) {
            row.peaks = Some(peaks.clone());
        }
        Ok(())
    }
}
