//! Every statement, in one place. Placeholders are `$1`, and nothing here is known to one engine only.

/// The columns of [`super::rows::JobRow`].
macro_rules! job_columns {
    () => {
        "id, state, created_at, started_at, finished_at, filename, bytes, blob_sha256, blob_key, \
         duration_samples, params, metadata, webhook_url, progress, attempts, error, language"
    };
}

// ---- the queue ----------------------------------------------------------------------------------

/// 1: most jobs to count.
pub(super) const COUNT_QUEUED: &str =
    "SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 'queued' LIMIT $1) AS waiting";

pub(super) const INSERT_JOB: &str = concat!(
    "INSERT INTO jobs (id, state, priority, params, metadata, webhook_url, blob_key, blob_sha256, bytes, \
     filename, duration_samples, language, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13) RETURNING ",
    job_columns!()
);

pub(super) const NEXT_QUEUED: &str =
    "SELECT id, state FROM jobs WHERE state = 'queued' ORDER BY priority, created_at, id LIMIT 1";

/// 1: id, 2: new state, 3: now.
pub(super) const CLAIM: &str = concat!(
    "UPDATE jobs SET state = $2, epoch = epoch + 1, attempts = attempts + 1, \
     started_at = COALESCE(started_at, $3), updated_at = $3 \
     WHERE id = $1 AND state = 'queued' RETURNING epoch, next_chunk, crash_streak, ",
    job_columns!()
);

pub(super) const COUNT_SEGMENTS: &str = "SELECT COUNT(*) FROM segments WHERE job_id = $1";

/// Queued jobs that would be claimed before the one asked for.
pub(super) const PLACE: &str = "\
    SELECT COUNT(ahead.id), CAST(COALESCE(SUM(ahead.duration_samples), 0) AS BIGINT) \
    FROM jobs AS mine LEFT JOIN jobs AS ahead ON ahead.state = 'queued' \
     AND (ahead.priority, ahead.created_at, ahead.id) < (mine.priority, mine.created_at, mine.id) \
    WHERE mine.id = $1 AND mine.state = 'queued' GROUP BY mine.id";

pub(super) const RUNNING_JOBS: &str = "SELECT id, state FROM jobs WHERE state = 'running' ORDER BY id";

/// 1: id, 2: new state, 3: now.
pub(super) const RECOVER: &str = "\
    UPDATE jobs SET state = $2, epoch = epoch + 1, worker = NULL, lease_until = NULL, updated_at = $3 \
    WHERE id = $1 AND state = 'running'";

/// 1: id, 2: new state, 3: now, 4: the state it was judged by.
pub(super) const CANCEL: &str = concat!(
    "UPDATE jobs SET state = $2, epoch = epoch + 1, worker = NULL, lease_until = NULL, \
     finished_at = $3, updated_at = $3 WHERE id = $1 AND state = $4 RETURNING ",
    job_columns!()
);

pub(super) const DELETE_SEGMENTS: &str = "DELETE FROM segments WHERE job_id = $1";
pub(super) const DELETE_PLAN: &str = "DELETE FROM plans WHERE job_id = $1";
pub(super) const DELETE_EVENTS: &str = "DELETE FROM events WHERE stream = $1";
pub(super) const DELETE_JOB: &str = "DELETE FROM jobs WHERE id = $1";

// ---- work on a claimed job: all fenced ----------------------------------------------------------

/// 1: id, 2: epoch.
pub(super) const HELD: &str =
    "SELECT state, next_chunk, progress FROM jobs WHERE id = $1 AND epoch = $2 AND state = 'running'";

/// 1: id, 2: epoch, 3: now.
pub(super) const TOUCH: &str =
    "UPDATE jobs SET updated_at = $3 WHERE id = $1 AND epoch = $2 AND state = 'running'";

/// 1: id, 2: epoch, 3: now, 4: chunks, 5: samples, 6: progress.
pub(super) const PLANNED: &str = "\
    UPDATE jobs SET total_chunks = $4, duration_samples = $5, progress = $6, updated_at = $3 \
    WHERE id = $1 AND epoch = $2 AND state = 'running'";

pub(super) const PLAN_HASH: &str = "SELECT hash FROM plans WHERE job_id = $1";
pub(super) const PLAN: &str = "SELECT body FROM plans WHERE job_id = $1";

pub(super) const KEEP_PLAN: &str = "\
    INSERT INTO plans (job_id, hash, body) VALUES ($1, $2, $3) \
    ON CONFLICT (job_id) DO UPDATE SET hash = excluded.hash, body = excluded.body";

pub(super) const FORGET_CHUNKS: &str = "UPDATE jobs SET next_chunk = 0 WHERE id = $1";

/// 1: id, 2: epoch, 3: now, 4: next chunk, 5: language, 6: progress.
pub(super) const CHECKPOINT: &str = "\
    UPDATE jobs SET next_chunk = $4, language = $5, progress = $6, crash_streak = 0, \
    updated_at = $3 WHERE id = $1 AND epoch = $2 AND state = 'running'";

pub(super) const INSERT_SEGMENT: &str =
    "INSERT INTO segments (job_id, chunk, idx, body) VALUES ($1, $2, $3, $4)";

/// 1: id, 2: epoch, 3: now, 4: new state, 5: error, 6: progress.
pub(super) const END: &str = "\
    UPDATE jobs SET state = $4, error = $5, progress = $6, worker = NULL, lease_until = NULL, \
    finished_at = $3, updated_at = $3 WHERE id = $1 AND epoch = $2 AND state = 'running'";

/// 1: id, 2: epoch, 3: now, 4: new state, 5: deaths of the engine to add.
pub(super) const REQUEUE: &str = "\
    UPDATE jobs SET state = $4, crash_streak = crash_streak + $5, worker = NULL, lease_until = NULL, \
    updated_at = $3 WHERE id = $1 AND epoch = $2 AND state = 'running'";

// ---- reading jobs -------------------------------------------------------------------------------

pub(super) const JOB: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = $1");

/// Ids of version 7 sort by the time they were made. 1: ids before this one, 2: at most.
pub(super) const JOBS: &str =
    concat!("SELECT ", job_columns!(), " FROM jobs WHERE id < $1 ORDER BY id DESC LIMIT $2");

/// 1: ids before this one, 2: at most, 3: state.
pub(super) const JOBS_IN_STATE: &str =
    concat!("SELECT ", job_columns!(), " FROM jobs WHERE state = $3 AND id < $1 ORDER BY id DESC LIMIT $2");

pub(super) const SEGMENTS: &str = "SELECT body FROM segments WHERE job_id = $1 ORDER BY chunk, idx";

pub(super) const COUNTS: &str =
    "SELECT state, COUNT(*) FROM jobs WHERE state IN ('queued', 'running') GROUP BY state";

pub(super) const BLOB_KEYS: &str = "SELECT blob_key FROM jobs";

// ---- events -------------------------------------------------------------------------------------

/// 1: stream, 2: kind, 3: body, 4: now.
pub(super) const APPEND_EVENT: &str = "\
    INSERT INTO events (stream, seq, kind, body, at) \
    SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4 FROM events WHERE stream = $1 RETURNING seq";

/// 1: stream, 2: after this one, 3: at most.
pub(super) const EVENTS_AFTER: &str =
    "SELECT seq, at, body FROM events WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3";

pub(super) const LAST_SEQ: &str = "SELECT COALESCE(MAX(seq), 0) FROM events WHERE stream = $1";

// ---- subscribers --------------------------------------------------------------------------------

pub(super) const SUBSCRIBE: &str =
    "INSERT INTO subscribers (id, url, created_at) VALUES ($1, $2, $3) ON CONFLICT (url) DO NOTHING";
pub(super) const SUBSCRIBER: &str = "SELECT id, url, created_at FROM subscribers WHERE url = $1";
pub(super) const SUBSCRIBERS: &str = "SELECT id, url, created_at FROM subscribers ORDER BY created_at, id";
pub(super) const UNSUBSCRIBE: &str = "DELETE FROM subscribers WHERE id = $1";
