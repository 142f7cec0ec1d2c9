//! Into the queue, out of it, and what becomes of cancelled jobs.

use std::time::Duration;

use actors::domain::event::{JobEvent, Recorded, RequeueReason, Stream};
use actors::domain::jobs::engine_exits::EngineExits;
use actors::domain::jobs::job::{
    BlobKey, Job, JobId, JobInput, KEPT_ONCE_SECS, KeyLife, LEASE_SECS, NewJob, Status,
};
use actors::domain::jobs::options::Priority;
use actors::domain::language::Language;
use actors::domain::time::Timestamp;
use actors::ports::{Cancelled, Claim, Earlier, Fence, Head, Peers, Terms};

use super::db::{self, Transaction};
use super::events::append_to_job;
use super::fault::Fault;
use super::locks::Lock;
use super::order::{self, Next};
use super::peers::Link;
use super::reuse;
use super::rows::{self, JobRow, integer, name, natural, small, to_json};
use super::search;
use super::sql;
use super::sql_store::SqlStore;
use super::stored_plan::stored_plan;
use super::webhooks::outbox;
use super::webhooks::subscribers;

/// What became of a job that was handed in.
pub(super) enum Admission {
    Taken(Box<Job>, Vec<Recorded>),
    /// It was sent before.
    Known(Box<Job>),
    KeyReused,
    QueueFull {
        queued: u64,
    },
}

#[derive(sqlx::FromRow)]
struct ClaimRow {
    epoch: i64,
    next_chunk: i64,
    crash_streak: i64,
    kill_streak: i64,
    #[sqlx(flatten)]
    job: JobRow,
}

impl SqlStore {
    pub(super) async fn take_in(&self, new: NewJob, terms: Terms) -> Result<Admission, Fault> {
        let mut change = self.change(Lock::Submissions).await?;
        let now = self.now();
        if let Some(once) = &new.once {
            let known = match once.life {
                KeyLife::Day => sent_under(&mut change, now, &new.owner, &once.key).await?,
                KeyLife::Result { completed_after } => {
                    useful_under(&mut change, &new.owner, &once.key, completed_after).await?
                }
            };
            if let Some((id, fingerprint)) = known {
                if fingerprint != once.fingerprint {
                    return Ok(Admission::KeyReused);
                }
                let row: Option<JobRow> = db::query_as(sql::JOB).bind(id).fetch_optional(&mut change).await?;
                // It may have been removed at this moment, over another service.
                if let Some(row) = row {
                    return Ok(Admission::Known(Box::new(row.try_into()?)));
                }
            }
            db::query(sql::FORGET_KEY).bind(&new.owner).bind(&once.key).execute(&mut change).await?;
        }
        let queued: i64 = db::query_scalar(sql::COUNT_QUEUED).fetch_one(&mut change).await?;
        if natural(queued) >= terms.max_queued {
            return Ok(Admission::QueueFull { queued: natural(queued) });
        }
        let model = new.options.model.clone().unwrap_or_default();
        let (key, fingerprint) = new.once.map(|once| (once.key, once.fingerprint)).unzip();
        let row: JobRow = db::query_as(sql::INSERT_JOB)
            .bind(new.id.to_string())
            .bind(Status::Queued.name())
            .bind(rows::rank(new.options.priority))
            .bind(to_json("a job's options", &new.options)?)
            .bind(new.metadata)
            .bind(&new.webhook_url)
            .bind(new.audio.blob.0)
            .bind(new.audio.sha256)
            .bind(integer(new.audio.bytes))
            .bind(new.audio.filename)
            .bind(new.audio.duration_secs.map(rows::samples))
            .bind(new.options.language.map(Language::code))
            .bind(now.0)
            .bind(new.owner)
            .bind(key)
            .bind(fingerprint)
            .bind(model)
            .bind(new.origin.api.name())
            .bind(new.origin.traceparent.map(|parent| parent.to_string()))
            .bind(new.retry_of.map(|id| id.to_string()))
            .fetch_one(&mut change)
            .await?;
        let mut job = Job::try_from(row)?;
        if let Some(url) = &job.webhook_url {
            subscribers::subscribe(&mut change, now, &job.owner, url, None).await?;
        }
        let mut events = vec![append_to_job(&mut change, now, job.id, JobEvent::Queued).await?];
        if let Some(made_with) = terms.reuse
            && let Some(earlier) = reuse::earlier(&mut change, &job, &made_with).await?
        {
            let (answered, more) = reuse::answer(&mut change, now, &job, earlier).await?;
            job = answered;
            events.extend(more);
        }
        search::index(&mut change, job.id).await?;
        self.commit(change, "submit").await?;
        Ok(Admission::Taken(Box::new(job), events))
    }

    pub(super) async fn earlier_request(&self, owner: &str, key: &str) -> Result<Option<Earlier>, Fault> {
        let mut reader = self.readers.begin_reading().await?;
        let sent = sent_under(&mut reader, self.now(), owner, key).await?;
        sent.map(|(id, fingerprint)| Ok(Earlier { id: rows::job_id(&id)?, fingerprint })).transpose()
    }

    pub(super) async fn next_head(
        &self,
        turn: Priority,
        models: &[Option<String>],
    ) -> Result<Option<Head>, Fault> {
        // One moment of the queue.
        let mut reader = self.readers.begin_reading().await?;
        order::head(&mut reader, turn, models).await
    }

    pub(super) async fn waited_for(&self) -> Result<Vec<Option<String>>, Fault> {
        let names: Vec<String> = db::query_scalar(sql::MODELS_WAITED_FOR).fetch_all(&self.readers).await?;
        Ok(names.into_iter().map(|name| (!name.is_empty()).then_some(name)).collect())
    }

    pub(super) async fn take_next(
        &self,
        priority: Priority,
        model: Option<&str>,
    ) -> Result<Option<(Claim, Recorded)>, Fault> {
        let mut change = self.change(Lock::Own).await?;
        let next = order::take_first(&mut change, priority, model).await?;
        let Some(Next { id, state, begun, .. }) = next else { return Ok(None) };
        let now = self.now();
        let running = rows::status(&state)?.after(JobInput::Claimed)?;
        let row: ClaimRow = db::query_as(sql::CLAIM)
            .bind(&id)
            .bind(running.name())
            .bind(now.0)
            .bind(new_lease(now))
            .bind(self.own_id())
            .fetch_one(&mut change)
            .await?;
        let claim = claim(&mut change, row).await?;
        if !begun {
            order::served(&mut change, &claim.job).await?;
        }
        let started = JobEvent::Started { attempt: claim.job.attempts };
        let event = append_to_job(&mut change, now, claim.job.id, started).await?;
        self.commit(change, "claim").await?;
        Ok(Some((claim, event)))
    }

    pub(super) async fn cancel_or_remove(&self, id: JobId) -> Result<Cancelled, Fault> {
        let mut change = self.change(Lock::Job(id)).await?;
        let Some(row) =
            db::query_as::<JobRow>(sql::JOB).bind(id.to_string()).fetch_optional(&mut change).await?
        else {
            return Ok(Cancelled::NotFound);
        };
        let job = Job::try_from(row)?;
        let Ok(cancelled) = job.status.after(JobInput::CancelAsked) else {
            remove(&mut change, id).await?;
            self.commit(change, "remove").await?;
            return Ok(Cancelled::Removed { blob: job.audio.blob });
        };
        let now = self.now();
        let row: JobRow = db::query_as(sql::CANCEL)
            .bind(id.to_string())
            .bind(cancelled.name())
            .bind(now.0)
            .bind(job.status.name())
            .fetch_one(&mut change)
            .await?;
        let event = append_to_job(&mut change, now, id, JobEvent::Cancelled).await?;
        outbox::write_job_messages(&mut change, now, id, cancelled).await?;
        search::index(&mut change, id).await?;
        self.commit(change, "cancel").await?;
        Ok(Cancelled::Now { job: Box::new(row.try_into()?), events: vec![event] })
    }

    pub(super) async fn remove_older(&self, keep: Duration, limit: u32) -> Result<Vec<BlobKey>, Fault> {
        let mut change = self.change(Lock::Removals).await?;
        let before = self.now().before(keep);
        let old: Vec<(String, String)> = db::query_as(sql::ENDED_BEFORE)
            .bind(before.0)
            .bind(i64::from(limit))
            .fetch_all(&mut change)
            .await?;
        let mut ids = old.iter().map(|(id, _)| rows::job_id(id)).collect::<Result<Vec<_>, _>>()?;
        ids.sort();
        for id in ids {
            Lock::Job(id).take(&mut change).await?;
            remove(&mut change, id).await?;
        }
        self.commit(change, "retention").await?;
        Ok(old.into_iter().map(|(_, blob)| BlobKey(blob)).collect())
    }

    pub(super) async fn requeue_all_running(&self) -> Result<Vec<Recorded>, Fault> {
        let mut change = self.change(Lock::Abandoned).await?;
        let running = match self.own_id() {
            None => db::query_as(sql::RUNNING_JOBS),
            Some(service) => db::query_as(sql::RUNNING_JOBS_OF).bind(service),
        };
        let running = running.fetch_all(&mut change).await?;
        let events = requeue(&mut change, self.now(), Timestamp(i64::MAX), running).await?;
        self.commit(change, "recover").await?;
        Ok(events)
    }

    pub(super) async fn renew_leases(&self, held: &[Fence]) -> Result<Vec<Recorded>, Fault> {
        // Two changes: each waits only for rows of its own kind, so services do not wait for each other in a circle.
        let mut change = self.change(Lock::Own).await?;
        let now = self.now();
        let mut held = held.to_vec();
        held.sort_by_key(|fence| fence.id);
        for Fence { id, epoch } in held {
            let renewed = db::query(sql::RENEW).bind(id.to_string()).bind(epoch).bind(new_lease(now));
            renewed.execute(&mut change).await?;
        }
        self.commit(change, "renew").await?;
        let mut change = self.change(Lock::Abandoned).await?;
        // Every worker of one process renews its own; it may be late with that, but is not gone.
        let abandoned = match &self.link {
            Link::Workers(peer) => db::query_as(sql::ABANDONED_OF).bind(now.0).bind(peer.id()),
            Link::Alone | Link::Services(_) => db::query_as(sql::ABANDONED).bind(now.0),
        };
        let abandoned = abandoned.fetch_all(&mut change).await?;
        if abandoned.is_empty() {
            return Ok(vec![]);
        }
        let events = requeue(&mut change, now, now, abandoned).await?;
        self.commit(change, "abandoned").await?;
        Ok(events)
    }
}

fn new_lease(now: Timestamp) -> i64 {
    now.0.saturating_add(LEASE_SECS * 1000)
}

/// Puts running jobs back that no worker has; each with its state. Not those whose lease lasts beyond `leased_until` by now.
async fn requeue(
    change: &mut Transaction,
    now: Timestamp,
    leased_until: Timestamp,
    running: Vec<(String, String, i64)>,
) -> Result<Vec<Recorded>, Fault> {
    let mut events = Vec::with_capacity(running.len());
    for (id, state, epoch) in running {
        let queued = rows::status(&state)?.after(JobInput::Requeued)?;
        let recover = db::query(sql::RECOVER)
            .bind(&id)
            .bind(queued.name())
            .bind(now.0)
            .bind(leased_until.0)
            .bind(epoch);
        if recover.execute(&mut *change).await? == 0 {
            continue;
        }
        let requeued = JobEvent::Requeued { reason: RequeueReason::Restart };
        events.push(append_to_job(change, now, rows::job_id(&id)?, requeued).await?);
    }
    Ok(events)
}

/// The job that was sent under that key, and the fingerprint of the request.
async fn sent_under(
    change: &mut Transaction,
    now: Timestamp,
    owner: &str,
    key: &str,
) -> Result<Option<(String, String)>, Fault> {
    let since = now.0 - KEPT_ONCE_SECS * 1000;
    let sent = db::query_as(sql::SENT_UNDER).bind(owner).bind(key).bind(since);
    Ok(sent.fetch_optional(change).await?)
}

/// The same of a job that is under way, or was completed after a moment.
async fn useful_under(
    change: &mut Transaction,
    owner: &str,
    key: &str,
    completed_after: Timestamp,
) -> Result<Option<(String, String)>, Fault> {
    let useful = db::query_as(sql::USEFUL_UNDER).bind(owner).bind(key).bind(completed_after.0);
    Ok(useful.fetch_optional(change).await?)
}

async fn claim(change: &mut Transaction, row: ClaimRow) -> Result<Claim, Fault> {
    let job = Job::try_from(row.job)?;
    let fence = Fence { id: job.id, epoch: row.epoch };
    let exits = EngineExits { crashes: small(row.crash_streak), kills: small(row.kill_streak) };
    // One that was not begun before has none.
    let plan = if job.attempts > 1 { stored_plan(change, job.id).await? } else { None };
    let Some(plan) = plan else {
        return Ok(Claim { job, fence, plan: None, chunks_done: 0, segments_done: 0, exits });
    };
    let segments: i64 =
        db::query_scalar(sql::COUNT_SEGMENTS).bind(job.id.to_string()).fetch_one(change).await?;
    let (chunks_done, segments_done) = (small(row.next_chunk), small(segments));
    Ok(Claim { job, fence, plan: Some(plan), chunks_done, segments_done, exits })
}

async fn remove(change: &mut Transaction, id: JobId) -> Result<(), Fault> {
    let key = id.to_string();
    search::remove(change, id).await?;
    db::query(sql::DELETE_SEGMENTS).bind(&key).execute(&mut *change).await?;
    db::query(sql::DELETE_PLAN).bind(&key).execute(&mut *change).await?;
    db::query(sql::DELETE_EVENTS).bind(name(Stream::Job(id))).execute(&mut *change).await?;
    db::query(sql::DELETE_JOB).bind(&key).execute(&mut *change).await?;
    Ok(())
}
