//! Transcripts as people left them, kept beside what the engine wrote.

use async_trait::async_trait;

use super::jobs::StoreError;
use crate::domain::jobs::job::JobId;
use crate::domain::time::Timestamp;
use crate::domain::transcript::edit::EditedSegment;

/// That a transcript was changed, without the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// From 1; 0 is what the engine wrote.
    pub number: u32,
    pub created_at: Timestamp,
    /// Whose key it was changed with; empty without authentication.
    pub owner: String,
    pub segments: u32,
}

/// Revisions of one job that are kept: each is a whole transcript.
pub const MAX_REVISIONS: u32 = 1_000;

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revised {
    Kept(Revision),
    /// It was made to a transcript that is not the latest.
    Outdated {
        latest: u32,
    },
    /// There are [`MAX_REVISIONS`] already.
    Full,
    NoJob,
}

/// All revisions of a job's transcript, for as long as the job is kept.
#[async_trait]
pub trait RevisionStore: Send + Sync + 'static {
    /// Adds a revision if `base` is the latest, in one transaction with [`Job::revision`](crate::domain::jobs::job::Job).
    async fn revise(
        &self,
        id: JobId,
        base: u32,
        owner: &str,
        segments: &[EditedSegment],
    ) -> Result<Revised, StoreError>;

    /// `None` of one that is not there.
    async fn revision(&self, id: JobId, number: u32) -> Result<Option<Vec<EditedSegment>>, StoreError>;

    /// The newest first.
    async fn revisions(&self, id: JobId) -> Result<Vec<Revision>, StoreError>;
}
