//! The writes of a worker to its job. Every change here is fenced: it happens only while the
//! job is running under the worker's own claim, and is [`Fault::LeaseLost`] otherwise.

use actors::domain::audio::Plan;
use actors::domain::event::{JobEvent, Recorded, RequeueReason};
use actors::domain::jobs::job::{JobId, JobInput, Status};
use actors::domain::jobs::progress::Progress;
use actors::domain::language::Language;
use actors::domain::transcript::Segment;
use actors::ports::{Checkpoint, Ending, Fence};
use sha2::{Digest, Sha256};

use super::db::{self, Transaction};
use super::events::append_to_job;
use super::fault::Fault;
use super::locks::Lock;
use super::rows::{self, finite, from_json, integer, to_json};
use super::search;
use super::sql;
use super::sql_store::SqlStore;
use super::webhooks::outbox;
use crate::hex::hex;

/// A running job as its worker finds it.
struct Held {
    status: Status,
    next_chunk: i64,
    progress: Option<Progress>,
}

impl SqlStore {
    pub(super) async fn keep_plan(&self, fence: Fence, plan: &Plan, progress: Progress) -> Result<(), Fault> {
        let mut change = self.change(Lock::Job(fence.id)).await?;
        let warnings =
            (!plan.warnings.is_empty()).then(|| to_json("a job's warnings", &plan.warnings)).transpose()?;
        let updated = db::query(sql::PLANNED)
            .bind(fence.id.to_string())
            .bind(fence.epoch)
            .bind(self.now().0)
            .bind(i64::try_from(plan.chunks.len()).unwrap_or(i64::MAX))
            .bind(integer(plan.samples))
            .bind(to_json("a job's progress", &progress)?)
            .bind(warnings)
            .execute(&mut change)
            .await?;
        fenced(updated)?;
        replace_plan(&mut change, fence.id, plan).await?;
        self.commit(change, "plan").await?;
        Ok(())
    }

    pub(super) async fn add_note(&self, fence: Fence, event: JobEvent) -> Result<Recorded, Fault> {
        let mut change = self.change(Lock::Job(fence.id)).await?;
        let now = self.now();
        let updated = db::query(sql::TOUCH)
            .bind(fence.id.to_string())
            .bind(fence.epoch)
            .bind(now.0)
            .execute(&mut change)
            .await?;
        fenced(updated)?;
        let recorded = append_to_job(&mut change, now, fence.id, event).await?;
        self.commit(change, "note").await?;
        Ok(recorded)
    }

    pub(super) async fn finish_chunk(&self, fence: Fence, done: Checkpoint) -> Result<Vec<Recorded>, Fault> {
        let mut change = self.change(Lock::Job(fence.id)).await?;
        let held = held(&mut change, fence).await?;
        if i64::from(done.chunk) + 1 == held.next_chunk {
            // It is written, and word of that was lost on the way.
            return Ok(vec![]);
        }
        if i64::from(done.chunk) != held.next_chunk {
            return Err(Fault::OutOfOrder { given: done.chunk, expected: held.next_chunk });
        }
        let now = self.now();
        let updated = db::query(sql::CHECKPOINT)
            .bind(fence.id.to_string())
            .bind(fence.epoch)
            .bind(now.0)
            .bind(held.next_chunk + 1)
            .bind(done.language.map(Language::code))
            .bind(to_json("a job's progress", &done.progress)?)
            .bind(done.language_probability)
            .execute(&mut change)
            .await?;
        fenced(updated)?;
        let mut events = Vec::with_capacity(done.segments.len());
        for (index, segment) in (0i64..).zip(done.segments.into_iter().map(finite)) {
            insert_segment(&mut change, fence.id, done.chunk, index, &segment).await?;
            let event = JobEvent::Segment { chunk: done.chunk.saturating_add(1), segment };
            events.push(append_to_job(&mut change, now, fence.id, event).await?);
        }
        self.commit(change, "checkpoint").await?;
        Ok(events)
    }

    pub(super) async fn finish_job(&self, fence: Fence, ending: Ending) -> Result<Recorded, Fault> {
        let mut change = self.change(Lock::Job(fence.id)).await?;
        let held = held(&mut change, fence).await?;
        let (input, event, error, progress) = match ending {
            Ending::Completed => {
                (JobInput::Finished, JobEvent::Completed, None, held.progress.map(Progress::completed))
            }
            Ending::Failed(error) => {
                let json = to_json("a job's error", &error)?;
                (JobInput::Broke, JobEvent::Failed { error }, Some(json), held.progress)
            }
        };
        let now = self.now();
        let ended = held.status.after(input)?;
        let updated = db::query(sql::END)
            .bind(fence.id.to_string())
            .bind(fence.epoch)
            .bind(now.0)
            .bind(ended.name())
            .bind(error)
            .bind(progress.map(|p| to_json("a job's progress", &p)).transpose()?)
            .execute(&mut change)
            .await?;
        fenced(updated)?;
        let recorded = append_to_job(&mut change, now, fence.id, event).await?;
        outbox::write_job_messages(&mut change, now, fence.id, ended).await?;
        search::index(&mut change, fence.id).await?;
        self.commit(change, "end").await?;
        Ok(recorded)
    }

    pub(super) async fn give_back(&self, fence: Fence, reason: RequeueReason) -> Result<Recorded, Fault> {
        let mut change = self.change(Lock::Job(fence.id)).await?;
        let held = held(&mut change, fence).await?;
        let now = self.now();
        let updated = db::query(sql::REQUEUE)
            .bind(fence.id.to_string())
            .bind(fence.epoch)
            .bind(now.0)
            .bind(held.status.after(JobInput::Requeued)?.name())
            .bind(i64::from(reason == RequeueReason::EngineExited))
            .bind(i64::from(reason == RequeueReason::EngineKilled))
            .execute(&mut change)
            .await?;
        fenced(updated)?;
        let recorded = append_to_job(&mut change, now, fence.id, JobEvent::Requeued { reason }).await?;
        self.commit(change, "requeue").await?;
        Ok(recorded)
    }
}

async fn held(change: &mut Transaction, fence: Fence) -> Result<Held, Fault> {
    let row: Option<(String, i64, Option<String>)> =
        db::query_as(sql::HELD).bind(fence.id.to_string()).bind(fence.epoch).fetch_optional(change).await?;
    let (state, next_chunk, progress) = row.ok_or(Fault::LeaseLost)?;
    let progress = progress.map(|json| from_json("a job's progress", &json)).transpose()?;
    Ok(Held { status: rows::status(&state)?, next_chunk, progress })
}

fn fenced(updated: u64) -> Result<(), Fault> {
    if updated == 1 { Ok(()) } else { Err(Fault::LeaseLost) }
}

/// Under the plan that is stored already, finished chunks stay.
async fn replace_plan(change: &mut Transaction, id: JobId, plan: &Plan) -> Result<(), Fault> {
    let key = id.to_string();
    let body = to_json("a plan", plan)?;
    let hash = hex(&Sha256::digest(body.as_bytes()));
    let stored: Option<String> =
        db::query_scalar(sql::PLAN_HASH).bind(&key).fetch_optional(&mut *change).await?;
    if stored.as_deref() == Some(hash.as_str()) {
        return Ok(());
    }
    db::query(sql::KEEP_PLAN).bind(&key).bind(hash).bind(body).execute(&mut *change).await?;
    db::query(sql::DELETE_SEGMENTS).bind(&key).execute(&mut *change).await?;
    db::query(sql::FORGET_CHUNKS).bind(&key).execute(&mut *change).await?;
    Ok(())
}

async fn insert_segment(
    change: &mut Transaction,
    id: JobId,
    chunk: u32,
    index: i64,
    segment: &Segment,
) -> Result<(), Fault> {
    db::query(sql::INSERT_SEGMENT)
        .bind(id.to_string())
        .bind(i64::from(chunk))
        .bind(index)
        .bind(to_json("a segment", segment)?)
        .execute(change)
        .await?;
    Ok(())
}
