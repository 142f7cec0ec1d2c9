//! Copying the database of a stopped service from SQLite to PostgreSQL: all of it, compared, or nothing.

use std::fmt::Display;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, SqliteConnection};
use thiserror::Error;

use super::tables::{Rows, Table, tables};
use crate::store::directory;
use crate::store::layout::{DATABASE, DATABASE_ID, MIGRATED};
use crate::store::open::{StoreOpenError, is_store, settings};
use crate::store::postgres::{Database, keep_database_id, open_database};
use crate::store::sql_store::SqlStore;

/// Another session may hold a table of the target for so long, and reading of a batch may take as long as it does.
const LIMITS: [&str; 2] =
    ["SET LOCAL lock_timeout = '10s'", "SET LOCAL idle_in_transaction_session_timeout = 0"];

/// What both databases have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The target, without its password.
    pub server: String,
    pub tables: Vec<MigratedTable>,
    /// SQLite's database, under its new name.
    pub kept: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigratedTable {
    pub name: String,
    pub rows: u64,
    /// Of all rows in the order of the primary key, as hexadecimal text.
    pub sha256: String,
}

/// Why nothing was migrated, except with [`MigrateError::Unmarked`]. The texts never have the password.
#[derive(Debug, Error)]
pub enum MigrateError {
    #[error("there is no database in {}: name the folder of a service with --from or [storage] dir", dir.display())]
    NoDatabase { dir: PathBuf },
    #[error("{} is there already, from an earlier migration: move it away", path.display())]
    MigratedBefore { path: PathBuf },
    #[error(transparent)]
    Storage(#[from] StoreOpenError),
    #[error("{} is damaged ({detail}): restore a backup first; nothing was migrated", path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error(
        "the database {server} is in use by a running service: stop that one, or migrate to a new database"
    )]
    InUse { server: String },
    #[error(
        "the database {server} is not empty: it has rows in {table}; create a new one and migrate to that"
    )]
    NotEmpty { server: String, table: String },
    /// Where the commit failed it may have come about.
    #[error("cannot write to the database {server}: {detail}; {} is as it was", dir.display())]
    Target { server: String, detail: String, dir: PathBuf },
    #[error("{table} differs in the database {server} after copying; nothing was migrated")]
    Differs { server: String, table: String },
    #[error(
        "all data are in the database {server}, but {} cannot be changed to belong to it: {detail}; write {id} into its file \
         {DATABASE_ID}, and rename {DATABASE} to {MIGRATED}",
        dir.display()
    )]
    Unmarked { dir: PathBuf, server: String, id: String, detail: String },
}

/// Copies every table of the SQLite database in `dir`, which no service may have open, into the empty PostgreSQL database that
/// `url` names. It is one transaction there, which is committed if the rows that were read back have the same SHA-256. The
/// folder belongs to that database then, with its recordings; SQLite's database stays in it as `verbatim.db.migrated`.
///
/// The search index is left out: a service makes it when it starts. PostgreSQL's text cannot have a NUL; U+FFFD takes its place.
///
/// # Blocking
/// For as long as copying takes.
pub async fn migrate(dir: &Path, url: &str) -> Result<Migrated, MigrateError> {
    let kept = dir.join(MIGRATED);
    if kept.exists() {
        return Err(MigrateError::MigratedBefore { path: kept });
    }
    if !is_store(dir) {
        return Err(MigrateError::NoDatabase { dir: dir.to_owned() });
    }
    // Has the folder's lock until the end.
    let source = SqlStore::open(dir).await?;
    let copied = copy(dir, url).await;
    // Puts all into the one file.
    source.readers.close().await;
    source.writer.close().await;
    let Copied { server, id, tables } = copied?;
    match hand_over(dir, &id) {
        Ok(()) => Ok(Migrated { server, tables, kept }),
        Err(error) => {
            Err(MigrateError::Unmarked { dir: dir.to_owned(), server, id, detail: error.to_string() })
        }
    }
}

struct Copied {
    server: String,
    id: String,
    tables: Vec<MigratedTable>,
}

async fn copy(dir: &Path, url: &str) -> Result<Copied, MigrateError> {
    let Database { pool, id, server } = open_database(url).await?;
    let copy = Copy { dir, server: &server };
    let reader = settings(&dir.join(DATABASE)).read_only(true).disable_statement_logging();
    let mut source = reader.connect().await.map_err(|error| copy.damaged(&error))?;
    let copied = copy.whole(&mut source, &pool).await;
    // It has read only.
    source.close().await.ok();
    // A change that was not committed has ended then.
    pool.close().await;
    Ok(Copied { tables: copied?, id, server })
}

/// What error messages name.
struct Copy<'a> {
    dir: &'a Path,
    server: &'a str,
}

impl Copy<'_> {
    async fn whole(
        &self,
        source: &mut SqliteConnection,
        target: &PgPool,
    ) -> Result<Vec<MigratedTable>, MigrateError> {
        let mut snapshot = source.begin().await.map_err(|error| self.damaged(&error))?;
        let checked: String = sqlx::query_scalar("PRAGMA integrity_check")
            .fetch_one(&mut *snapshot)
            .await
            .map_err(|error| self.damaged(&error))?;
        if checked != "ok" {
            return Err(self.damaged(&checked));
        }
        let tables = tables(&mut snapshot).await.map_err(|error| self.damaged(&error))?;
        let mut change = target.begin().await.map_err(|error| self.of_target(&error))?;
        self.require_empty(&tables, &mut change).await?;
        let mut copied = vec![];
        for table in tables {
            copied.push(self.one(&table, &mut snapshot, &mut change).await?);
        }
        change.commit().await.map_err(|error| self.of_target(&error))?;
        Ok(copied)
    }

    /// No other session changes the tables from then on.
    async fn require_empty(&self, tables: &[Table], target: &mut PgConnection) -> Result<(), MigrateError> {
        let names: Vec<String> = tables.iter().map(Table::quoted).collect();
        let lock = format!("LOCK TABLE {} IN EXCLUSIVE MODE", names.join(", "));
        for statement in LIMITS.map(str::to_owned).into_iter().chain([lock]) {
            let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut *target).await;
            done.map_err(|error| self.of_target(&error))?;
        }
        for table in tables {
            let any = AssertSqlSafe(format!("SELECT EXISTS (SELECT FROM {})", table.quoted()));
            let is_used: bool = sqlx::query_scalar(any)
                .fetch_one(&mut *target)
                .await
                .map_err(|error| self.of_target(&error))?;
            if is_used {
                let (server, table) = (self.server.to_owned(), table.name.clone());
                return Err(MigrateError::NotEmpty { server, table });
            }
        }
        Ok(())
    }

    async fn one(
        &self,
        table: &Table,
        source: &mut SqliteConnection,
        target: &mut PgConnection,
    ) -> Result<MigratedTable, MigrateError> {
        let of_target = |error: sqlx::Error| self.of_target(&error);
        let (mut read, mut written) = (Rows::of(table), Rows::of(table));
        let mut rows = sqlx::query(table.select()).fetch(source);
        while let Some(row) = rows.try_next().await.map_err(|error| self.damaged(&error))? {
            let name = &table.name;
            read.add(&row).map_err(|error| self.damaged(&format!("{name}: {error}")))?;
            if read.is_full() {
                read.insert_latest(target).await.map_err(of_target)?;
            }
        }
        read.insert_latest(target).await.map_err(of_target)?;
        let mut rows = sqlx::query(table.select()).fetch(target);
        while let Some(row) = rows.try_next().await.map_err(of_target)? {
            written.add(&row).map_err(of_target)?;
            written.forget_latest();
        }
        let (rows, sha256) = read.finish();
        if written.finish() != (rows, sha256.clone()) {
            return Err(MigrateError::Differs { server: self.server.to_owned(), table: table.name.clone() });
        }
        Ok(MigratedTable { name: table.name.clone(), rows, sha256 })
    }

    fn damaged(&self, detail: &dyn Display) -> MigrateError {
        MigrateError::Damaged { path: self.dir.join(DATABASE), detail: detail.to_string() }
    }

    fn of_target(&self, error: &sqlx::Error) -> MigrateError {
        let (server, dir) = (self.server.to_owned(), self.dir.to_owned());
        MigrateError::Target { server, detail: error.to_string(), dir }
    }
}

/// Makes the folder the database's: from then on a service with SQLite does not take its recordings for those of no job.
fn hand_over(dir: &Path, id: &str) -> io::Result<()> {
    keep_database_id(dir, id)?;
    // What its write-ahead log holds is in it, but for one that could not be put into it.
    for part in ["-wal", "-shm", ""] {
        match fs::rename(dir.join(format!("{DATABASE}{part}")), dir.join(format!("{MIGRATED}{part}"))) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => done?,
        }
    }
    directory::sync_folder(dir)
}
