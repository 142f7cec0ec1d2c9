//! The promises kept by both engines, and what is SQLite's own: files, locks, settings, full disks.

pub(crate) mod blob_promises;
mod cluster;
pub(crate) mod conformance;
mod migration;
mod postgres;
mod random_walk;
mod webhook_conformance;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actors::clock::Clock;
use actors::domain::event::Stream;
use actors::domain::jobs::job::{Idempotency, KeyLife, NewJob};
use actors::domain::jobs::options::Priority;
use actors::domain::jobs::words::SearchWords;
use actors::domain::services::{Report, Role};
use actors::ports::{
    Ending, EventLog, JobQuery, JobStore, Revised, RevisionStore, StoreError, SubmitError, SubscriberStore,
};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use uuid::Uuid;

use super::db::{self, Pool};
use super::locks::Lock;
use super::{SqlStore, StoreOpenError};
use conformance::{NO_LIMIT, checkpoint, claim_next, new_job, plan, progress};

/// Of a service that runs no jobs.
pub(crate) fn report(name: &str) -> Report {
    Report { name: name.into(), role: Role::All, version: "1".into(), is_draining: false, worker: None }
}

async fn open() -> (SqlStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (SqlStore::open(dir.path()).await.unwrap(), dir)
}

async fn open_sqlite() -> Option<(SqlStore, TempDir)> {
    Some(open().await)
}

async fn open_device() -> Option<(SqlStore, TempDir)> {
    let (store, dir) = open().await;
    let (_, mut devices) = store.for_workers(["left", "right"]);
    Some((devices.swap_remove(0), dir))
}

mod promises {
    mod of_sqlite {
        crate::store::tests::conformance::conforms!(crate::store::tests::open_sqlite);
    }
    mod of_a_device {
        crate::store::tests::conformance::conforms!(crate::store::tests::open_device);
    }
    mod of_postgres {
        crate::store::tests::conformance::conforms!(crate::store::tests::postgres::open);
    }
    mod of_shared_postgres {
        crate::store::tests::conformance::conforms!(crate::store::tests::postgres::open_shared);
    }
}

fn sqlite(pool: &Pool) -> &SqlitePool {
    match pool {
        Pool::Sqlite(pool) => pool,
        Pool::Postgres(_) => panic!("the store of another engine"),
    }
}

async fn settings_of_every_connection(pool: &SqlitePool) -> Vec<(i64, String, i64, i64)> {
    let mut connections = vec![];
    for _ in 0..pool.options().get_max_connections() {
        connections.push(pool.acquire().await.unwrap());
    }
    let mut settings = vec![];
    for connection in &mut connections {
        let synchronous =
            sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut **connection).await.unwrap();
        let journal = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut **connection).await.unwrap();
        let keys = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&mut **connection).await.unwrap();
        let busy = sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(&mut **connection).await.unwrap();
        settings.push((synchronous, journal, keys, busy));
    }
    settings
}

#[tokio::test]
async fn every_connection_waits_for_the_disk() {
    let (store, _dir) = open().await;
    const FULL: i64 = 2;
    let expected = (FULL, "wal".to_owned(), 1, 10_000);
    assert_eq!(settings_of_every_connection(sqlite(&store.writer)).await, vec![expected.clone()]);
    assert_eq!(settings_of_every_connection(sqlite(&store.readers)).await, vec![expected; 2]);
}

#[tokio::test]
async fn the_queue_and_the_log_are_read_by_their_indexes() {
    let (store, _dir) = open().await;
    let statements = [
        super::sql::NEXT_BEGUN,
        super::sql::COUNT_QUEUED,
        super::sql::AHEAD_BY_PRIORITY,
        super::sql::AHEAD_BEGUN,
        super::sql::AHEAD_BEGUN_EARLIER,
        super::sql::AHEAD_OF_OWN,
        super::sql::AHEAD_OF_ANOTHER,
        super::sql::JOBS,
        super::sql::JOBS_IN_STATE,
        super::sql::JOBS_OF_MODEL,
        super::sql::JOBS_IN_STATE_OF_MODEL,
        super::sql::NOT_SEARCHABLE,
        super::sql::IS_SEARCH_ROW_TAKEN,
        super::sql::REVISION,
        super::sql::REVISIONS,
        super::sql::COUNT_RUNNING,
        super::sql::RUNNING_JOBS,
        super::sql::ABANDONED,
        super::sql::IS_WAITING,
        super::sql::WAITING,
        super::sql::EVENTS_AFTER,
        super::sql::LAST_SEQ,
        super::sql::SEGMENTS,
        super::sql::HOSTS,
        super::sql::BACKLOG,
        super::sql::DUE,
        super::sql::DELIVERIES,
        super::sql::ATTEMPTS,
        super::sql::REDELIVER_ALL,
        super::sql::FORGET_MESSAGES,
    ];
    // Temporary rows of a statement: one for each host or each place in the queue at most.
    const SMALL: [&str; 3] = ["SCAN hosts", "SCAN first", "SCAN CONSTANT ROW"];
    for statement in statements {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(explain).fetch_all(sqlite(&store.readers)).await.unwrap();
        for (.., step) in plan {
            assert!(
                !step.starts_with("SCAN") || step.contains("INDEX") || SMALL.contains(&step.as_str()),
                "{step}: {statement}"
            );
            assert!(!step.contains("TEMP B-TREE"), "{step}: {statement}");
        }
    }
}

#[tokio::test]
async fn a_store_opened_again_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlStore::open(dir.path()).await.unwrap();
    let job = conformance::submit(&store, Priority::Batch).await;
    let (claim, _) = claim_next(&store, Priority::Interactive).await.unwrap();
    let plan = plan(3);
    store.planned(claim.fence, &plan, progress(0, &plan)).await.unwrap();
    store.checkpoint(claim.fence, checkpoint(0, &plan, 0..2)).await.unwrap();
    store.close().await;

    let store = SqlStore::open(dir.path()).await.unwrap();
    assert_eq!(store.recover().await.unwrap().len(), 1);
    let (again, events) = claim_next(&store, Priority::Interactive).await.unwrap();
    assert_eq!((again.job.id, again.chunks_done, again.segments_done), (job.id, 1, 2));
    assert_eq!(events[0].seq, 6);
    assert!(store.blob_keys().await.unwrap().contains(&job.audio.blob.0));
}

#[tokio::test]
async fn a_transcript_has_a_thousand_revisions_at_most() {
    let (store, _dir) = open().await;
    let id = conformance::submit(&store, Priority::Batch).await.id;
    sqlx::query("UPDATE jobs SET revision = 999").execute(sqlite(&store.writer)).await.unwrap();
    assert!(matches!(store.revise(id, 999, "", &[]).await.unwrap(), Revised::Kept(_)));
    assert_eq!(store.revise(id, 1_000, "", &[]).await.unwrap(), Revised::Full);
    assert_eq!(store.revise(id, 1_001, "", &[]).await.unwrap(), Revised::Outdated { latest: 1_000 });
    assert_eq!(store.revisions(id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn jobs_that_an_older_version_took_in_are_found_once_indexed() {
    let (store, _dir) = open().await;
    let mut ids = vec![];
    for _ in 0..45 {
        ids.insert(0, conformance::submit(&store, Priority::Batch).await.id);
    }
    sqlx::query("UPDATE jobs SET search_row = NULL").execute(sqlite(&store.writer)).await.unwrap();
    let words = SearchWords::new("gr\u{f6}\u{df}e.wav").unwrap();
    let query = JobQuery { words, limit: 100, ..JobQuery::default() };
    assert_eq!(store.jobs(query.clone()).await.unwrap(), []);
    assert_eq!(store.index_jobs().await.unwrap(), 45);
    assert_eq!(store.index_jobs().await.unwrap(), 0);
    let found: Vec<_> = store.jobs(query).await.unwrap().into_iter().map(|job| job.id).collect();
    assert_eq!(found, ids);
}

#[tokio::test]
async fn a_job_with_an_unreadable_transcript_is_found_by_name() {
    let (store, _dir) = open().await;
    let mut ids = vec![];
    for _ in 0..3 {
        ids.insert(0, conformance::submit(&store, Priority::Batch).await.id);
    }
    sqlx::query("INSERT INTO segments (job_id, chunk, idx, body) VALUES ($1, 0, 0, '{')")
        .bind(ids[0].to_string())
        .execute(sqlite(&store.writer))
        .await
        .unwrap();
    // Its revision is not there.
    sqlx::query("UPDATE jobs SET revision = 7 WHERE id = $1")
        .bind(ids[1].to_string())
        .execute(sqlite(&store.writer))
        .await
        .unwrap();
    sqlx::query("UPDATE jobs SET search_row = NULL").execute(sqlite(&store.writer)).await.unwrap();
    assert_eq!(store.index_jobs().await.unwrap(), 3);
    let words = SearchWords::new("gr\u{f6}\u{df}e.wav").unwrap();
    let found = store.jobs(JobQuery { words, limit: 100, ..JobQuery::default() }).await.unwrap();
    assert_eq!(found.into_iter().map(|job| job.id).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn a_job_of_an_older_version_is_for_the_default_model() {
    let (store, dir) = open().await;
    let job = conformance::submit(&store, Priority::Batch).await;
    sqlx::query("UPDATE jobs SET model = NULL").execute(sqlite(&store.writer)).await.unwrap();
    assert!(claim_next(&store, Priority::Batch).await.is_none());
    store.close().await;
    let store = SqlStore::open(dir.path()).await.unwrap();
    assert_eq!(claim_next(&store, Priority::Batch).await.unwrap().0.job.id, job.id);
}

/// As a child of a killed service does, until it has become another program.
#[tokio::test]
async fn a_lock_that_is_held_a_moment_longer_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let held = fs::File::create(dir.path().join("lock")).unwrap();
    held.lock().unwrap();
    let mut opening = std::pin::pin!(SqlStore::open(dir.path()));
    let first = futures_util::poll!(opening.as_mut());
    assert!(first.is_pending(), "opened, or refused at once");
    held.unlock().unwrap();
    opening.await.unwrap();
}

#[tokio::test]
async fn a_claim_that_is_not_renewed_is_believed_in_for_a_minute() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::standing();
    let of_store = clock.clone();
    let store = SqlStore::open_with(dir.path(), Arc::new(move || of_store.wall_now())).await.unwrap();
    conformance::submit(&store, Priority::Batch).await;
    conformance::submit(&store, Priority::Batch).await;
    let claim = async || claim_next(&store, Priority::Interactive).await.unwrap().0;
    let (held, lost) = (claim().await, claim().await);
    clock.step(Duration::from_secs(60));
    assert_eq!(store.renew(&[held.fence]).await.unwrap(), []);
    clock.step(Duration::from_secs(1));
    let requeued = store.renew(&[held.fence]).await.unwrap();
    assert_eq!(requeued.iter().map(|event| event.stream()).collect::<Vec<_>>(), [Stream::Job(lost.job.id)]);
    assert_eq!(claim().await.job.id, lost.job.id, "it is there to be claimed again");
    assert!(matches!(store.end(lost.fence, Ending::Completed).await, Err(StoreError::LeaseLost)));
    // A clock that was set ahead does not end the lease of a running worker.
    clock.step(Duration::from_secs(3600));
    assert_eq!(store.renew(&[held.fence]).await.unwrap().len(), 1);
    store.end(held.fence, Ending::Completed).await.unwrap();
}

#[tokio::test]
async fn subscribers_of_an_earlier_version_have_no_owner_and_stay() {
    let dir = tempfile::tempdir().unwrap();
    let mut before = sqlx::migrate!("migrations/sqlite");
    before.migrations = before.migrations.iter().filter(|step| step.version < 12).cloned().collect();
    let options =
        SqliteConnectOptions::new().filename(dir.path().join("verbatim.db")).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    before.run(&pool).await.unwrap();
    let add = "INSERT INTO subscribers (id, url, created_at) VALUES ($1, 'https://a.example/?token=x', 1)";
    let id = Uuid::now_v7();
    sqlx::query(add).bind(id.to_string()).execute(&pool).await.unwrap();
    pool.close().await;

    let store = SqlStore::open(dir.path()).await.unwrap();
    assert_eq!(store.subscriber(id).await.unwrap().unwrap().owners, [""]);
    let named = store.subscribe("alice", "https://a.example/?token=x", None).await.unwrap();
    assert_eq!((named.id, named.owners), (id, vec![String::new(), "alice".into()]));
    assert!(store.disown(id, "alice").await.unwrap());
    assert!(store.subscriber(id).await.unwrap().is_some(), "its owner still receives events");
}

#[tokio::test]
async fn a_key_is_kept_for_24_hours() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::standing();
    let of_store = clock.clone();
    let store = SqlStore::open_with(dir.path(), Arc::new(move || of_store.wall_now())).await.unwrap();
    let send = async || {
        let once = Some(Idempotency { key: "k".into(), fingerprint: "f".into(), life: KeyLife::Day });
        store.submit(NewJob { once, ..new_job(Priority::Batch) }, NO_LIMIT).await.unwrap().0.id
    };
    let first = send().await;
    clock.step(Duration::from_secs(24 * 3600 - 1));
    assert_eq!(send().await, first);
    clock.step(Duration::from_secs(1));
    assert!(store.sent_under("", "k").await.unwrap().is_none());
    let second = send().await;
    assert_ne!(second, first);
    assert_eq!(send().await, second, "a day of its own");
    assert_eq!(store.counts().await.unwrap().queued, 2);
}

#[tokio::test]
async fn a_folder_is_open_in_one_service_only() {
    let (store, dir) = open().await;
    let second = SqlStore::open(dir.path()).await.unwrap_err();
    assert!(matches!(second, StoreOpenError::InUse { .. }), "{second}");
    assert!(second.to_string().contains(dir.path().to_str().unwrap()), "{second}");
    store.close().await;
    SqlStore::open(dir.path()).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("data");
    SqlStore::open(&new).await.unwrap();
    assert_eq!(fs::metadata(new).unwrap().permissions().mode() & 0o777, 0o700);
}

#[cfg(unix)]
#[tokio::test]
async fn files_in_a_folder_that_is_open_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["verbatim.db", "lock"] {
        fs::write(dir.path().join(name), b"").unwrap();
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let store = SqlStore::open(dir.path()).await.unwrap();
    let files: Vec<PathBuf> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.iter().any(|path| path.ends_with("verbatim.db-wal")), "{files:?}");
    assert!(files.iter().all(|path| mode(path) == 0o600), "{files:?}");
    store.close().await;
    assert_eq!(mode(dir.path()), 0o755, "the folder's mode is its owner's choice");
}

#[tokio::test]
async fn a_closed_store_answers_with_an_error() {
    let (store, _dir) = open().await;
    store.close().await;
    let answer = store.counts().await;
    assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
}

#[tokio::test]
async fn what_cannot_be_a_database_is_named() {
    for content in [vec![b'x'; 8192], b"SQLite format 3\0nonsense".repeat(400)] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verbatim.db");
        fs::write(&path, content).unwrap();
        let error = SqlStore::open(dir.path()).await.unwrap_err();
        assert!(matches!(error, StoreOpenError::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = SqlStore::open(&file.join("data")).await.unwrap_err();
    assert!(matches!(error, StoreOpenError::NotWritable { .. }), "{error}");
    assert!(error.to_string().contains("file/data"), "{error}");
    assert!(error.to_string().contains("[storage] dir"), "{error}");
}

#[tokio::test]
async fn after_a_full_disk_the_store_works_again() {
    let (store, _dir) = open().await;
    let job = conformance::submit(&store, Priority::Batch).await;
    limit_pages(&store, "PRAGMA max_page_count = 1").await;
    let refused = loop {
        let new = new_job(Priority::Batch);
        let id = new.id;
        if let Err(error) = store.submit(new, NO_LIMIT).await {
            assert!(matches!(error, SubmitError::Store(StoreError::DiskFull)), "{error}");
            break id;
        }
    };
    assert_eq!(store.job(refused).await.unwrap(), None);

    limit_pages(&store, "PRAGMA max_page_count = 1000000").await;
    for _ in 0..20 {
        conformance::submit(&store, Priority::Batch).await;
    }
    assert_eq!(claim_next(&store, Priority::Interactive).await.unwrap().0.job.id, job.id);
}

/// As it does after some I/O errors.
#[tokio::test]
async fn a_rollback_by_sqlite_does_not_stop_the_next_change() {
    let (store, _dir) = open().await;
    let mut change = store.change(Lock::Abandoned).await.unwrap();
    db::query("ROLLBACK").execute(&mut change).await.unwrap();
    drop(change);
    conformance::submit(&store, Priority::Batch).await;
    let settings = settings_of_every_connection(sqlite(&store.writer)).await;
    assert_eq!(settings[0].0, 2, "a connection that took its place waits for the disk, too");
}

async fn limit_pages(store: &SqlStore, pragma: &'static str) {
    sqlx::query(pragma).execute(sqlite(&store.writer)).await.unwrap();
}

#[tokio::test]
async fn a_change_dropped_half_way_is_atomic() {
    let (store, _dir) = open().await;
    for polls in 0..300 {
        let new = new_job(Priority::Batch);
        let id = new.id;
        let mut submit = store.submit(new, NO_LIMIT);
        for _ in 0..polls {
            tokio::select! {
                biased;
                _ = &mut submit => break,
                () = tokio::task::yield_now() => {}
            }
        }
        drop(submit);
        // Waits until the writer is free again, that is, until the change was taken back or ended.
        conformance::submit(&store, Priority::Batch).await;
        let events = store.last_seq(Stream::Job(id)).await.unwrap();
        assert_eq!(events, u64::from(store.job(id).await.unwrap().is_some()), "after {polls} polls");
    }
}

/// The folder holds nothing else, so that a backup of it is complete.
#[tokio::test]
async fn a_closed_store_is_one_file_and_its_lock() {
    let (store, dir) = open().await;
    conformance::submit(&store, Priority::Batch).await;
    store.close().await;
    assert_eq!(names(dir.path()), ["lock", "verbatim.db"]);
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
