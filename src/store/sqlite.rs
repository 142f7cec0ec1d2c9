//! The handle on the database.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use actors::domain::time::Timestamp;
use actors::ports::StoreError;
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::fault::Fault;
use super::sql;
use crate::failpoint;

/// The wall-clock time that is stored with every change.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's own clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    })
}

/// Jobs, events and subscribers in one SQLite database, which no other process has open.
///
/// All changes go through one connection, one transaction each; reads have connections of their own
/// and never wait for a change.
pub struct SqliteStore {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
    pub(super) clock: Clock,
    /// Held locked as long as the store is open.
    pub(super) lock: File,
    pub(super) database: PathBuf,
}

impl SqliteStore {
    /// Waits for what is under way, puts everything into the one database file and releases the
    /// folder. What is asked of the store afterwards fails.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "cannot release the lock on the storage folder");
        }
    }

    /// The blobs that some job still needs.
    pub async fn blob_keys(&self) -> Result<HashSet<String>, StoreError> {
        let keys: Vec<String> =
            sqlx::query_scalar(sql::BLOB_KEYS).fetch_all(&self.readers).await.map_err(Fault::from)?;
        Ok(keys.into_iter().collect())
    }

    /// Starts a change. Dropped without a commit it leaves no trace.
    pub(super) async fn change(&self) -> Result<Transaction<'static, Sqlite>, Fault> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Makes a change last; `what` it is, is for tests that let it fail.
    pub(super) async fn commit(&self, change: Transaction<'static, Sqlite>, what: &str) -> Result<(), Fault> {
        failpoint::hit(what, "before")?;
        change.commit().await?;
        failpoint::hit(what, "after")?;
        Ok(())
    }

    /// The database with what is to be put into it.
    pub(super) fn files(&self) -> [PathBuf; 2] {
        let log = self.database.with_extension("db-wal");
        [self.database.clone(), log]
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}
