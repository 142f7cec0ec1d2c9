//! What goes wrong inside the store, before it is converted to the port's errors.

use actors::domain::jobs::job::Impossible;
use actors::ports::StoreError;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;
use thiserror::Error;

use crate::failpoint::Injected;

#[derive(Debug, Error)]
pub(super) enum Fault {
    #[error("the job is no longer this worker's")]
    LeaseLost,
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error("{what} cannot be written as JSON: {source}")]
    Unwritable { what: &'static str, source: serde_json::Error },
    #[error("{what} in the database cannot be read: {detail}")]
    Unreadable { what: &'static str, detail: String },
    #[error(transparent)]
    Injected(#[from] Injected),
    #[error("chunk {given} was finished, but chunk {expected} is next")]
    OutOfOrder { given: u32, expected: i64 },
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::LeaseLost => StoreError::LeaseLost,
            Fault::Sql(error) if is_disk_full(&error) => StoreError::DiskFull,
            Fault::Sql(error) if is_unreachable(&error) => StoreError::Unreachable(error.to_string()),
            Fault::Sql(sqlx::Error::PoolClosed) => StoreError::Failed("it is closed".into()),
            Fault::Sql(_)
            | Fault::Unwritable { .. }
            | Fault::Unreadable { .. }
            | Fault::Injected(_)
            | Fault::OutOfOrder { .. } => StoreError::Failed(fault.to_string()),
        }
    }
}

/// A job that is not running has no worker, whatever it was meant to do.
impl From<Impossible> for Fault {
    fn from(_: Impossible) -> Self {
        Fault::LeaseLost
    }
}

/// SQLite's extended result code, when the error has one (<https://sqlite.org/rescode.html>).
pub(super) fn sqlite_code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.try_downcast_ref::<SqliteError>()?.code()?.parse().ok()
}

/// PostgreSQL's SQLSTATE, when the error has one (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).
fn sqlstate(error: &sqlx::Error) -> Option<&str> {
    Some(error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?.code())
}

/// `SQLITE_FULL` and, when the file shared by the connections cannot grow, `SQLITE_IOERR_SHMSIZE`; `disk_full`.
pub(super) fn is_disk_full(error: &sqlx::Error) -> bool {
    const FULL: u32 = 13;
    const IOERR_SHMSIZE: u32 = 10 | 19 << 8;
    matches!(sqlite_code(error), Some(FULL | IOERR_SHMSIZE)) || sqlstate(error) == Some("53100")
}

/// The connection to PostgreSQL is lost, or none is to be had: the classes of failed connections, of missing resources and
/// of a server that stops, starts or has crashed.
fn is_unreachable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::BeginFailed => {
            true
        }
        error => sqlstate(error).is_some_and(|state| {
            ["08", "53", "57P"].iter().any(|class| state.starts_with(class)) || state == "25006"
        }),
    }
}
