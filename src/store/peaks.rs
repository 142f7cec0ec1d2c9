//! The loudness of recordings, kept for as long as their jobs.

use actors::domain::jobs::job::JobId;
use actors::domain::peaks::Peaks;
use actors::ports::{PeakStore, StoreError};
use async_trait::async_trait;

use super::db;
use super::fault::Fault;
use super::locks::Lock;
use super::rows::{from_json, to_json};
use super::sql;
use super::sql_store::SqlStore;

#[async_trait]
impl PeakStore for SqlStore {
    async fn peaks(&self, id: JobId) -> Result<Option<Peaks>, StoreError> {
        Ok(self.read_peaks(id).await?)
    }

    async fn keep_peaks(&self, id: JobId, peaks: &Peaks) -> Result<(), StoreError> {
        Ok(self.write_peaks(id, peaks).await?)
    }
}

impl SqlStore {
    async fn read_peaks(&self, id: JobId) -> Result<Option<Peaks>, Fault> {
        let body: Option<String> =
            db::query_scalar(sql::PEAKS).bind(id.to_string()).fetch_optional(&self.readers).await?;
        body.map(|body| from_json("a recording's peaks", &body)).transpose()
    }

    async fn write_peaks(&self, id: JobId, peaks: &Peaks) -> Result<(), Fault> {
        let mut change = self.change(Lock::Job(id)).await?;
        db::query(sql::KEEP_PEAKS)
            .bind(id.to_string())
            .bind(to_json("a recording's peaks", peaks)?)
            .execute(&mut change)
            .await?;
        self.commit(change, "peaks").await
    }
}
