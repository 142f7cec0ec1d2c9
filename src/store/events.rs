//! The log of events, a numbering of its own for each stream.

use actors::domain::event::{Event, JobEvent, OfModel, Recorded, Stream};
use actors::domain::jobs::job::JobId;
use actors::domain::time::Timestamp;
use actors::ports::{EventLog, StoreError};
use async_trait::async_trait;

use super::db::{self, Transaction};
use super::fault::Fault;
use super::locks::Lock;
use super::rows::{from_json, integer, name, natural, to_json};
use super::sql;
use super::sql_store::SqlStore;
use super::webhooks::outbox;

#[async_trait]
impl EventLog for SqlStore {
    async fn append_model_event(&self, event: OfModel) -> Result<Recorded, StoreError> {
        Ok(self.append_with_messages(event).await?)
    }

    async fn events_after(
        &self,
        stream: Stream,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        Ok(self.read_after(stream, after, limit).await?)
    }

    async fn last_seq(&self, stream: Stream) -> Result<u64, StoreError> {
        let last: i64 = db::query_scalar(sql::LAST_SEQ)
            .bind(name(stream))
            .fetch_one(&self.readers)
            .await
            .map_err(Fault::from)?;
        Ok(natural(last))
    }
}

impl SqlStore {
    async fn append_with_messages(&self, event: OfModel) -> Result<Recorded, Fault> {
        let mut change = self.change(Lock::ModelEvents).await?;
        let now = self.now();
        outbox::write_model_messages(&mut change, now, &event).await?;
        let recorded = append(&mut change, now, Event::Model(event)).await?;
        self.commit(change, "model_event").await?;
        Ok(recorded)
    }

    async fn read_after(&self, stream: Stream, after: u64, limit: u32) -> Result<Vec<Recorded>, Fault> {
        let rows: Vec<(i64, i64, String)> = db::query_as(sql::EVENTS_AFTER)
            .bind(name(stream))
            .bind(integer(after))
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter()
            .map(|(seq, at, body)| {
                let event = match stream {
                    Stream::Job(id) => Event::Job(id, from_json("a job's event", &body)?),
                    Stream::Model => Event::Model(from_json("an event of the model", &body)?),
                };
                Ok(Recorded { seq: natural(seq), at: Timestamp(at), event })
            })
            .collect()
    }
}

/// Adds an event at the end of its stream, inside a change.
pub(super) async fn append(change: &mut Transaction, at: Timestamp, event: Event) -> Result<Recorded, Fault> {
    let (stream, kind, body) = match &event {
        Event::Job(id, event) => (Stream::Job(*id), event.name(), to_json("a job's event", event)?),
        Event::Model(event) => (Stream::Model, event.event.name(), to_json("an event of the model", event)?),
    };
    let seq: i64 = db::query_scalar(sql::APPEND_EVENT)
        .bind(name(stream))
        .bind(kind)
        .bind(body)
        .bind(at.0)
        .fetch_one(change)
        .await?;
    Ok(Recorded { seq: natural(seq), at, event })
}

/// [`append`] for an event of a job.
pub(super) async fn append_to_job(
    change: &mut Transaction,
    at: Timestamp,
    id: JobId,
    event: JobEvent,
) -> Result<Recorded, Fault> {
    append(change, at, Event::Job(id, event)).await
}
