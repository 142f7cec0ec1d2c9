//! What is PostgreSQL's own: several services, the lock of one that is alone, lost connections, what cannot be used.

use std::collections::HashSet;
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actors::domain::event::{JobEvent, ModelEvent, Recorded, RequeueReason, Stream};
use actors::domain::jobs::job::{JobId, LEASE_SECS};
use actors::domain::jobs::options::Priority;
use actors::domain::jobs::words::SearchWords;
use actors::ports::{
    Cancelled, Changes, Ending, EventLog, JobCounts, JobQuery, JobStore, Outbox, Peers, SENDER_SECS,
    StoreError, SubmitError, Terms,
};
use tempfile::TempDir;

use super::cluster::Cluster;
use super::conformance;
use crate::store::db;
use crate::store::fault::Fault;
use crate::store::locks::Lock;
use crate::store::order;
use crate::store::{Clock, Sharing, SqlStore, StoreOpenError, system_clock};

const NOTE: JobEvent = JobEvent::Progress { percent: 0.0, chunk: 1, chunks_total: 9, eta_secs: None };

/// For all tests of the process.
pub(super) static CLUSTER: LazyLock<Option<Cluster>> = LazyLock::new(Cluster::start);

pub(super) async fn open() -> Option<(SqlStore, TempDir)> {
    open_as(Sharing::Alone, None).await
}

/// In a database of its own.
pub(super) async fn open_with(clock: Clock) -> Option<(SqlStore, TempDir)> {
    open_as(Sharing::Alone, Some(clock)).await
}

/// As one of several services.
pub(super) async fn open_shared() -> Option<(SqlStore, TempDir)> {
    open_as(Sharing::Shared, None).await
}

async fn open_as(sharing: Sharing, clock: Option<Clock>) -> Option<(SqlStore, TempDir)> {
    let url = CLUSTER.as_ref()?.create_database();
    let dir = tempfile::tempdir().unwrap();
    Some((SqlStore::open_postgres_with(dir.path(), &url, sharing, clock).await.unwrap(), dir))
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
        WHERE table_schema = 'public' AND table_name NOT IN ('_sqlx_migrations', 'job_texts', 'store_identity', 'duties', 'services', 'asks')";
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
    let store = SqlStore::open_postgres(dir.path(), &url, Sharing::Alone).await.unwrap();
    let second = SqlStore::open_postgres(other.path(), &url, Sharing::Alone).await.unwrap_err();
    assert!(matches!(second, StoreOpenError::DatabaseInUse { .. }), "{second}");
    assert!(!second.to_string().contains("hush"), "{second}");
    store.close().await;
    SqlStore::open_postgres(other.path(), &url, Sharing::Alone).await.unwrap();
}

/// The session that writes is ended, as after a failure of the network, and another service is faster to come back.
#[tokio::test]
async fn a_service_without_the_lock_changes_nothing() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    let url = cluster.create_database();
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SqlStore::open_postgres(dir.path(), &url, Sharing::Alone).await.unwrap();
    conformance::submit(&store, Priority::Batch).await;
    // It has no other connection for changes until this one is given back.
    let change = store.change(Lock::Abandoned).await.unwrap();
    end_writer(&store).await;
    let second = SqlStore::open_postgres(other.path(), &url, Sharing::Alone).await.unwrap();
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
    let store = SqlStore::open_postgres(dir.path(), &url, Sharing::Alone).await.unwrap();
    end_writer(&store).await;
    conformance::submit(&store, Priority::Batch).await;
    let second = SqlStore::open_postgres(other.path(), &url, Sharing::Alone).await.unwrap_err();
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
    let mut change = store.change(Lock::Abandoned).await.unwrap();
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
    SqlStore::open_postgres(dir.path(), &url, Sharing::Alone).await.unwrap().close().await;
    let other =
        SqlStore::open_postgres(dir.path(), &cluster.create_database(), Sharing::Alone).await.unwrap_err();
    assert!(matches!(other, StoreOpenError::OtherDatabase { .. }), "{other}");
    let sqlite = SqlStore::open(dir.path()).await.unwrap_err();
    assert!(matches!(sqlite, StoreOpenError::OtherDatabase { .. }), "{sqlite}");
    SqlStore::open_postgres(dir.path(), &url, Sharing::Alone).await.unwrap();

    let (of_sqlite, used) = super::open().await;
    of_sqlite.close().await;
    let postgres =
        SqlStore::open_postgres(used.path(), &cluster.create_database(), Sharing::Alone).await.unwrap_err();
    assert!(matches!(postgres, StoreOpenError::OtherDatabase { .. }), "{postgres}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_password() {
    let dir = tempfile::tempdir().unwrap();
    for url in [
        "postgres://verbatim:hush@127.0.0.1:1/jobs".to_owned(),
        format!("postgres://verbatim:hush@localhost/jobs?host={}", dir.path().display()),
    ] {
        let error = SqlStore::open_postgres(dir.path(), &url, Sharing::Alone).await.unwrap_err();
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
    let url = url.replace(Cluster::name_of(&url), "latin");
    let dir = tempfile::tempdir().unwrap();
    let error = SqlStore::open_postgres(dir.path(), &url, Sharing::Alone).await.unwrap_err();
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

/// Two services on one database.
async fn open_two() -> Option<[(SqlStore, TempDir); 2]> {
    let url = CLUSTER.as_ref()?.create_database();
    let open = async || {
        let dir = tempfile::tempdir().unwrap();
        (SqlStore::open_postgres(dir.path(), &url, Sharing::Shared).await.unwrap(), dir)
    };
    Some([open().await, open().await])
}

#[tokio::test]
async fn a_service_of_its_own_does_not_join_others() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    let (url, dirs) =
        (cluster.create_database(), [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()]);
    let open = async |at: usize, sharing| SqlStore::open_postgres(dirs[at].path(), &url, sharing).await;
    let shared = open(0, Sharing::Shared).await.unwrap();
    let alone = open(1, Sharing::Alone).await.unwrap_err();
    assert!(matches!(alone, StoreOpenError::DatabaseInUse { .. }), "{alone}");
    assert!(alone.to_string().contains("[storage] blobs"), "{alone}");
    shared.close().await;
    let _alone = open(1, Sharing::Alone).await.unwrap();
    assert!(matches!(open(0, Sharing::Shared).await, Err(StoreOpenError::DatabaseInUse { .. })));
}

#[tokio::test]
async fn a_start_takes_back_only_its_own_jobs() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    let (url, dirs) =
        (cluster.create_database(), [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()]);
    let open =
        async |at: usize| SqlStore::open_postgres(dirs[at].path(), &url, Sharing::Shared).await.unwrap();
    let (first, second) = (open(0).await, open(1).await);
    for _ in 0..2 {
        conformance::submit(&first, Priority::Batch).await;
    }
    let (mine, _) = first.claim(Priority::Batch, None).await.unwrap().unwrap();
    let (theirs, _) = second.claim(Priority::Batch, None).await.unwrap().unwrap();
    first.close().await;
    let first = open(0).await;
    let requeued = first.recover().await.unwrap();
    assert_eq!(requeued.iter().map(Recorded::stream).collect::<Vec<_>>(), [Stream::Job(mine.job.id)]);
    assert_eq!(first.counts().await.unwrap(), JobCounts { queued: 1, running: 1 });
    second.end(theirs.fence, Ending::Completed).await.unwrap();
    // Word from before the start changes nothing.
    let late = first.end(mine.fence, Ending::Completed).await.unwrap_err();
    assert!(matches!(late, StoreError::LeaseLost), "{late}");
}

/// A service that stood still for longer than its lease.
#[tokio::test]
async fn a_job_of_a_silent_service_goes_to_another() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    let (url, dirs) =
        (cluster.create_database(), [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()]);
    let silent = SqlStore::open_postgres(dirs[0].path(), &url, Sharing::Shared).await.unwrap();
    let later: Clock = Arc::new(|| system_clock()().after(Duration::from_secs(2 * LEASE_SECS as u64)));
    let other =
        SqlStore::open_postgres_with(dirs[1].path(), &url, Sharing::Shared, Some(later)).await.unwrap();
    let job = conformance::submit(&silent, Priority::Batch).await;
    let (claim, _) = silent.claim(Priority::Batch, None).await.unwrap().unwrap();
    assert_eq!(other.renew(&[]).await.unwrap().len(), 1);
    assert_eq!(other.renew(&[]).await.unwrap().len(), 0);
    let (taken, _) = other.claim(Priority::Batch, None).await.unwrap().unwrap();
    assert_eq!((taken.job.id, taken.job.attempts), (job.id, 2));
    let late = silent.note(claim.fence, NOTE).await.unwrap_err();
    assert!(matches!(late, StoreError::LeaseLost), "{late}");
    silent.renew(&[claim.fence]).await.unwrap();
    other.end(taken.fence, Ending::Completed).await.unwrap();
}

/// Each job goes to one of many that claim at once, and owners take turns all the same.
#[tokio::test]
async fn a_job_is_claimed_once_however_many_claim() {
    const JOBS: usize = 60;
    let Some([(first, _dir), (second, _other)]) = open_two().await else { return };
    for at in 0..JOBS {
        let mut job = conformance::new_job(Priority::Batch);
        job.owner = ["anna", "ben"][at % 2].into();
        first.submit(job, conformance::NO_LIMIT).await.unwrap();
    }
    let claims = async |store: &SqlStore| {
        let mut claimed = vec![];
        while let Some((claim, _)) = store.claim(Priority::Batch, None).await.unwrap() {
            claimed.push(claim.job);
        }
        claimed
    };
    let several = tokio::join!(claims(&first), claims(&first), claims(&second), claims(&second));
    let mut claimed: Vec<_> = [several.0, several.1, several.2, several.3].concat();
    claimed.sort_by_key(|job| job.started_at);
    let of_anna = claimed.iter().take(JOBS / 2).filter(|job| job.owner == "anna").count();
    // Claims at the same moment may be of the same owner.
    assert!(of_anna.abs_diff(JOBS / 4) <= 4, "{of_anna}");
    let ids: HashSet<_> = claimed.iter().map(|job| job.id).collect();
    assert_eq!((claimed.len(), ids.len()), (JOBS, JOBS));
}

#[tokio::test]
async fn the_queues_limit_holds_over_all_services() {
    const MOST: u64 = 10;
    let Some([(first, _dir), (second, _other)]) = open_two().await else { return };
    let submits = async |store: &SqlStore| {
        let mut taken = 0;
        for _ in 0..MOST {
            let terms = Terms { max_queued: MOST, reuse: None };
            match store.submit(conformance::new_job(Priority::Batch), terms).await {
                Ok(_) => taken += 1,
                Err(SubmitError::QueueFull { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        taken
    };
    let taken = tokio::join!(submits(&first), submits(&second), submits(&first), submits(&second));
    assert_eq!(taken.0 + taken.1 + taken.2 + taken.3, MOST);
}

/// Word of a cancellation over one service, while another writes.
#[tokio::test]
async fn events_of_two_services_are_numbered_without_gaps() {
    let Some([(first, _dir), (second, _other)]) = open_two().await else { return };
    let job = conformance::submit(&first, Priority::Batch).await;
    let (claim, _) = first.claim(Priority::Batch, None).await.unwrap().unwrap();
    let notes = async {
        let mut written = 0;
        while first.note(claim.fence, NOTE).await.is_ok() {
            written += 1;
        }
        written
    };
    let cancel = async {
        while second.last_seq(Stream::Job(job.id)).await.unwrap() < 10 {}
        second.cancel(job.id).await.unwrap()
    };
    let (written, _) = tokio::join!(notes, cancel);
    let model = async |store: &SqlStore| {
        for _ in 0..20 {
            store.append_model_event(ModelEvent::ModelLoading.into()).await.unwrap();
        }
    };
    tokio::join!(model(&first), model(&second));
    for (stream, expected) in [(Stream::Job(job.id), written + 3), (Stream::Model, 40)] {
        let events = second.events_after(stream, 0, 100_000).await.unwrap();
        let numbers: Vec<_> = events.iter().map(|event| event.seq).collect();
        assert_eq!(numbers, (1..=expected).collect::<Vec<_>>());
    }
    let last = second.events_after(Stream::Job(job.id), written + 2, 10).await.unwrap();
    assert!(last[0].is_last(), "{last:?}");
}

/// As when its machine sleeps in the middle of a change.
#[tokio::test]
async fn a_change_that_stands_still_is_undone() {
    let Some([(first, _dir), (second, _other)]) = open_two().await else { return };
    let job = conformance::submit(&first, Priority::Batch).await;
    let stuck = first.change(Lock::Job(job.id)).await.unwrap();
    assert!(matches!(second.cancel(job.id).await.unwrap(), Cancelled::Now { .. }));
    drop(stuck);
    conformance::submit(&first, Priority::Batch).await;
}

#[tokio::test]
async fn services_tell_each_other_what_is_new() {
    let Some([(first, _dir), (second, _other)]) = open_two().await else { return };
    // At its beginning each looks at everything.
    while first.changes().await.streams.is_empty() {
        second.announce(Changes { streams: vec![Stream::Model], ..Changes::default() });
    }
    let job = conformance::submit(&second, Priority::Batch).await;
    let changes = Changes { streams: vec![Stream::Job(job.id)], queue: true, ..Changes::default() };
    second.announce(changes.clone());
    loop {
        let announced = first.changes().await;
        if announced.streams.contains(&Stream::Job(job.id)) {
            assert!(announced.queue);
            break;
        }
    }
    let streams = [Stream::Job(job.id), Stream::Job(JobId::new()), Stream::Model];
    assert_eq!(first.last_seqs(&streams).await.unwrap(), [(Stream::Job(job.id), 1)]);
}

#[tokio::test]
async fn one_service_at_a_time_sends_webhooks() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    let (url, dir, other) =
        (cluster.create_database(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = SqlStore::open_postgres(dir.path(), &url, Sharing::Shared).await.unwrap();
    let second = SqlStore::open_postgres(other.path(), &url, Sharing::Shared).await.unwrap();
    assert!(first.is_sender().await.unwrap());
    assert!(!second.is_sender().await.unwrap());
    assert!(first.is_sender().await.unwrap());
    first.close().await;
    second.close().await;
    // What one has asked it does not ask again at once.
    let third = SqlStore::open_postgres(dir.path(), &url, Sharing::Shared).await.unwrap();
    assert!(third.is_sender().await.unwrap());
}

/// One that was killed, and gave nothing back.
#[tokio::test]
async fn another_service_sends_once_the_one_before_is_silent() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    let (url, dirs) =
        (cluster.create_database(), [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()]);
    let silent = SqlStore::open_postgres(dirs[0].path(), &url, Sharing::Shared).await.unwrap();
    assert!(silent.is_sender().await.unwrap());
    let later: Clock = Arc::new(|| system_clock()().after(Duration::from_secs(3 * SENDER_SECS)));
    let other =
        SqlStore::open_postgres_with(dirs[1].path(), &url, Sharing::Shared, Some(later)).await.unwrap();
    assert!(other.is_sender().await.unwrap());
}

/// The count of crashes is the job's, whichever services they happen on.
#[tokio::test]
async fn crashes_on_several_services_count_together() {
    let Some([(first, _dir), (second, _other)]) = open_two().await else { return };
    conformance::submit(&first, Priority::Batch).await;
    for (service, crashes) in [(&first, 0), (&second, 1), (&first, 2)] {
        let (claim, _) = service.claim(Priority::Batch, None).await.unwrap().unwrap();
        assert_eq!(claim.exits.crashes, crashes);
        service.requeue(claim.fence, RequeueReason::EngineExited).await.unwrap();
    }
}

/// A service of this version beside one of the next, which has brought the schema up to date.
#[tokio::test]
async fn a_schema_of_a_later_version_is_good_enough() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    let (url, dir) = (cluster.create_database(), tempfile::tempdir().unwrap());
    SqlStore::open_postgres(dir.path(), &url, Sharing::Shared).await.unwrap().close().await;
    cluster.run_in(
        Cluster::name_of(&url),
        "ALTER TABLE jobs ADD COLUMN later BIGINT NOT NULL DEFAULT 0; CREATE TABLE later (id TEXT); \
         INSERT INTO _sqlx_migrations SELECT 9999, 'later', now(), true, '\\x00', 1",
    );
    let store = SqlStore::open_postgres(dir.path(), &url, Sharing::Shared).await.unwrap();
    conformance::submit(&store, Priority::Batch).await;
    let (claim, _) = store.claim(Priority::Batch, None).await.unwrap().unwrap();
    store.end(claim.fence, Ending::Completed).await.unwrap();
}

/// A change that is undone has its locks a moment longer: what it had locked is in the queue all the same.
#[tokio::test]
async fn a_job_that_another_change_has_locked_is_waited_for() {
    let Some([(first, _dir), (second, _other)]) = open_two().await else { return };
    let job = conformance::submit(&first, Priority::Batch).await;
    let change = first.change(Lock::Job(job.id)).await.unwrap();
    // Undone by PostgreSQL, since it stands still.
    let (claim, _) = second.claim(Priority::Batch, None).await.unwrap().unwrap();
    assert_eq!(claim.job.id, job.id);
    drop(change);
    conformance::submit(&first, Priority::Batch).await;
    let mut change = first.change(Lock::Own).await.unwrap();
    let taken = order::take_first(&mut change, Priority::Batch, None).await.unwrap().unwrap();
    let (none, ()) = tokio::join!(second.claim(Priority::Batch, None), async {
        let cancel = db::query("UPDATE jobs SET state = 'cancelled' WHERE id = $1").bind(&taken.id);
        cancel.execute(&mut change).await.unwrap();
        change.commit().await.unwrap();
    });
    assert!(none.unwrap().is_none());
}
