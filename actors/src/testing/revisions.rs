//! Revisions of transcripts in memory.

use async_trait::async_trait;

use super::store::MemoryStore;
use crate::domain::jobs::job::JobId;
use crate::domain::transcript::edit::EditedSegment;
use crate::ports::{MAX_REVISIONS, Revised, Revision, RevisionStore, StoreError};

#[async_trait]
impl RevisionStore for MemoryStore {
    async fn revise(
        &self,
        id: JobId,
        base: u32,
        owner: &str,
        segments: &[EditedSegment],
    ) -> Result<Revised, StoreError> {
        let created_at = self.now();
        let mut tables = self.tables();
        let Some(row) = tables.jobs.get_mut(&id) else { return Ok(Revised::NoJob) };
        if row.job.revision != base {
            return Ok(Revised::Outdated { latest: row.job.revision });
        }
        if base >= MAX_REVISIONS {
            return Ok(Revised::Full);
        }
        row.job.revision += 1;
        let segments_kept = u32::try_from(segments.len()).unwrap_or(u32::MAX);
        let kept = Revision {
            number: row.job.revision,
            created_at,
            owner: owner.to_owned(),
            segments: segments_kept,
        };
        row.revisions.push((kept.clone(), segments.to_vec()));
        Ok(Revised::Kept(kept))
    }

    async fn revision(&self, id: JobId, number: u32) -> Result<Option<Vec<EditedSegment>>, StoreError> {
        let tables = self.tables();
        let mut revisions = tables.jobs.get(&id).into_iter().flat_map(|row| &row.revisions);
        Ok(revisions.find(|(kept, _)| kept.number == number).map(|(_, segments)| segments.clone()))
    }

    async fn revisions(&self, id: JobId) -> Result<Vec<Revision>, StoreError> {
        let tables = self.tables();
        let revisions = tables.jobs.get(&id).into_iter().flat_map(|row| row.revisions.iter().rev());
        Ok(revisions.map(|(kept, _)| kept.clone()).collect())
    }
}
