//! Giving a job the result of an earlier one: of the same owner, recording and options, made with the same model
//! by the same program.

use actors::domain::audio::Plan;
use actors::domain::event::{JobEvent, Recorded};
use actors::domain::jobs::job::{Job, JobId, JobInput, Status};
use actors::domain::jobs::options::Extent;
use actors::domain::time::Timestamp;
use actors::domain::transcript::Segment;

use super::db::{self, Transaction};
use super::events::append_to_job;
use super::fault::Fault;
use super::locks::Lock;
use super::rows::{JobRow, from_json, small};
use super::sql;
use super::stored_plan::stored_plan;
use super::webhooks::outbox;

/// As many earlier jobs of a recording are looked at, the newest first.
const LOOKED_AT: i64 = 20;

/// The newest job whose result is that of `job`, if there is one.
pub(super) async fn earlier(
    change: &mut Transaction,
    job: &Job,
    made_with: &str,
) -> Result<Option<JobId>, Fault> {
    // What it is asked for is not a transcript.
    if job.options.extent != Extent::Whole {
        return Ok(None);
    }
    let of_recording = db::query_as(sql::OF_RECORDING).bind(&job.owner).bind(&job.audio.sha256);
    let rows: Vec<JobRow> = of_recording.bind(LOOKED_AT).fetch_all(&mut *change).await?;
    for row in rows {
        let earlier = Job::try_from(row)?;
        let plan: Option<Plan> = stored_plan(change, earlier.id).await?;
        let is_same = plan.is_some_and(|plan| plan.made_with == made_with);
        if is_same && earlier.options.same_transcript(&job.options) && is_kept(change, earlier.id).await? {
            return Ok(Some(earlier.id));
        }
    }
    Ok(None)
}

/// Whether the job is still there, which it is until the change ends, then.
async fn is_kept(change: &mut Transaction, id: JobId) -> Result<bool, Fault> {
    Lock::Job(id).take(change).await?;
    Ok(db::query_as::<JobRow>(sql::JOB).bind(id.to_string()).fetch_optional(change).await?.is_some())
}

/// Completes the queued job with all segments of the earlier one.
pub(super) async fn answer(
    change: &mut Transaction,
    now: Timestamp,
    job: &Job,
    from: JobId,
) -> Result<(Job, Vec<Recorded>), Fault> {
    let (id, from) = (job.id.to_string(), from.to_string());
    let completed = job.status.after(JobInput::Answered)?;
    let row: JobRow = db::query_as(sql::ANSWER)
        .bind(&id)
        .bind(completed.name())
        .bind(now.0)
        .bind(&from)
        .fetch_one(&mut *change)
        .await?;
    db::query(sql::COPY_PLAN).bind(&id).bind(&from).execute(&mut *change).await?;
    db::query(sql::COPY_SEGMENTS).bind(&id).bind(&from).execute(&mut *change).await?;
    let segments: Vec<(i64, String)> =
        db::query_as(sql::CHUNKS_OF_SEGMENTS).bind(&id).fetch_all(&mut *change).await?;
    let mut events = Vec::with_capacity(segments.len() + 1);
    for (chunk, body) in segments {
        let segment: Segment = from_json("a segment", &body)?;
        let event = JobEvent::Segment { chunk: small(chunk).saturating_add(1), segment };
        events.push(append_to_job(change, now, job.id, event).await?);
    }
    events.push(append_to_job(change, now, job.id, JobEvent::Completed).await?);
    outbox::write_job_messages(change, now, job.id, Status::Completed).await?;
    Ok((row.try_into()?, events))
}
