//! What is PostgreSQL's own: the lock of the one service, lost connections, what cannot be used.

use std::process::Command;
use std::sync::LazyLock;

use actors::domain::jobs::options::Priority;
use actors::domain::jobs::words::SearchWords;
use actors::ports::{JobQuery, JobStore, StoreError};
use tempfile::TempDir;

use super::cluster::Cluster;
use super::conformance;
use crate::store::db;
use crate::store::fault::Fault;
use crate::store::{Clock, SqlStore, StoreOpenError, system_clock};

/// For all tests of the process.
static CLUSTER: LazyLock<Option<Cluster>> = LazyLock::new(Cluster::start);

pub(super) async fn open() -> Option<(SqlStore, TempDir)> {
    open_with(system_clock()).await
}

/// In a database of its own.
pub(super) async fn open_with(clock: Clock) -> Option<(SqlStore, TempDir)> {
    let url = CLUSTER.as_ref()?.create_database();
    let dir = tempfile::tempdir().unwrap();
    Some((SqlStore::open_postgres_with(dir.path(), &url, clock).await.unwrap(), dir))
}

#[tokio::test]
async fn both_schemas_have_the_same_columns() {
    const OF_SQLITE: &str = "\
        SELECT tables.name, columns.name, columns.type, columns.\"notnull\" \
        FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns \
        WHERE tables.type = 'table' AND tables.name NOT LIKE 'job\\_texts%' ESCAPE '\\' \
        AND tables.name NOT LIKE 'sqlite%' AND tables.name <> '_sqlx_migrations'";
    const OF_POSTGRES: &str = "\
        SELECT table_name::TEXT, column_name::TEXT, upper(data_type), \
        CASE is_nullable WHEN 'NO' THEN 1::BIGINT ELSE 0 END FROM information_schema.columns \
        WHERE table_schema = 'public' AND table_name NOT IN ('_sqlx_migrations', 'job_texts', 'store_identity')";
    const UNSORTED: &str = "\
        SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = 'public' \
        AND table_name <> '_sqlx_migrations' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'";
    let Some((store, _dir)) = open().await else { return };
    let (sqlite, _alive) = super::open().await;
    let columns = async |store: &SqlStore, statement| {
        let query = db::query_as::<(String, String, String, i64)>(statement);
        let mut columns = query.fetch_all(&store.readers).await.unwrap();
        columns.sort();
        columns
    };
    let expected = columns(&sqlite, OF_SQLITE).await;
    assert!(expected.len() > 80, "{expected:?}");
    assert_eq!(columns(&store, OF_POSTGRES).await, expected);
    let unsorted: i64 = db::query_scalar(UNSORTED).fetch_one(&store.readers).await.unwrap();
    assert_eq!(unsorted, 0, "texts that are not compared byte by byte");
}

#[tokio::test]
async fn a_database_is_open_in_one_service_only() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    let url = cluster.create_database();
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SqlStore::open_postgres(dir.path(), &url).await.unwrap();
    let second = SqlStore::open_postgres(other.path(), &url).await.unwrap_err();
    assert!(matches!(second, StoreOpenError::DatabaseInUse { .. }), "{second}");
    assert!(!second.to_string().contains("hush"), "{second}");
    store.close().await;
    SqlStore::open_postgres(other.path(), &url).await.unwrap();
}

/// The session that writes is ended, as after a failure of the network, and another service is faster to come back.
#[tokio::test]
async fn a_service_without_the_lock_changes_nothing() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    let url = cluster.create_database();
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SqlStore::open_postgres(dir.path(), &url).await.unwrap();
    conformance::submit(&store, Priority::Batch).await;
    // It has no other connection for changes until this one is given back.
    let change = store.change().await.unwrap();
    end_writer(&store).await;
    let second = SqlStore::open_postgres(other.path(), &url).await.unwrap();
    drop(change);
    let refused = store.recover().await.unwrap_err();
    assert!(matches!(refused, StoreError::Unreachable(_)), "{refused}");
    store.taken_over().await;
    assert_eq!(second.counts().await.unwrap().queued, 1);
}

#[tokio::test]
async fn a_lost_connection_is_replaced_with_its_lock() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    let url = cluster.create_database();
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SqlStore::open_postgres(dir.path(), &url).await.unwrap();
    end_writer(&store).await;
    conformance::submit(&store, Priority::Batch).await;
    let second = SqlStore::open_postgres(other.path(), &url).await.unwrap_err();
    assert!(matches!(second, StoreOpenError::DatabaseInUse { .. }), "{second}");
}

/// As after a failure of the network of which the client gets no word.
#[tokio::test]
async fn a_connection_that_does_not_answer_is_given_up() {
    const WRITER: &str = "\
        SELECT pid::BIGINT FROM pg_locks WHERE locktype = 'advisory' \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let Some((store, _dir)) = open().await else { return };
    let pid: i64 = db::query_scalar(WRITER).fetch_one(&store.readers).await.unwrap();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap();
        assert!(sent.success());
    };
    let mut change = store.change().await.unwrap();
    signal("STOP");
    let given_up = db::query_scalar::<i64>("SELECT 1::BIGINT").fetch_one(&mut change).await.unwrap_err();
    assert!(matches!(StoreError::from(Fault::from(given_up)), StoreError::Unreachable(_)));
    drop(change);
    let refused = store.recover().await.unwrap_err();
    assert!(matches!(refused, StoreError::Unreachable(_)), "{refused}");
    signal("CONT");
    conformance::submit(&store, Priority::Batch).await;
}

async fn end_writer(store: &SqlStore) {
    const END: &str = "\
        SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert!(db::query_scalar::<bool>(END).fetch_one(&store.readers).await.unwrap());
}

#[tokio::test]
async fn recordings_of_another_database_are_not_taken_over() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    let (dir, url) = (tempfile::tempdir().unwrap(), cluster.create_database());
    SqlStore::open_postgres(dir.path(), &url).await.unwrap().close().await;
    let other = SqlStore::open_postgres(dir.path(), &cluster.create_database()).await.unwrap_err();
    assert!(matches!(other, StoreOpenError::OtherDatabase { .. }), "{other}");
    let sqlite = SqlStore::open(dir.path()).await.unwrap_err();
    assert!(matches!(sqlite, StoreOpenError::OtherDatabase { .. }), "{sqlite}");
    SqlStore::open_postgres(dir.path(), &url).await.unwrap();

    let (of_sqlite, used) = super::open().await;
    of_sqlite.close().await;
    let postgres = SqlStore::open_postgres(used.path(), &cluster.create_database()).await.unwrap_err();
    assert!(matches!(postgres, StoreOpenError::OtherDatabase { .. }), "{postgres}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_password() {
    let dir = tempfile::tempdir().unwrap();
    for url in [
        "postgres://verbatim:hush@127.0.0.1:1/jobs".to_owned(),
        format!("postgres://verbatim:hush@localhost/jobs?host={}", dir.path().display()),
    ] {
        let error = SqlStore::open_postgres(dir.path(), &url).await.unwrap_err();
        assert!(matches!(error, StoreOpenError::Unreachable { .. }), "{error}");
        let text = format!("{error} {error:?}");
        assert!(text.contains("[storage] url") && text.contains("jobs") && !text.contains("hush"), "{text}");
    }
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    cluster.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'");
    let url = cluster.create_database();
    let url = url.replace(url.rsplit_once('?').unwrap().0.rsplit_once('/').unwrap().1, "latin");
    let dir = tempfile::tempdir().unwrap();
    let error = SqlStore::open_postgres(dir.path(), &url).await.unwrap_err();
    assert!(error.to_string().contains("its encoding is LATIN1"), "{error}");
}

#[tokio::test]
async fn jobs_are_indexed_again_and_counted_at_a_start() {
    let Some((store, _dir)) = open().await else { return };
    let job = conformance::submit(&store, Priority::Batch).await;
    db::query("UPDATE jobs SET search_row = NULL").execute(&store.writer).await.unwrap();
    assert_eq!(store.index_jobs().await.unwrap(), 1);
    let words = SearchWords::new("gr\u{f6}\u{df}e.wav").unwrap();
    let found = store.jobs(JobQuery { words, limit: 100, ..JobQuery::default() }).await.unwrap();
    assert_eq!(found.into_iter().map(|job| job.id).collect::<Vec<_>>(), [job.id]);
    assert_eq!(store.blob_keys().await.unwrap().into_iter().collect::<Vec<_>>(), [job.audio.blob.0]);
    assert!(store.size_bytes().await.unwrap() > 1_000_000);
}

#[tokio::test]
async fn a_text_with_a_nul_is_kept_without_it() {
    let Some((store, _dir)) = open().await else { return };
    let mut job = conformance::new_job(Priority::Batch);
    job.audio.filename = Some("a\0b.wav".into());
    let (job, _) = store.submit(job, conformance::NO_LIMIT).await.unwrap();
    assert_eq!(job.audio.filename.as_deref(), Some("a\u{fffd}b.wav"));
}
