//! The handle on the database.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use actors::domain::time::Timestamp;
use actors::ports::StoreError;
use tokio::sync::watch;

use super::db::{self, Pool, Transaction};
use super::fault::Fault;
use super::locks::Lock;
use super::peers::{InProcessPeer, Link};
use super::rows::natural;
use super::sql;
use super::time::StoreClock;
use crate::failpoint;

/// Which service has the database of PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    This,
    Other,
}

/// PostgreSQL's own.
const DATABASE_BYTES: &str = "SELECT pg_database_size(current_database())";

/// Jobs, events and subscribers in one database: SQLite's, which no other service has open, or PostgreSQL's, which several may
/// have open.
///
/// Every change is one transaction; reads have connections of their own and never wait for a change.
pub struct SqlStore {
    pub(super) writer: Pool,
    pub(super) readers: Pool,
    pub(super) clock: StoreClock,
    /// Held locked as long as the store is open.
    pub(super) lock: Arc<File>,
    /// SQLite's file; PostgreSQL has none here.
    pub(super) database: Option<PathBuf>,
    /// Which service has the database, where it is PostgreSQL's.
    pub(super) held_by: Option<watch::Receiver<Service>>,
    pub(super) link: Link,
}

impl SqlStore {
    /// Splits the store: one handle takes jobs in, and one for each worker claims them under its id. The first one is closed at the
    /// end. Not for a database that other services have.
    pub fn for_workers<'a>(self, ids: impl IntoIterator<Item = &'a str>) -> (Self, Vec<Self>) {
        let front = InProcessPeer::front();
        let of_worker = |id| Self {
            writer: self.writer.clone(),
            readers: self.readers.clone(),
            clock: self.clock.clone(),
            lock: self.lock.clone(),
            database: self.database.clone(),
            held_by: self.held_by.clone(),
            link: Link::Workers(front.add_worker(id)),
        };
        let workers = ids.into_iter().map(of_worker).collect();
        (Self { link: Link::Workers(front), ..self }, workers)
    }

    /// Waits for what is under way, puts everything into the one database file of SQLite and releases the
    /// folder and the database. What is asked of the store afterwards fails.
    pub async fn close(&self) {
        if let Err(error) = self.leave().await {
            tracing::warn!(%error, "other services take over later");
        }
        self.readers.close().await;
        self.writer.close().await;
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "cannot release the lock on the storage folder");
        }
    }

    /// The blobs that some job still needs.
    pub async fn blob_keys(&self) -> Result<HashSet<String>, StoreError> {
        let keys: Vec<String> =
            db::query_scalar(sql::BLOB_KEYS).fetch_all(&self.readers).await.map_err(Fault::from)?;
        Ok(keys.into_iter().collect())
    }

    /// Returns once another service has the database, which happens where the connection to PostgreSQL was lost for a
    /// while. This one can change nothing from then on.
    pub async fn taken_over(&self) {
        let Some(mut held_by) = self.held_by.clone() else { return std::future::pending().await };
        if held_by.wait_for(|service| *service == Service::Other).await.is_err() {
            // The store is closed.
            std::future::pending().await
        }
    }

    /// Starts a change that has `lock` until its end. Dropped without a commit it leaves no trace.
    pub(super) async fn change(&self, lock: Lock) -> Result<Transaction, Fault> {
        let mut change = self.writer.begin_change().await?;
        if let Some(now) = lock.take(&mut change).await? {
            self.clock.set(now);
        }
        Ok(change)
    }

    /// Makes a change last; `what` it is, is for tests that let it fail.
    pub(super) async fn commit(&self, change: Transaction, what: &str) -> Result<(), Fault> {
        failpoint::hit(what, "before")?;
        change.commit().await?;
        failpoint::hit(what, "after")?;
        Ok(())
    }

    /// What the database takes on the disk.
    pub(super) async fn size(&self) -> Result<u64, Fault> {
        let Some(database) = &self.database else {
            return Ok(natural(db::query_scalar(DATABASE_BYTES).fetch_one(&self.readers).await?));
        };
        // With what is to be put into it.
        let files = [database.clone(), database.with_extension("db-wal")];
        Ok(files.iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").finish_non_exhaustive()
    }
}
