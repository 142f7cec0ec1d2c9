//! Transcripts as people left them.

use actors::domain::jobs::job::JobId;
use actors::domain::time::Timestamp;
use actors::domain::transcript::edit::EditedSegment;
use actors::ports::{MAX_REVISIONS, Revised, Revision, RevisionStore, StoreError};
use async_trait::async_trait;

use super::db;
use super::fault::Fault;
use super::locks::Lock;
use super::rows::{from_json, small, to_json};
use super::search;
use super::sql;
use super::sql_store::SqlStore;

#[async_trait]
impl RevisionStore for SqlStore {
    async fn revise(
        &self,
        id: JobId,
        base: u32,
        owner: &str,
        segments: &[EditedSegment],
    ) -> Result<Revised, StoreError> {
        Ok(self.add_revision(id, base, owner, segments).await?)
    }

    async fn revision(&self, id: JobId, number: u32) -> Result<Option<Vec<EditedSegment>>, StoreError> {
        Ok(self.read_revision(id, number).await?)
    }

    async fn revisions(&self, id: JobId) -> Result<Vec<Revision>, StoreError> {
        Ok(self.list_revisions(id).await?)
    }
}

impl SqlStore {
    async fn add_revision(
        &self,
        id: JobId,
        base: u32,
        owner: &str,
        segments: &[EditedSegment],
    ) -> Result<Revised, Fault> {
        let (key, body) = (id.to_string(), to_json("an edited transcript", &segments)?);
        let count = i64::try_from(segments.len()).unwrap_or(i64::MAX);
        let mut change = self.change(Lock::Job(id)).await?;
        let now = self.now();
        let revise = db::query_scalar(sql::REVISE).bind(&key).bind(i64::from(base)).bind(now.0);
        let revised: Option<i64> =
            if base < MAX_REVISIONS { revise.fetch_optional(&mut change).await? } else { None };
        let Some(number) = revised else {
            let latest: Option<i64> =
                db::query_scalar(sql::LATEST_REVISION).bind(&key).fetch_optional(&mut change).await?;
            return Ok(match latest.map(small) {
                None => Revised::NoJob,
                Some(latest) if latest == base => Revised::Full,
                Some(latest) => Revised::Outdated { latest },
            });
        };
        db::query(sql::KEEP_REVISION)
            .bind(&key)
            .bind(number)
            .bind(now.0)
            .bind(owner)
            .bind(count)
            .bind(body)
            .execute(&mut change)
            .await?;
        search::index(&mut change, id).await?;
        self.commit(change, "revision").await?;
        Ok(Revised::Kept(revision((number, now.0, owner.to_owned(), count))))
    }

    async fn read_revision(&self, id: JobId, number: u32) -> Result<Option<Vec<EditedSegment>>, Fault> {
        let body: Option<String> = db::query_scalar(sql::REVISION)
            .bind(id.to_string())
            .bind(i64::from(number))
            .fetch_optional(&self.readers)
            .await?;
        body.map(|body| from_json("an edited transcript", &body)).transpose()
    }

    async fn list_revisions(&self, id: JobId) -> Result<Vec<Revision>, Fault> {
        let rows = db::query_as(sql::REVISIONS).bind(id.to_string()).fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(revision).collect())
    }
}

fn revision((number, created_at, owner, segments): (i64, i64, String, i64)) -> Revision {
    let created_at = Timestamp(created_at);
    Revision { number: small(number), created_at, owner, segments: small(segments) }
}
