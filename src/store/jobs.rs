//! The port of the jobs: reads here, changes in [`super::queue`] and [`super::work`].

use std::collections::BTreeMap;
use std::time::Duration;

use actors::domain::audio::Plan;
use actors::domain::event::{JobEvent, Recorded, RequeueReason};
use actors::domain::jobs::job::{BlobKey, Job, JobId, NewJob, Status};
use actors::domain::jobs::options::Priority;
use actors::domain::jobs::progress::Progress;
use actors::domain::jobs::queue::Queued;
use actors::domain::transcript::{Segment, in_order};
use actors::ports::{
    Cancelled, Checkpoint, Claim, Earlier, Ending, Fence, Head, JobCounts, JobQuery, JobStore, QueuePlace,
    StoreError, SubmitError, Terms, Waiting,
};
use async_trait::async_trait;

use super::db;
use super::fault::Fault;
use super::queue::Admission;
use super::rows::{self, JobRow, from_json, natural};
use super::sql;
use super::sql_store::SqlStore;

#[async_trait]
impl JobStore for SqlStore {
    async fn submit(&self, job: NewJob, terms: Terms) -> Result<(Job, Vec<Recorded>), SubmitError> {
        match self.take_in(job, terms).await.map_err(StoreError::from)? {
            Admission::Taken(job, events) => Ok((*job, events)),
            Admission::Known(job) => Ok((*job, vec![])),
            Admission::KeyReused => Err(SubmitError::KeyReused),
            Admission::QueueFull { queued } => Err(SubmitError::QueueFull { queued }),
        }
    }

    async fn sent_under(&self, owner: &str, key: &str) -> Result<Option<Earlier>, StoreError> {
        Ok(self.earlier_request(owner, key).await?)
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.read_job(id).await?)
    }

    async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, StoreError> {
        Ok(self.read_jobs(query).await?)
    }

    async fn segments(&self, id: JobId) -> Result<Vec<Segment>, StoreError> {
        Ok(self.read_segments(id).await?)
    }

    async fn counts(&self) -> Result<JobCounts, StoreError> {
        Ok(self.count().await?)
    }

    async fn counts_by_model(&self) -> Result<Vec<(Option<String>, JobCounts)>, StoreError> {
        Ok(self.count_by_model().await?)
    }

    async fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.size().await?)
    }

    async fn place(&self, id: JobId) -> Result<Option<QueuePlace>, StoreError> {
        Ok(self.place_of(id).await?)
    }

    async fn queue(&self, most: u32) -> Result<Option<Vec<Queued>>, StoreError> {
        Ok(self.all_waiting(most).await?)
    }

    async fn waiting(&self) -> Result<Waiting, StoreError> {
        Ok(Waiting {
            interactive: self.is_waiting(Priority::Interactive).await?,
            batch: self.is_waiting(Priority::Batch).await?,
        })
    }

    async fn head(&self, turn: Priority, models: &[Option<String>]) -> Result<Option<Head>, StoreError> {
        Ok(self.next_head(turn, models).await?)
    }

    async fn claim(
        &self,
        priority: Priority,
        model: Option<&str>,
    ) -> Result<Option<(Claim, Vec<Recorded>)>, StoreError> {
        Ok(self.take_next(priority, model).await?.map(|(claim, event)| (claim, vec![event])))
    }

    async fn models_waited_for(&self) -> Result<Vec<Option<String>>, StoreError> {
        Ok(self.waited_for().await?)
    }

    async fn planned(&self, fence: Fence, plan: &Plan, progress: Progress) -> Result<(), StoreError> {
        Ok(self.keep_plan(fence, plan, progress).await?)
    }

    async fn note(&self, fence: Fence, event: JobEvent) -> Result<Vec<Recorded>, StoreError> {
        Ok(vec![self.add_note(fence, event).await?])
    }

    async fn checkpoint(&self, fence: Fence, done: Checkpoint) -> Result<Vec<Recorded>, StoreError> {
        Ok(self.finish_chunk(fence, done).await?)
    }

    async fn end(&self, fence: Fence, ending: Ending) -> Result<Vec<Recorded>, StoreError> {
        Ok(vec![self.finish_job(fence, ending).await?])
    }

    async fn requeue(&self, fence: Fence, reason: RequeueReason) -> Result<Vec<Recorded>, StoreError> {
        Ok(vec![self.give_back(fence, reason).await?])
    }

    async fn cancel(&self, id: JobId) -> Result<Cancelled, StoreError> {
        Ok(self.cancel_or_remove(id).await?)
    }

    async fn remove_ended(&self, keep: Duration, limit: u32) -> Result<Vec<BlobKey>, StoreError> {
        Ok(self.remove_older(keep, limit).await?)
    }

    async fn renew(&self, held: &[Fence]) -> Result<Vec<Recorded>, StoreError> {
        Ok(self.renew_leases(held).await?)
    }

    async fn recover(&self) -> Result<Vec<Recorded>, StoreError> {
        Ok(self.requeue_all_running().await?)
    }
}

impl SqlStore {
    async fn read_job(&self, id: JobId) -> Result<Option<Job>, Fault> {
        let row: Option<JobRow> =
            db::query_as(sql::JOB).bind(id.to_string()).fetch_optional(&self.readers).await?;
        row.map(Job::try_from).transpose()
    }

    async fn read_segments(&self, id: JobId) -> Result<Vec<Segment>, Fault> {
        let bodies: Vec<String> =
            db::query_scalar(sql::SEGMENTS).bind(id.to_string()).fetch_all(&self.readers).await?;
        let segments: Result<_, _> = bodies.iter().map(|body| from_json("a segment", body)).collect();
        Ok(in_order(segments?))
    }

    async fn is_waiting(&self, priority: Priority) -> Result<bool, Fault> {
        let waiting: i64 =
            db::query_scalar(sql::IS_WAITING).bind(rows::rank(priority)).fetch_one(&self.readers).await?;
        Ok(waiting == 1)
    }

    async fn count(&self) -> Result<JobCounts, Fault> {
        // One moment of the queue.
        let mut reader = self.readers.begin_reading().await?;
        let queued: i64 = db::query_scalar(sql::COUNT_QUEUED).fetch_one(&mut reader).await?;
        let running: i64 = db::query_scalar(sql::COUNT_RUNNING).fetch_one(&mut reader).await?;
        Ok(JobCounts { queued: natural(queued), running: natural(running) })
    }

    async fn count_by_model(&self) -> Result<Vec<(Option<String>, JobCounts)>, Fault> {
        let rows: Vec<(String, String, i64)> =
            db::query_as(sql::COUNT_BY_MODEL).fetch_all(&self.readers).await?;
        let mut counts = BTreeMap::<String, JobCounts>::new();
        for (model, state, jobs) in rows {
            let of_it = counts.entry(model).or_default();
            match rows::status(&state)? {
                Status::Queued => of_it.queued += natural(jobs),
                Status::Running => of_it.running += natural(jobs),
                Status::Completed | Status::Failed | Status::Cancelled => {}
            }
        }
        Ok(counts.into_iter().map(|(model, of_it)| ((!model.is_empty()).then_some(model), of_it)).collect())
    }
}
