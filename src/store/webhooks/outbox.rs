//! Messages to receivers of webhooks: written in the transaction of the event, sent by the
//! delivery loop, and kept with the result of each attempt.

use std::time::Duration;

use actors::domain::event::OfModel;
use actors::domain::jobs::job::{JobId, Status};
use actors::domain::time::{Timestamp, millis};
use actors::domain::webhook::retry::Failures;
use actors::domain::webhook::{Message, MessageId, SigningKey, host_of};
use actors::ports::{
    Attempt, Backlog, Between, DeliveryQuery, KEPT, Outbox, Outgoing, Sent, SentState, StoreError,
    SubscriberState, TRIES_KEPT, Verdict,
};
use async_trait::async_trait;
use uuid::Uuid;

use super::sent_rows::{SentRow, message_id, state_name};
use super::subscribers::{key, state};
use crate::store::db::{self, Transaction};
use crate::store::fault::Fault;
use crate::store::locks::Lock;
use crate::store::rows::{natural, small, trace_parent};
use crate::store::sql;
use crate::store::sql_store::SqlStore;

/// Writes, inside a change, the message about the model to every active subscriber.
pub(in crate::store) async fn write_model_messages(
    change: &mut Transaction,
    now: Timestamp,
    event: &OfModel,
) -> Result<(), Fault> {
    let Some(message) = Message::of_model(event, now) else { return Ok(()) };
    let all: Vec<(String, String)> = db::query_as(sql::ACTIVE_SUBSCRIBERS).fetch_all(&mut *change).await?;
    for (id, url) in all {
        send(&mut *change, &message, Some(&id), &url, None).await?;
    }
    Ok(())
}

/// A job's URL and trace, and the subscriber of that URL with its state.
type OwnWebhook = (String, Option<String>, Option<String>, Option<String>);

/// Writes, inside the change that ended a job, the message to its own URL.
pub(in crate::store) async fn write_job_messages(
    change: &mut Transaction,
    now: Timestamp,
    id: JobId,
    status: Status,
) -> Result<(), Fault> {
    let Some(message) = Message::of_job(id, status, now) else { return Ok(()) };
    let own: Option<OwnWebhook> =
        db::query_as(sql::OWN_WEBHOOK).bind(id.to_string()).fetch_optional(&mut *change).await?;
    let Some((url, traceparent, subscriber, its_state)) = own else { return Ok(()) };
    match its_state.as_deref().map(state).transpose()? {
        Some(SubscriberState::Off) => Ok(()),
        Some(SubscriberState::Active) | None => {
            send(change, &message, subscriber.as_deref(), &url, traceparent).await.map(drop)
        }
    }
}

async fn send(
    change: &mut Transaction,
    message: &Message,
    subscriber: Option<&str>,
    url: &str,
    traceparent: Option<String>,
) -> Result<SentRow, Fault> {
    Ok(db::query_as(sql::SEND)
        .bind(MessageId::new().to_string())
        .bind(subscriber)
        .bind(url)
        .bind(host_of(url))
        .bind(message.kind)
        .bind(message.body())
        .bind(message.at.0)
        .bind(traceparent)
        .fetch_one(change)
        .await?)
}

#[derive(sqlx::FromRow)]
struct DueRow {
    id: String,
    url: String,
    body: String,
    scheduled: i64,
    asked: i64,
    since: i64,
    traceparent: Option<String>,
    secret: Option<String>,
    prev_secret: Option<String>,
    prev_until: Option<i64>,
    first_fail_at: Option<i64>,
}

impl DueRow {
    fn outgoing(self, now: Timestamp) -> Result<Outgoing, Fault> {
        let old = self.prev_until.is_some_and(|until| now.0 < until).then(|| key(self.prev_secret));
        let keys: Vec<SigningKey> = [key(self.secret)].into_iter().chain(old).collect();
        Ok(Outgoing {
            id: message_id(&self.id)?,
            url: self.url,
            body: self.body,
            keys,
            traceparent: self.traceparent.and_then(trace_parent),
            failures: Failures { scheduled: small(self.scheduled), asked: small(self.asked) },
            trying: now.since(Timestamp(self.since)),
            failing: self.first_fail_at.map(|since| now.since(Timestamp(since))),
        })
    }
}

#[async_trait]
impl Outbox for SqlStore {
    async fn is_sender(&self) -> Result<bool, StoreError> {
        Ok(self.take_sending().await?)
    }

    async fn hosts(&self) -> Result<Vec<(String, Duration)>, StoreError> {
        let rows: Vec<(String, i64)> =
            db::query_as(sql::HOSTS).fetch_all(&self.readers).await.map_err(Fault::from)?;
        let now = self.now();
        Ok(rows.into_iter().map(|(host, next_at)| (host, Timestamp(next_at).since(now))).collect())
    }

    async fn due(&self, host: &str, limit: u32) -> Result<Vec<Outgoing>, StoreError> {
        Ok(self.read_due(host, limit).await?)
    }

    async fn record(&self, id: MessageId, attempt: Attempt, verdict: Verdict) -> Result<(), StoreError> {
        Ok(self.keep_attempt(id, attempt, verdict).await?)
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Sent>, StoreError> {
        Ok(self.read_deliveries(query).await?)
    }

    async fn redeliver(&self, subscriber: Uuid, id: MessageId) -> Result<Option<Sent>, StoreError> {
        Ok(self.make_due(subscriber, id).await?)
    }

    async fn redeliver_all(&self, subscriber: Uuid, span: Between) -> Result<u64, StoreError> {
        Ok(self.make_all_due(subscriber, span).await?)
    }

    async fn send_test(&self, subscriber: Uuid) -> Result<Option<Sent>, StoreError> {
        Ok(self.write_test(subscriber).await?)
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let (messages, oldest): (i64, Option<i64>) =
            db::query_as(sql::BACKLOG).fetch_one(&self.readers).await.map_err(Fault::from)?;
        let age = oldest.map_or(Duration::ZERO, |since| self.now().since(Timestamp(since)));
        Ok(Backlog { messages: natural(messages), oldest: age })
    }

    async fn forget_old(&self) -> Result<u64, StoreError> {
        Ok(self.forget_before(self.now().before(KEPT)).await?)
    }
}

impl SqlStore {
    async fn read_due(&self, host: &str, limit: u32) -> Result<Vec<Outgoing>, Fault> {
        let now = self.now();
        let rows: Vec<DueRow> = db::query_as(sql::DUE)
            .bind(host)
            .bind(now.0)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter().map(|row| row.outgoing(now)).collect()
    }

    async fn keep_attempt(&self, id: MessageId, attempt: Attempt, verdict: Verdict) -> Result<(), Fault> {
        let mut change = self.change(Lock::Webhooks).await?;
        let (now, key) = (self.now(), id.to_string());
        let found: Option<(Option<String>,)> =
            db::query_as(sql::ADDRESSEE).bind(&key).fetch_optional(&mut change).await?;
        let Some((subscriber,)) = found else { return Ok(()) };
        db::query(sql::KEEP_ATTEMPT)
            .bind(&key)
            .bind(now.before(attempt.took).0)
            .bind(attempt.status.map(i64::from))
            .bind(millis(attempt.took))
            .bind(attempt.error)
            .execute(&mut change)
            .await?;
        db::query(sql::FORGET_ATTEMPTS).bind(&key).bind(i64::from(TRIES_KEPT)).execute(&mut change).await?;
        close_or_put_off(&mut change, now, &key, verdict).await?;
        if let Some(subscriber) = subscriber {
            judge_subscriber(&mut change, now, &subscriber, verdict).await?;
        }
        self.commit(change, "keep_attempt").await?;
        Ok(())
    }

    async fn make_due(&self, subscriber: Uuid, id: MessageId) -> Result<Option<Sent>, Fault> {
        let mut change = self.change(Lock::Webhooks).await?;
        let row: Option<SentRow> = db::query_as(sql::REDELIVER)
            .bind(subscriber.to_string())
            .bind(id.to_string())
            .bind(self.now().0)
            .fetch_optional(&mut change)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let sent = row.with_attempts(&mut change).await?;
        self.commit(change, "make_due").await?;
        Ok(Some(sent))
    }

    async fn make_all_due(&self, subscriber: Uuid, span: Between) -> Result<u64, Fault> {
        let mut change = self.change(Lock::Webhooks).await?;
        let updated = db::query(sql::REDELIVER_ALL)
            .bind(subscriber.to_string())
            .bind(self.now().0)
            .bind(span.since.0)
            .bind(span.until.0)
            .execute(&mut change)
            .await?;
        self.commit(change, "make_all_due").await?;
        Ok(updated)
    }

    async fn write_test(&self, subscriber: Uuid) -> Result<Option<Sent>, Fault> {
        let mut change = self.change(Lock::Webhooks).await?;
        let key = subscriber.to_string();
        let url: Option<String> =
            db::query_scalar(sql::SUBSCRIBER_URL).bind(&key).fetch_optional(&mut change).await?;
        let Some(url) = url else { return Ok(None) };
        let message = Message::test(subscriber, self.now());
        let sent =
            send(&mut change, &message, Some(&key), &url, None).await?.with_attempts(&mut change).await?;
        self.commit(change, "write_test").await?;
        Ok(Some(sent))
    }

    async fn forget_before(&self, oldest: Timestamp) -> Result<u64, Fault> {
        let mut change = self.change(Lock::Webhooks).await?;
        let removed = db::query(sql::FORGET_MESSAGES).bind(oldest.0).execute(&mut change).await?;
        self.commit(change, "forget_before").await?;
        Ok(removed)
    }
}

async fn close_or_put_off(
    change: &mut Transaction,
    now: Timestamp,
    key: &str,
    verdict: Verdict,
) -> Result<(), Fault> {
    let end = |state: SentState| db::query(sql::END_MESSAGE).bind(key).bind(state_name(state));
    let update = match verdict {
        Verdict::Delivered => end(SentState::Delivered),
        Verdict::GivenUp | Verdict::SwitchOff | Verdict::Gone => end(SentState::Failed),
        Verdict::Again { failures, pause } => db::query(sql::AGAIN)
            .bind(key)
            .bind(i64::from(failures.scheduled))
            .bind(i64::from(failures.asked))
            .bind(now.after(pause).0),
    };
    update.execute(change).await?;
    Ok(())
}

async fn judge_subscriber(
    change: &mut Transaction,
    now: Timestamp,
    key: &str,
    verdict: Verdict,
) -> Result<(), Fault> {
    let update = match verdict {
        Verdict::Delivered => db::query(sql::RECOVERED).bind(key),
        Verdict::Again { .. } | Verdict::GivenUp => db::query(sql::TROUBLED).bind(key).bind(now.0),
        Verdict::SwitchOff => {
            db::query(sql::GIVE_UP_PENDING).bind(key).execute(&mut *change).await?;
            db::query(sql::SWITCH_OFF).bind(key).bind(now.0)
        }
        Verdict::Gone => db::query(sql::UNSUBSCRIBE).bind(key),
    };
    update.execute(change).await?;
    Ok(())
}
