//! Messages as their subscriber may see them, with what came of each try.

use std::time::Duration;

use actors::domain::time::Timestamp;
use actors::ports::{Attempt, DeliveryQuery, Sent, SentState};
use sqlx::SqliteConnection;

use super::fault::Fault;
use super::outbox::{message_id, state_name};
use super::rows::{natural, unreadable};
use super::sql;
use super::sqlite::SqliteStore;

#[derive(sqlx::FromRow)]
pub(super) struct SentRow {
    id: String,
    kind: String,
    created_at: i64,
    state: String,
    next_at: i64,
}

type AttemptRow = (i64, Option<i64>, i64, Option<String>);

impl SentRow {
    pub(super) async fn with_attempts(self, change: &mut SqliteConnection) -> Result<Sent, Fault> {
        let rows: Vec<AttemptRow> = sqlx::query_as(sql::ATTEMPTS).bind(&self.id).fetch_all(change).await?;
        let state = state(&self.state)?;
        Ok(Sent {
            id: message_id(&self.id)?,
            kind: self.kind,
            created_at: Timestamp(self.created_at),
            state,
            attempts: rows.into_iter().map(attempt).collect(),
            next_try_at: (state == SentState::Pending).then_some(Timestamp(self.next_at)),
        })
    }
}

impl SqliteStore {
    pub(super) async fn read_deliveries(&self, query: DeliveryQuery) -> Result<Vec<Sent>, Fault> {
        // Sorts after every id.
        let before = query.before.map_or_else(|| "~".to_owned(), |id| id.to_string());
        // One transaction: the tries are those of the messages as they are read.
        let mut reading = self.readers.begin().await?;
        let rows: Vec<SentRow> = sqlx::query_as(sql::DELIVERIES)
            .bind(query.subscriber.to_string())
            .bind(before)
            .bind(i64::from(query.limit))
            .fetch_all(&mut *reading)
            .await?;
        let mut page = Vec::with_capacity(rows.len());
        for row in rows {
            page.push(row.with_attempts(&mut reading).await?);
        }
        Ok(page)
    }
}

fn state(name: &str) -> Result<SentState, Fault> {
    [SentState::Pending, SentState::Delivered, SentState::Failed]
        .into_iter()
        .find(|state| state_name(*state) == name)
        .ok_or_else(|| unreadable("a message's state", name))
}

fn attempt((at, status, ms, error): AttemptRow) -> (Timestamp, Attempt) {
    let status = status.and_then(|status| u16::try_from(status).ok());
    (Timestamp(at), Attempt { status, took: Duration::from_millis(natural(ms)), error })
}
