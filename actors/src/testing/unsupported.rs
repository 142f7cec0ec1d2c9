//! What the actors do not ask of a store.

use async_trait::async_trait;

use super::store::{MemoryStore, unsupported};
use crate::domain::jobs::job::JobId;
use crate::domain::peaks::Peaks;
use crate::domain::transcript::edit::EditedSegment;
use crate::ports::{PeakStore, Peers, Revised, Revision, RevisionStore, StoreError};

impl Peers for MemoryStore {}

#[async_trait]
impl PeakStore for MemoryStore {
    async fn peaks(&self, _: JobId) -> Result<Option<Peaks>, StoreError> {
        unsupported()
    }

    async fn keep_peaks(&self, _: JobId, _: &Peaks) -> Result<(), StoreError> {
        unsupported()
    }
}

#[async_trait]
impl RevisionStore for MemoryStore {
    async fn revise(&self, _: JobId, _: u32, _: &str, _: &[EditedSegment]) -> Result<Revised, StoreError> {
        unsupported()
    }

    async fn revision(&self, _: JobId, _: u32) -> Result<Option<Vec<EditedSegment>>, StoreError> {
        unsupported()
    }

    async fn revisions(&self, _: JobId) -> Result<Vec<Revision>, StoreError> {
        unsupported()
    }
}
