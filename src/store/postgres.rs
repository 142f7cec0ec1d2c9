//! Opening the store with PostgreSQL: connections, the services' lock, schema.
//!
//! The services' lock is an advisory one of every session that makes changes, exclusive where the recordings are in the folder of
//! one service. So a change is made by a service that has the lock, or not at all: with the connection the lock is lost, and
//! the next connection begins by taking it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use actors::domain::time::Timestamp;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tokio::sync::watch;
use tracing::{info, warn};

use super::db::Pool;
use super::directory;
use super::layout::{DATABASE, DATABASE_ID, OWNER};
use super::locks::CLOCK;
use super::open::{StoreOpenError, not_writable, open_folder};
use super::owner::own_id;
use super::peers::{Link, Wire};
use super::sql;
use super::sql_store::{Service, SqlStore};
use super::time::{Clock, StoreClock};

/// "verbatim" in ASCII. An advisory lock is of one database.
const SERVICE_LOCK: i64 = 0x7665_7262_6174_696d;
/// How long a lock that another session has is tried again: the server notices the end of a killed service a moment later.
const LOCK_WAIT_LIMIT: Duration = Duration::from_secs(3);
const LOCK_POLL: Duration = Duration::from_millis(50);
/// How long a request waits for a connection, or for the changes before its own.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection that is given back has to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
/// Connections for changes, where several services have the database.
const WRITERS: u32 = 4;

/// For each session. The lock of a service whose machine has failed is free after a minute, that of a change that stands still
/// after 10 s.
const SESSION: [(&str, &str); 5] = [
    ("idle_in_transaction_session_timeout", if cfg!(test) { "2s" } else { "10s" }),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
    // Without what is there already.
    ("client_min_messages", "warning"),
];

const FACTS: &str = "\
    SELECT current_setting('server_version_num')::BIGINT, current_setting('server_encoding'), \
    current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off'";
const OLDEST: i64 = 150_000;

/// Ends a session that has the service's lock, if it is that one. 1: the lock, 2: the session.
const END_SESSION: &str = "\
    SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
    AND (classid::BIGINT << 32) | objid::BIGINT = $1 AND pid = $2";

/// Stays with the data, also where they are moved to another server.
const ID: &str = "SELECT id FROM store_identity";

/// The index of [`super::search`]. Without the extension every text is looked at.
const INDEX_TEXTS: [&str; 2] = [
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX IF NOT EXISTS job_texts_by_trigram ON job_texts USING gin (body gin_trgm_ops)",
];

/// Whether other services may have the same database. Their recordings are in one place, then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    Alone,
    Shared,
}

impl Sharing {
    const fn take_lock(self) -> &'static str {
        match self {
            Self::Alone => "SELECT pg_try_advisory_lock($1)",
            Self::Shared => "SELECT pg_try_advisory_lock_shared($1)",
        }
    }
}

impl SqlStore {
    /// Opens the store with the PostgreSQL database that `url` names, and brings its schema up to date. `dir` is this service's
    /// folder, which no other one can open until [`SqlStore::close`] or the drop of the store. Nor can another open the database
    /// meanwhile, unless both share it.
    ///
    /// # Errors
    /// Their texts never have the password.
    ///
    /// # Blocking
    /// For a few file operations before the first await.
    pub async fn open_postgres(dir: &Path, url: &str, sharing: Sharing) -> Result<Self, StoreOpenError> {
        Self::open_postgres_with(dir, url, sharing, None).await
    }

    /// [`SqlStore::open_postgres`] with another clock than the database's.
    pub(super) async fn open_postgres_with(
        dir: &Path,
        url: &str,
        sharing: Sharing,
        clock: Option<Clock>,
    ) -> Result<Self, StoreOpenError> {
        let options = connect_options(url)?;
        let server = server(&options);
        let lock = open_folder(dir).await?;
        let connection = connect(&options, &server).await?;
        try_lock(connection, &server, sharing).await?;
        let (holder, held_by) = watch::channel(Service::This);
        let holder = Holder { sharing, service: holder, session: AtomicI32::new(0) };
        let unreachable = |error: sqlx::Error| unreachable(&server, &error);
        let writer = open_writer(options.clone(), holder).await.map_err(unreachable)?;
        migrate(&writer, &server).await?;
        let id: String = sqlx::query_scalar(ID).fetch_one(&writer).await.map_err(unreachable)?;
        claim_folder(dir, &id, &server)?;
        info!(database = %server, "database opened");
        let now = sqlx::query_scalar(CLOCK).fetch_one(&writer).await.map_err(unreachable)?;
        let clock = clock.map_or_else(|| StoreClock::of_database(Timestamp(now)), StoreClock::Given);
        let link = match sharing {
            Sharing::Alone => Link::Alone,
            Sharing::Shared => {
                let id = own_id(&dir.join(OWNER)).map_err(|error| not_writable(dir, &error))?;
                let listener = PgPoolOptions::new().max_connections(1).connect_lazy_with(options.clone());
                Link::Services(Wire::connect(id, listener, writer.clone()))
            }
        };
        let readers = open_readers(options).await.map_err(unreachable)?;
        let (writer, readers) = (Pool::Postgres(writer), Pool::Postgres(readers));
        let lock = Arc::new(lock);
        Ok(Self { writer, readers, clock, lock, database: None, held_by: Some(held_by), link })
    }
}

/// A database with the schema of now, without a folder.
pub(super) struct Database {
    /// Of one connection, which has the service's lock.
    pub(super) pool: PgPool,
    pub(super) id: String,
    /// As it may be shown to anyone.
    pub(super) server: String,
}

/// Connects to the database that `url` names and brings its schema up to date. No service can open it until the pool is closed.
///
/// # Errors
/// Their texts never have the password.
pub(super) async fn open_database(url: &str) -> Result<Database, StoreOpenError> {
    let options = connect_options(url)?;
    let server = server(&options);
    let unreachable = |error: sqlx::Error| unreachable(&server, &error);
    let (sharing, (service, _)) = (Sharing::Alone, watch::channel(Service::This));
    try_lock(connect(&options, &server).await?, &server, sharing).await?;
    let holder = Holder { sharing, service, session: AtomicI32::new(0) };
    // All rows are read by one statement, which is not slow.
    let pool = open_writer(options.disable_statement_logging(), holder).await.map_err(unreachable)?;
    migrate(&pool, &server).await?;
    let id = sqlx::query_scalar(ID).fetch_one(&pool).await.map_err(unreachable)?;
    Ok(Database { pool, id, server })
}

/// Connects to the database that `url` names and gives its name: before a service is started, or beside it.
///
/// # Errors
/// Why a service would not start with it; their texts never have the password.
pub async fn check_postgres(url: &str) -> Result<String, StoreOpenError> {
    let options = connect_options(url)?;
    let server = server(&options);
    let connection = connect(&options, &server).await?;
    connection.close().await.map_err(|error| unreachable(&server, &error))?;
    Ok(server)
}

fn connect_options(url: &str) -> Result<PgConnectOptions, StoreOpenError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| StoreOpenError::InvalidUrl { detail: error.to_string() })?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("verbatim"),
    };
    Ok(options.options(SESSION))
}

/// As it may be shown to anyone.
fn server(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("{database:?} at {}", socket.display()),
        None => format!("{database:?} at {}:{}", options.get_host(), options.get_port()),
    }
}

/// Recordings without a job are removed at the start: those of another database must not be taken for such.
fn claim_folder(dir: &Path, id: &str, server: &str) -> Result<(), StoreOpenError> {
    let path = dir.join(DATABASE_ID);
    let of_another = || StoreOpenError::OtherDatabase { dir: dir.to_owned(), server: server.to_owned() };
    match fs::read_to_string(&path) {
        Ok(known) if known.trim() == id => Ok(()),
        Ok(_) => Err(of_another()),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(not_writable(&path, &error)),
        Err(_) if dir.join(DATABASE).exists() => Err(of_another()),
        Err(_) => keep_database_id(dir, id).map_err(|error| not_writable(&path, &error)),
    }
}

/// From then on the recordings of the folder belong to jobs of the database with that id. It is on disk when this returns.
pub(super) fn keep_database_id(dir: &Path, id: &str) -> io::Result<()> {
    let partial = dir.join(format!("{DATABASE_ID}.partial"));
    let mut file = File::create(&partial)?;
    file.write_all(format!("{id}\n").as_bytes())?;
    file.sync_all()?;
    directory::give_to_owner_of(dir, &partial);
    fs::rename(&partial, dir.join(DATABASE_ID))?;
    directory::sync_folder(dir)
}

/// What the connections that make changes know of each other.
struct Holder {
    sharing: Sharing,
    service: watch::Sender<Service>,
    /// The latest of them, as the server numbers it; 0: none.
    session: AtomicI32,
}

/// A pool would wait for a server that is not there, and not say why it has no connection.
async fn connect(options: &PgConnectOptions, server: &str) -> Result<PgConnection, StoreOpenError> {
    let unreachable = |error| unreachable(server, &error);
    let connecting = tokio::time::timeout(ACQUIRE_TIMEOUT, options.connect());
    let connected = connecting.await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    let mut connection = connected.map_err(unreachable)?;
    let (version, encoding, is_durable): (i64, String, bool) =
        sqlx::query_as(FACTS).fetch_one(&mut connection).await.map_err(unreachable)?;
    let unusable = |detail: String| StoreOpenError::Unusable { server: server.to_owned(), detail };
    if version < OLDEST {
        return Err(unusable(format!("it is PostgreSQL {}; 15 or later is needed", version / 10_000)));
    }
    if encoding != "UTF8" {
        return Err(unusable(format!("its encoding is {encoding}; create one with ENCODING 'UTF8'")));
    }
    if !is_durable {
        warn!(%server, "the database may lose its last changes: set fsync and synchronous_commit to on");
    }
    Ok(connection)
}

/// Whether no other service has the database.
async fn try_lock(
    mut connection: PgConnection,
    server: &str,
    sharing: Sharing,
) -> Result<(), StoreOpenError> {
    let unreachable = |error| unreachable(server, &error);
    if !take_lock(&mut connection, sharing, 0).await.map_err(unreachable)? {
        return Err(StoreOpenError::DatabaseInUse { server: server.to_owned() });
    }
    connection.close().await.map_err(unreachable)
}

/// Whether this session has the service's lock now. `earlier` is this service's session before: a server that has not
/// noticed that its connection is lost ends it now.
async fn take_lock(
    connection: &mut PgConnection,
    sharing: Sharing,
    earlier: i32,
) -> Result<bool, sqlx::Error> {
    let begun = Instant::now();
    loop {
        let taken = sqlx::query_scalar(sharing.take_lock()).bind(SERVICE_LOCK);
        let is_taken = taken.fetch_one(&mut *connection).await?;
        if is_taken || begun.elapsed() > LOCK_WAIT_LIMIT {
            return Ok(is_taken);
        }
        let end = sqlx::query(END_SESSION).bind(SERVICE_LOCK).bind(earlier);
        end.execute(&mut *connection).await?;
        tokio::time::sleep(LOCK_POLL).await;
    }
}

async fn open_writer(options: PgConnectOptions, holder: Holder) -> Result<PgPool, sqlx::Error> {
    let holder = Arc::new(holder);
    let connections = match holder.sharing {
        Sharing::Alone => 1,
        Sharing::Shared => WRITERS,
    };
    PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_release(|connection, _| Box::pin(answers(connection)))
        .after_connect(move |connection, _| {
            let holder = holder.clone();
            Box::pin(async move {
                let session =
                    sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *connection).await?;
                let earlier = holder.session.load(Ordering::SeqCst);
                if take_lock(connection, holder.sharing, earlier).await? {
                    holder.session.store(session, Ordering::SeqCst);
                    return Ok(());
                }
                holder.service.send_replace(Service::Other);
                Err(sqlx::Error::Configuration("another service has the database".into()))
            })
        })
        .connect_with(options)
        .await
}

/// The pool would wait without end for a connection that was lost without a word.
async fn answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let answer = tokio::time::timeout(ANSWER_LIMIT, connection.ping()).await;
    answer.unwrap_or_else(|_| Err(io::Error::from(ErrorKind::TimedOut).into())).map(|()| true)
}

async fn open_readers(options: PgConnectOptions) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new()
        .max_connections(READERS)
        .after_release(|connection, _| Box::pin(answers(connection)))
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options.options([("default_transaction_read_only", "on")]))
        .await
}

/// Schema changes only ever add, so a database that a later version has opened is fine, too.
async fn migrate(writer: &PgPool, server: &str) -> Result<(), StoreOpenError> {
    let mut migrator = sqlx::migrate!("migrations/postgres");
    migrator.set_ignore_missing(true);
    migrator.run(writer).await.map_err(|error: MigrateError| StoreOpenError::Unusable {
        server: server.to_owned(),
        detail: error.to_string(),
    })?;
    for statement in INDEX_TEXTS {
        if let Err(error) = sqlx::query(statement).execute(writer).await {
            info!(%error, "searches look at every transcript: the extension pg_trgm is not there");
            break;
        }
    }
    let named = sqlx::query(sql::WANT_THE_DEFAULT_MODEL).execute(writer).await;
    named.map(drop).map_err(|error| unreachable(server, &error))
}

fn unreachable(server: &str, error: &sqlx::Error) -> StoreOpenError {
    StoreOpenError::Unreachable { server: server.to_owned(), detail: error.to_string() }
}
