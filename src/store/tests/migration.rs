//! From SQLite to PostgreSQL: all that the ports read is the same, or nothing was changed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use actors::domain::event::{ModelEvent, OfModel, Stream};
use actors::domain::jobs::job::{Idempotency, JobError, KeyLife, NewJob};
use actors::domain::jobs::options::Priority;
use actors::domain::jobs::words::SearchWords;
use actors::domain::peaks::Peaks;
use actors::domain::webhook::Secret;
use actors::domain::webhook::retry::Failures;
use actors::ports::{
    Attempt, Checkpoint, DeliveryQuery, Ending, EventLog, JobQuery, JobStore, Outbox, PeakStore,
    RevisionStore, SubscriberStore, Verdict,
};
use sqlx::PgPool;
use tempfile::TempDir;

use super::conformance::{NO_LIMIT, checkpoint, claim_next, edited, new_job, plan, progress, submit};
use super::postgres::CLUSTER;
use super::sqlite;
use crate::store::{MigrateError, Migrated, Sharing, SqlStore, StoreOpenError, migrate};

/// More rows than one statement inserts.
const SEGMENTS: u32 = 250;
const URL: &str = "https://a.example/hook";

/// The folder of a service that has used everything, and the URL of an empty database. Nothing without PostgreSQL.
async fn used() -> Option<(TempDir, String)> {
    let url = CLUSTER.as_ref()?.create_database();
    let (store, dir) = super::open().await;
    let mut first = new_job(Priority::Batch);
    first.audio.filename = Some("a\0\"b\"\\.wav".into());
    first.metadata = Some(r#"{"größe":[1.5,null,"\u0000"]}"#.into());
    first.webhook_url = Some(URL.into());
    first.once = Some(Idempotency { key: "k".into(), fingerprint: "f".into(), life: KeyLife::Day });
    let first = store.submit(first, NO_LIMIT).await.unwrap().0.id;
    let (claim, _) = claim_next(&store, Priority::Batch).await.unwrap();
    let plan = plan(2);
    store.planned(claim.fence, &plan, progress(0, &plan)).await.unwrap();
    let sure = Checkpoint { language_probability: Some(0.1), ..checkpoint(0, &plan, 0..SEGMENTS) };
    store.checkpoint(claim.fence, sure).await.unwrap();
    store.checkpoint(claim.fence, checkpoint(1, &plan, 0..0)).await.unwrap();
    store.end(claim.fence, Ending::Completed).await.unwrap();
    store.keep_peaks(first, &Peaks { samples: 32, stretch: 16, levels: vec![0, 65_535] }).await.unwrap();
    store.revise(first, 0, "alice", &edited("one")).await.unwrap();

    let failed = NewJob { owner: "alice".into(), retry_of: Some(first), ..new_job(Priority::Interactive) };
    store.submit(failed, NO_LIMIT).await.unwrap();
    let (claim, _) = claim_next(&store, Priority::Interactive).await.unwrap();
    let error = JobError { code: "x".into(), message: "y".into() };
    store.end(claim.fence, Ending::Failed(error)).await.unwrap();
    let cancelled = submit(&store, Priority::Batch).await;
    store.cancel(cancelled.id).await.unwrap();
    submit(&store, Priority::Batch).await;
    claim_next(&store, Priority::Batch).await.unwrap();
    submit(&store, Priority::Batch).await;

    let subscriber = store.subscribe("bob", "https://b.example/", Some(Secret::new("one"))).await.unwrap();
    store.change_secret(subscriber.id, Secret::new("two")).await.unwrap();
    let event = ModelEvent::ModelReady { load_secs: 1.0 / 3.0 };
    store.append_model_event(OfModel { model: "base.en".into(), worker: None, event }).await.unwrap();
    let message = store.send_test(subscriber.id).await.unwrap().unwrap();
    let refused = Attempt { status: Some(500), took: Duration::from_secs(1), error: Some("größer".into()) };
    let again = Verdict::Again {
        failures: Failures { scheduled: 1, asked: 2 },
        pause: Duration::from_secs(24 * 3600),
    };
    store.record(message.id, refused, again).await.unwrap();
    store.close().await;
    Some((dir, url))
}

/// All that the ports read but for the search.
async fn read(store: &SqlStore) -> Vec<String> {
    let mut seen = vec![];
    for owner in ["", "alice"] {
        let query = JobQuery { owner: owner.into(), limit: 100, ..JobQuery::default() };
        for job in store.jobs(query).await.unwrap() {
            let id = job.id;
            let log = store.events_after(Stream::Job(id), 0, u32::MAX).await.unwrap();
            seen.push(format!("{job:?} {log:?} {:?}", store.segments(id).await.unwrap()));
            seen.push(format!(
                "{:?} {:?}",
                store.peaks(id).await.unwrap(),
                store.revisions(id).await.unwrap()
            ));
            seen.push(format!(
                "{:?} {:?}",
                store.revision(id, 1).await.unwrap(),
                store.place(id).await.unwrap()
            ));
        }
    }
    seen.push(format!("{:?}", store.events_after(Stream::Model, 0, u32::MAX).await.unwrap()));
    seen.push(format!("{:?}", store.sent_under("", "k").await.unwrap().map(|earlier| earlier.fingerprint)));
    for subscriber in store.subscribers().await.unwrap() {
        let query = DeliveryQuery { subscriber: subscriber.id, before: None, limit: 100 };
        seen.push(format!("{subscriber:?} {:?}", store.deliveries(query).await.unwrap()));
    }
    for (host, _) in store.hosts().await.unwrap() {
        let keys = store.due(&host, 100).await.unwrap().into_iter().map(|due| (due.id, due.body, due.keys));
        seen.push(format!("{host} {:?}", keys.collect::<Vec<_>>()));
    }
    seen
}

/// Says where they differ, and not all of both.
fn is_same(seen: &[String], expected: &[String]) {
    assert_eq!(seen.len(), expected.len());
    for (seen, expected) in seen.iter().zip(expected) {
        let at = seen.chars().zip(expected.chars()).take_while(|(one, other)| one == other).count();
        let rest = |text: &str| text.chars().skip(at.saturating_sub(40)).take(200).collect::<String>();
        assert!(seen == expected, "{}\ninstead of\n{}", rest(seen), rest(expected));
    }
}

/// As a service finds the folder that was not migrated.
async fn read_folder(dir: &Path) -> Vec<String> {
    let store = SqlStore::open(dir).await.unwrap();
    let seen = read(&store).await;
    store.close().await;
    seen
}

/// The target has no rows, and the folder is as it was.
async fn nothing_was_migrated(url: &str, dir: &Path, before: &[String]) {
    let other = tempfile::tempdir().unwrap();
    let store = SqlStore::open_postgres(other.path(), url, Sharing::Alone).await.unwrap();
    assert_eq!(read(&store).await, ["[]", "None"]);
    store.close().await;
    assert_eq!(super::names(dir), ["lock", "verbatim.db"]);
    is_same(&read_folder(dir).await, before);
}

#[tokio::test]
async fn a_migrated_service_finds_all_that_it_had() {
    let Some((dir, url)) = used().await else { return };
    let before = read_folder(dir.path()).await;
    assert!(before.len() > 15, "{before:?}");
    let Migrated { server, tables, kept } = migrate(dir.path(), &url).await.unwrap();
    assert!(server.contains("test") && !server.contains("hush"), "{server}");
    let of = |name: &str| tables.iter().find(|table| table.name == name).unwrap().rows;
    assert_eq!((of("jobs"), of("segments"), tables.len()), (5, u64::from(SEGMENTS), 11));
    for table in &tables {
        assert!(table.rows > 0 && table.sha256.len() == 64, "{table:?}");
    }
    assert_eq!(super::names(dir.path()), ["lock", "postgres-id", "verbatim.db.migrated"]);
    assert!(kept.ends_with("verbatim.db.migrated") && kept.exists());

    let sqlite = SqlStore::open(dir.path()).await.unwrap_err();
    assert!(matches!(sqlite, StoreOpenError::OtherDatabase { .. }), "{sqlite}");
    let store = SqlStore::open_postgres(dir.path(), &url, Sharing::Alone).await.unwrap();
    let without_nul: Vec<String> = before.iter().map(|text| text.replace("a\\0", "a\u{fffd}")).collect();
    assert_ne!(without_nul, before);
    is_same(&read(&store).await, &without_nul);
    let found = async || {
        let words = SearchWords::new("one").unwrap();
        let query = JobQuery { words, limit: 100, ..JobQuery::default() };
        store.jobs(query).await.unwrap().len()
    };
    assert_eq!(found().await, 0);
    assert_eq!(store.index_jobs().await.unwrap(), 5);
    assert_eq!(found().await, 1);
}

#[tokio::test]
async fn a_database_with_rows_is_not_migrated_to() {
    let Some((dir, url)) = used().await else { return };
    let before = read_folder(dir.path()).await;
    let other = tempfile::tempdir().unwrap();
    let store = SqlStore::open_postgres(other.path(), &url, Sharing::Alone).await.unwrap();
    let ready = ModelEvent::ModelLoading;
    store.append_model_event(OfModel { model: "base.en".into(), worker: None, event: ready }).await.unwrap();
    store.close().await;
    let refused = migrate(dir.path(), &url).await.unwrap_err();
    assert!(matches!(&refused, MigrateError::NotEmpty { table, .. } if table == "events"), "{refused}");
    assert!(!refused.to_string().contains("hush"), "{refused}");
    is_same(&read_folder(dir.path()).await, &before);
}

#[tokio::test]
async fn a_service_that_runs_is_not_migrated() {
    let Some((dir, url)) = used().await else { return };
    let before = read_folder(dir.path()).await;
    let store = SqlStore::open(dir.path()).await.unwrap();
    let refused = migrate(dir.path(), &url).await.unwrap_err();
    assert!(matches!(refused, MigrateError::Storage(StoreOpenError::InUse { .. })), "{refused}");
    store.close().await;
    nothing_was_migrated(&url, dir.path(), &before).await;
}

#[tokio::test]
async fn a_database_that_a_service_has_open_is_not_migrated_to() {
    let Some((dir, url)) = used().await else { return };
    let before = read_folder(dir.path()).await;
    let other = tempfile::tempdir().unwrap();
    // It would take jobs over whose recordings it does not have.
    let store = SqlStore::open_postgres(other.path(), &url, Sharing::Shared).await.unwrap();
    let refused = migrate(dir.path(), &url).await.unwrap_err();
    assert!(matches!(refused, MigrateError::Storage(StoreOpenError::DatabaseInUse { .. })), "{refused}");
    store.close().await;
    is_same(&read_folder(dir.path()).await, &before);
}

#[tokio::test]
async fn a_folder_without_a_database_is_not_migrated() {
    let Some(cluster) = CLUSTER.as_ref() else { return };
    let (dir, url) = (tempfile::tempdir().unwrap(), cluster.create_database());
    let missing = dir.path().join("data");
    let refused = migrate(&missing, &url).await.unwrap_err();
    assert!(matches!(refused, MigrateError::NoDatabase { .. }), "{refused}");
    assert!(!missing.exists());

    let (store, dir) = super::open().await;
    store.close().await;
    fs::write(dir.path().join("verbatim.db.migrated"), "kept").unwrap();
    let refused = migrate(dir.path(), &url).await.unwrap_err();
    assert!(matches!(refused, MigrateError::MigratedBefore { .. }), "{refused}");
    assert_eq!(fs::read_to_string(dir.path().join("verbatim.db.migrated")).unwrap(), "kept");
}

#[tokio::test]
async fn a_folder_that_cannot_be_marked_is_marked_by_hand() {
    let Some((dir, url)) = used().await else { return };
    fs::create_dir(dir.path().join("postgres-id.partial")).unwrap();
    let unmarked = migrate(dir.path(), &url).await.unwrap_err();
    let MigrateError::Unmarked { id, .. } = &unmarked else { panic!("{unmarked}") };
    assert!(unmarked.to_string().contains("rename verbatim.db to verbatim.db.migrated"), "{unmarked}");
    assert_eq!(super::names(dir.path()), ["lock", "postgres-id.partial", "verbatim.db"]);
    fs::write(dir.path().join("postgres-id"), id).unwrap();
    fs::rename(dir.path().join("verbatim.db"), dir.path().join("verbatim.db.migrated")).unwrap();
    let store = SqlStore::open_postgres(dir.path(), &url, Sharing::Alone).await.unwrap();
    assert_eq!(store.blob_keys().await.unwrap().len(), 5);
    store.close().await;
    let again = migrate(dir.path(), &url).await.unwrap_err();
    assert!(matches!(again, MigrateError::MigratedBefore { .. }), "{again}");
}

#[tokio::test]
async fn a_damaged_row_keeps_all_from_being_migrated() {
    let Some((dir, url)) = used().await else { return };
    let before = read_folder(dir.path()).await;
    let execute = async |statement: &'static str| {
        let store = SqlStore::open(dir.path()).await.unwrap();
        sqlx::query(statement).execute(sqlite(&store.writer)).await.unwrap();
        store.close().await;
    };
    for (damage, repair, named) in [
        (
            "UPDATE segments SET body = CAST(body AS BLOB) WHERE idx = 220",
            "UPDATE segments SET body = CAST(body AS TEXT)",
            "segments",
        ),
        (
            "UPDATE attempts SET error = CAST(X'FF' AS TEXT)",
            "UPDATE attempts SET error = 'größer'",
            "attempts",
        ),
        ("UPDATE attempts SET ms = 'soon'", "UPDATE attempts SET ms = 1000", "attempts"),
    ] {
        execute(damage).await;
        let refused = migrate(dir.path(), &url).await.unwrap_err();
        assert!(
            matches!(&refused, MigrateError::Damaged { detail, .. } if detail.contains(named)),
            "{refused}"
        );
        execute(repair).await;
        nothing_was_migrated(&url, dir.path(), &before).await;
    }
}

#[tokio::test]
async fn rows_that_arrive_changed_are_taken_back() {
    const SPOIL: &str = "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN NEW.body := replace(NEW.body, '249', '248'); RETURN NEW; END $$";
    const SPOIL_SEGMENTS: &str =
        "CREATE TRIGGER spoil BEFORE INSERT ON segments FOR EACH ROW EXECUTE FUNCTION spoil()";
    const LOSE_PEAKS: &str = "CREATE RULE lose AS ON INSERT TO peaks DO INSTEAD NOTHING";
    let Some((dir, url)) = used().await else { return };
    let before = read_folder(dir.path()).await;
    let other = tempfile::tempdir().unwrap();
    SqlStore::open_postgres(other.path(), &url, Sharing::Alone).await.unwrap().close().await;
    let target = PgPool::connect(&url).await.unwrap();
    for (statements, changed) in
        [(&[LOSE_PEAKS][..], "peaks"), (&["DROP RULE lose ON peaks", SPOIL, SPOIL_SEGMENTS], "segments")]
    {
        for statement in statements {
            sqlx::query(*statement).execute(&target).await.unwrap();
        }
        let refused = migrate(dir.path(), &url).await.unwrap_err();
        assert!(matches!(&refused, MigrateError::Differs { table, .. } if table == changed), "{refused}");
        nothing_was_migrated(&url, dir.path(), &before).await;
    }
    target.close().await;
}
