//! Opening the store: folder, lock, connections, schema.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqlitePool};
use thiserror::Error;
use tracing::warn;

use super::db::Pool;
use super::directory::{self, create_durably};
use super::exchange::{self, Left, REPLACED};
use super::fault::{is_disk_full, sqlite_code};
use super::layout::{DATABASE, DATABASE_ID};
use super::peers::Link;
use super::search;
use super::sql;
use super::sql_store::SqlStore;
use super::time::{Clock, StoreClock, system_clock};

const LOCK: &str = "lock";
/// How long a folder that is in use is tried again.
const LOCK_WAIT_LIMIT: Duration = Duration::from_secs(3);
const LOCK_POLL: Duration = Duration::from_millis(20);

/// Reads are short, so two connections, a thread each, are enough.
const READERS: u32 = 2;

/// Why the store does not open. The message is for the operator.
#[derive(Debug, Error)]
pub enum StoreOpenError {
    #[error("{} is in use by another running service: stop that one or set another [storage] dir", dir.display())]
    InUse { dir: PathBuf },
    #[error(
        "cannot write to {}: {detail}; give the service's user the right to write there or set another [storage] dir",
        path.display()
    )]
    NotWritable { path: PathBuf, detail: String },
    #[error("no space left on the device for {}: free some or set another [storage] dir", path.display())]
    DiskFull { path: PathBuf },
    #[error(
        "{} is not an intact database ({detail}): put a backup in its place, or move it away to start with an empty one",
        path.display()
    )]
    Corrupt { path: PathBuf, detail: String },
    #[error(
        "the file system of {} cannot hold a database that several threads share: set [storage] dir to a folder on a local disk",
        path.display()
    )]
    NoSharedMemory { path: PathBuf },
    #[error(
        "a restore into {} was interrupted, and its data from before lies in {REPLACED} there, beside another database: \
         keep one, by moving verbatim.db and blobs from {REPLACED} over those in the folder or by removing {REPLACED}",
        dir.display()
    )]
    InterruptedRestore { dir: PathBuf },
    #[error("cannot open the database {}: {detail}", path.display())]
    Failed { path: PathBuf, detail: String },
    #[error(
        "the database {server} is in use by another running service: stop that one or set another [storage] url; services \
         share a database where [storage] blobs of each is the same place"
    )]
    DatabaseInUse { server: String },
    #[error(
        "cannot open the database {server}: {detail}; check [storage] url, and that PostgreSQL runs there"
    )]
    Unreachable { server: String, detail: String },
    #[error("cannot use the database {server}: {detail}")]
    Unusable { server: String, detail: String },
    #[error(
        "the recordings in {} belong to jobs of another database than {server}, and would be removed: set [storage] dir to \
         another folder, or [storage] url to the database that they belong to",
        dir.display()
    )]
    OtherDatabase { dir: PathBuf, server: String },
    #[error("[storage] url is not the address of a PostgreSQL database: {detail}")]
    InvalidUrl { detail: String },
}

/// Whether a folder has been a store's.
pub fn is_store(dir: &Path) -> bool {
    dir.join(DATABASE).is_file()
}

impl SqlStore {
    /// Opens the store with SQLite in a folder, making both if they are not there, and brings its schema up to
    /// date. No other process can open it until [`SqlStore::close`] or the drop of the store.
    ///
    /// # Blocking
    /// For a few file operations before the first await.
    pub async fn open(dir: &Path) -> Result<Self, StoreOpenError> {
        Self::open_with(dir, system_clock()).await
    }

    /// [`SqlStore::open`] with another clock.
    pub async fn open_with(dir: &Path, clock: Clock) -> Result<Self, StoreOpenError> {
        let lock = open_folder(dir).await?;
        settle_restore(dir)?;
        let path = dir.join(DATABASE);
        if dir.join(DATABASE_ID).exists() {
            return Err(StoreOpenError::OtherDatabase {
                dir: dir.to_owned(),
                server: path.display().to_string(),
            });
        }
        keep_private(dir, &path)?;
        let writer = open_writer(&path).await.map_err(|error| explain(&path, &error))?;
        check_journal(&writer, &path).await?;
        migrate(&writer, &path).await?;
        let readers = open_readers(&path).await.map_err(|error| explain(&path, &error))?;
        let (writer, readers) = (Pool::Sqlite(writer), Pool::Sqlite(readers));
        let clock = StoreClock::Given(clock);
        Ok(Self {
            writer,
            readers,
            clock,
            lock: Arc::new(lock),
            database: Some(path),
            held_by: None,
            link: Link::Alone,
        })
    }
}

/// Makes the folder if it is not there, and takes its lock.
pub(super) async fn open_folder(dir: &Path) -> Result<File, StoreOpenError> {
    create_durably(dir).map_err(|error| not_writable(dir, &error))?;
    if directory::is_open_to_others(dir) {
        let dir = dir.display();
        warn!(%dir, "others can list the storage folder: close it with chmod 700");
    }
    lock(dir).await
}

/// The database holds transcripts and the webhooks' secrets: its files are their owner's alone, also where an earlier version
/// or another umask left them open.
fn keep_private(dir: &Path, database: &Path) -> Result<(), StoreOpenError> {
    directory::create_private(database).map_err(|error| not_writable(database, &error))?;
    for name in [LOCK.to_owned(), format!("{DATABASE}-wal"), format!("{DATABASE}-shm")] {
        let path = dir.join(name);
        if path.exists() {
            directory::make_private(&path).map_err(|error| not_writable(&path, &error))?;
        }
    }
    Ok(())
}

/// A service that was killed while it started its engine leaves a child that has the lock as well until it has become
/// the engine: the service can be started again right then.
pub(super) async fn lock(dir: &Path) -> Result<File, StoreOpenError> {
    let path = dir.join(LOCK);
    let file = directory::private(File::options().create(true).truncate(false).write(true))
        .open(&path)
        .map_err(|error| not_writable(&path, &error))?;
    // Root's would keep the service out that the folder belongs to.
    directory::give_to_owner_of(dir, &path);
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WAIT_LIMIT => {
                tokio::time::sleep(LOCK_POLL).await;
            }
            Err(TryLockError::WouldBlock) => return Err(StoreOpenError::InUse { dir: dir.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(not_writable(&path, &error)),
        }
    }
}

/// Puts back what a restore that was killed has moved away. An empty database in its place would cost all recordings.
pub(super) fn settle_restore(dir: &Path) -> Result<(), StoreOpenError> {
    match exchange::settle(dir).map_err(|error| not_writable(dir, &error))? {
        Left::Settled => Ok(()),
        Left::Unclear => Err(StoreOpenError::InterruptedRestore { dir: dir.to_owned() }),
    }
}

/// What every connection is set to; SQLite keeps most of it for each connection alone.
pub(super) fn settings(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "1000")
        .pragma("journal_size_limit", "67108864")
        // KiB of pages kept in memory, at most.
        .pragma("cache_size", "-2000")
        .thread_name(|id| format!("store-{id}"))
}

async fn open_writer(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = settings(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        // Every connection is tried when it is given back.
        .test_before_acquire(false)
        // After an I/O error or on a full disk SQLite rolls back by itself, and sqlx, which does not
        // notice, would refuse every later transaction on that connection.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(options)
        .await
}

async fn open_readers(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(settings(path).read_only(true))
        .await
}

/// Where threads cannot share memory through a file, SQLite stays in another journal mode and says so.
async fn check_journal(writer: &SqlitePool, path: &Path) -> Result<(), StoreOpenError> {
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(writer)
        .await
        .map_err(|error| explain(path, &error))?;
    if mode == "wal" { Ok(()) } else { Err(StoreOpenError::NoSharedMemory { path: path.to_owned() }) }
}

/// Schema changes only ever add, so a database that a later version has opened is fine, too.
async fn migrate(writer: &SqlitePool, path: &Path) -> Result<(), StoreOpenError> {
    let mut migrator = sqlx::migrate!("migrations/sqlite");
    migrator.set_ignore_missing(true);
    migrator.run(writer).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => explain(path, &error),
        other => StoreOpenError::Failed { path: path.to_owned(), detail: other.to_string() },
    })?;
    let searched = sqlx::query(search::CREATE).execute(writer).await;
    searched.map_err(|error| explain(path, &error))?;
    let named = sqlx::query(sql::WANT_THE_DEFAULT_MODEL).execute(writer).await;
    named.map(drop).map_err(|error| explain(path, &error))
}

pub(super) fn not_writable(path: &Path, error: &io::Error) -> StoreOpenError {
    if directory::is_full(error) {
        return StoreOpenError::DiskFull { path: path.to_owned() };
    }
    StoreOpenError::NotWritable { path: path.to_owned(), detail: error.to_string() }
}

fn explain(path: &Path, error: &sqlx::Error) -> StoreOpenError {
    // Primary result codes: SQLITE_PERM, SQLITE_READONLY, SQLITE_CORRUPT, SQLITE_CANTOPEN, SQLITE_NOTADB.
    let (path, detail) = (path.to_owned(), error.to_string());
    match sqlite_code(error).map(|code| code & 0xff) {
        _ if is_disk_full(error) => StoreOpenError::DiskFull { path },
        Some(3 | 8 | 14) => StoreOpenError::NotWritable { path, detail },
        Some(11 | 26) => StoreOpenError::Corrupt { path, detail },
        _ => StoreOpenError::Failed { path, detail },
    }
}
