//! Rows of messages, each with its tries.

use std::time::Duration;

use actors::domain::time::Timestamp;
use actors::domain::webhook::MessageId;
use actors::ports::{Attempt, Sent, SentState};

use crate::store::db::{self, Transaction};
use crate::store::fault::Fault;
use crate::store::rows::{natural, unreadable};
use crate::store::sql;

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
    pub(super) async fn with_attempts(self, change: &mut Transaction) -> Result<Sent, Fault> {
        let rows: Vec<AttemptRow> = db::query_as(sql::ATTEMPTS).bind(&self.id).fetch_all(change).await?;
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

pub(super) fn message_id(text: &str) -> Result<MessageId, Fault> {
    text.parse().map_err(|e| unreadable("a message's id", e))
}

pub(super) fn state_name(state: SentState) -> &'static str {
    match state {
        SentState::Pending => "pending",
        SentState::Delivered => "delivered",
        SentState::Failed => "failed",
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
