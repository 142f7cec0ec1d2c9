//! What a change has to itself until its end.
//!
//! SQLite makes one change at a time. In PostgreSQL several services make changes, each on the newest rows of the others; where
//! one judges by what it has read, no other may change that before it is done.

use actors::domain::jobs::job::JobId;
use actors::domain::time::Timestamp;

use super::db::{self, Transaction};

#[derive(Debug, Clone, Copy)]
pub(super) enum Lock {
    Job(JobId),
    /// How many jobs are in the queue at most, and which requests were sent before.
    Submissions,
    /// Which jobs no service works on any more.
    Abandoned,
    /// Nothing but what is the service's alone: its claims and their leases, its report.
    Own,
    /// The numbering of the model's events.
    ModelEvents,
    Webhooks,
    /// Which jobs and messages are too old.
    Removals,
    /// Which jobs are in the index of texts.
    Index,
}

/// "verb" in ASCII, in the upper half.
const FIRST_NUMBER: i64 = 0x7665_7262 << 32;

/// PostgreSQL's, as a [`Timestamp`].
macro_rules! clock {
    () => {
        "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT"
    };
}

/// The time is read after the wait for the lock. 1: job.
const LOCK_JOB: &str = concat!(
    clock!(),
    " FROM (SELECT 1) AS always LEFT JOIN (SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE) AS held ON true"
);

/// 1: one of the numbers below.
const LOCK: &str = concat!(clock!(), " FROM (SELECT pg_advisory_xact_lock($1) OFFSET 0) AS held");

pub(super) const CLOCK: &str = clock!();

impl Lock {
    /// Waits until no other change has the same lock, and gives the time by PostgreSQL's clock then; nothing with SQLite.
    pub(super) async fn take(self, change: &mut Transaction) -> Result<Option<Timestamp>, sqlx::Error> {
        if matches!(change, Transaction::Sqlite(_)) {
            return Ok(None);
        }
        let numbered = |number| db::query_scalar(LOCK).bind(FIRST_NUMBER + number);
        let locked = match self {
            Self::Job(id) => db::query_scalar(LOCK_JOB).bind(id.to_string()),
            Self::Own => db::query_scalar(CLOCK),
            Self::Submissions => numbered(1),
            Self::Abandoned => numbered(2),
            Self::ModelEvents => numbered(3),
            Self::Webhooks => numbered(4),
            Self::Removals => numbered(5),
            Self::Index => numbered(6),
        };
        Ok(Some(Timestamp(locked.fetch_one(change).await?)))
    }
}
