//! Every statement, in one place. Placeholders are `$1`, and nothing here is known to one engine only: the tests of the
//! store run on both. The index that texts are searched in is each engine's own: see [`super::search`].

/// The columns of [`super::rows::JobRow`].
macro_rules! job_columns {
    () => {
        "id, owner, state, created_at, started_at, finished_at, filename, bytes, blob_sha256, blob_key, \
         duration_samples, params, metadata, webhook_url, progress, attempts, error, language, \
         language_probability, reused_from, warnings, api, traceparent, revision, retry_of"
    };
}

// ---- the queue ----------------------------------------------------------------------------------

// Conditions that are always true (`created_at >= 0` and the like) lead SQLite to the small index made for a
// statement, where it would take a larger one.
pub(super) const COUNT_QUEUED: &str = "SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND priority >= 0";

pub(super) const INSERT_JOB: &str = concat!(
    "INSERT INTO jobs (id, state, priority, params, metadata, webhook_url, blob_key, blob_sha256, bytes, \
     filename, duration_samples, language, created_at, updated_at, owner, idem_key, idem_fp, model, api, \
     traceparent, retry_of) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15, $16, $17, $18, $19, $20) RETURNING ",
    job_columns!()
);

/// 1: owner, 2: key, 3: keys from before this are forgotten.
pub(super) const SENT_UNDER: &str =
    "SELECT id, idem_fp FROM jobs WHERE owner = $1 AND idem_key = $2 AND created_at > $3";

/// 1: owner, 2: key, 3: a result from before this is not taken.
pub(super) const USEFUL_UNDER: &str = "\
    SELECT id, idem_fp FROM jobs WHERE owner = $1 AND idem_key = $2 \
    AND (state = 'queued' OR state = 'running' OR (state = 'completed' AND finished_at > $3))";

/// 1: owner, 2: key.
pub(super) const FORGET_KEY: &str = "UPDATE jobs SET idem_key = NULL WHERE owner = $1 AND idem_key = $2";

/// 1: priority, 2: model.
pub(super) const NEXT_BEGUN: &str = "\
    SELECT id, owner, state, created_at FROM jobs \
    WHERE state = 'queued' AND attempts > 0 AND priority = $1 AND model = $2 \
    ORDER BY created_at, id LIMIT 1";

/// The oldest job that was not begun yet of each owner, whose turn is first first. Goes from owner to owner by the
/// index instead of reading the queue.
macro_rules! turns {
    ($of:literal) => {
        concat!(
            "WITH RECURSIVE owners (owner) AS (\
               SELECT (SELECT owner FROM jobs WHERE state = 'queued' AND attempts = 0 AND priority = $1",
            $of,
            " ORDER BY owner LIMIT 1) \
               UNION ALL \
               SELECT (SELECT jobs.owner FROM jobs WHERE state = 'queued' AND attempts = 0 AND priority = $1",
            $of,
            " AND jobs.owner > owners.owner ORDER BY jobs.owner LIMIT 1) \
               FROM owners WHERE owners.owner IS NOT NULL) \
             SELECT jobs.id, jobs.state, jobs.owner, jobs.created_at, COALESCE(turns.served, 0) AS served \
             FROM owners \
             JOIN jobs ON jobs.id = (SELECT oldest.id FROM jobs AS oldest \
               WHERE oldest.state = 'queued' AND oldest.attempts = 0 AND oldest.priority = $1",
            $of,
            " AND oldest.owner = owners.owner ORDER BY oldest.created_at, oldest.id LIMIT 1) \
             LEFT JOIN turns ON turns.owner = owners.owner AND turns.priority = $1 \
             ORDER BY COALESCE(turns.served, 0), jobs.created_at, jobs.id"
        )
    };
}

/// 1: priority.
pub(super) const TURNS: &str = turns!("");

/// 1: priority, 2: model.
pub(super) const NEXT_TURN: &str = concat!(turns!(" AND model = $2"), " LIMIT 1");

/// 1: at most.
pub(super) const WAITING: &str = "\
    SELECT jobs.id, jobs.owner, jobs.priority, COALESCE(jobs.model, '') AS model, jobs.attempts > 0 AS begun, \
    jobs.created_at, jobs.duration_samples, COALESCE(turns.served, 0) AS served FROM jobs \
    LEFT JOIN turns ON turns.owner = jobs.owner AND turns.priority = jobs.priority \
    WHERE jobs.state = 'queued' AND jobs.priority >= 0 LIMIT $1";

/// A version with one model only may have used the database in between: it leaves the column empty.
pub(super) const WANT_THE_DEFAULT_MODEL: &str = "UPDATE jobs SET model = '' WHERE model IS NULL";

/// Goes from model to model by the index.
pub(super) const MODELS_WAITED_FOR: &str = "\
    SELECT DISTINCT model FROM jobs WHERE state = 'queued' AND attempts = 0 AND model IS NOT NULL \
    UNION \
    SELECT DISTINCT model FROM jobs WHERE state = 'queued' AND attempts > 0 AND model IS NOT NULL";

/// 1: owner, 2: priority.
pub(super) const SERVED: &str = "\
    INSERT INTO turns (owner, priority, served) \
    SELECT $1, $2, COALESCE(MAX(served), 0) + 1 FROM turns WHERE true \
    ON CONFLICT (owner, priority) DO UPDATE SET served = excluded.served";

/// 1: priority.
pub(super) const IS_WAITING: &str = "\
    SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM jobs WHERE state = 'queued' AND priority = $1) THEN 1 ELSE 0 END \
    AS BIGINT)";

/// 1: id, 2: new state, 3: now, 4: until when the claim is believed in, 5: the service that claims.
pub(super) const CLAIM: &str = concat!(
    "UPDATE jobs SET state = $2, epoch = epoch + 1, attempts = attempts + 1, \
     started_at = COALESCE(started_at, $3), lease_until = $4, worker = $5, updated_at = $3 \
     WHERE id = $1 AND state = 'queued' RETURNING epoch, next_chunk, crash_streak, kill_streak, ",
    job_columns!()
);

/// 1: owner, 2: SHA-256, 3: at most.
pub(super) const OF_RECORDING: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM jobs WHERE state = 'completed' AND owner = $1 AND blob_sha256 = $2 ORDER BY id DESC LIMIT $3"
);

/// 1: id, 2: new state, 3: now, 4: the job that has the result.
pub(super) const ANSWER: &str = concat!(
    "UPDATE jobs SET state = $2, finished_at = $3, updated_at = $3, reused_from = $4, \
     (total_chunks, next_chunk, duration_samples, language, language_probability, progress, warnings) = \
     (SELECT total_chunks, next_chunk, duration_samples, language, language_probability, progress, warnings \
      FROM jobs AS earlier \
      WHERE earlier.id = $4) \
     WHERE id = $1 AND state = 'queued' RETURNING ",
    job_columns!()
);

/// 1: to, 2: from.
pub(super) const COPY_PLAN: &str =
    "INSERT INTO plans (job_id, hash, body) SELECT $1, hash, body FROM plans WHERE job_id = $2";

/// 1: to, 2: from.
pub(super) const COPY_SEGMENTS: &str = "\
    INSERT INTO segments (job_id, chunk, idx, body) SELECT $1, chunk, idx, body FROM segments WHERE job_id = $2";

pub(super) const CHUNKS_OF_SEGMENTS: &str =
    "SELECT chunk, body FROM segments WHERE job_id = $1 ORDER BY chunk, idx";

pub(super) const COUNT_SEGMENTS: &str = "SELECT COUNT(*) FROM segments WHERE job_id = $1";

/// 1: id.
pub(super) const QUEUED: &str = "\
    SELECT id, owner, priority, created_at, attempts > 0 AS begun FROM jobs WHERE id = $1 AND state = 'queued'";

/// What is ahead of a place: how many, and how much of audio.
macro_rules! ahead {
    () => {
        "SELECT COUNT(*), CAST(COALESCE(SUM(duration_samples), 0) AS BIGINT) FROM "
    };
}

/// 1: priority.
pub(super) const AHEAD_BY_PRIORITY: &str = concat!(ahead!(), "jobs WHERE state = 'queued' AND priority < $1");

/// 1: priority.
pub(super) const AHEAD_BEGUN: &str =
    concat!(ahead!(), "jobs WHERE state = 'queued' AND attempts > 0 AND priority = $1 AND created_at >= 0");

/// 1: priority, 2: creation, 3: id.
pub(super) const AHEAD_BEGUN_EARLIER: &str = concat!(
    ahead!(),
    "jobs WHERE state = 'queued' AND attempts > 0 AND priority = $1 AND (created_at, id) < ($2, $3)"
);

/// 1: priority, 2: owner, 3: creation, 4: id.
pub(super) const AHEAD_OF_OWN: &str = concat!(
    ahead!(),
    "jobs WHERE state = 'queued' AND attempts = 0 AND priority = $1 AND owner = $2 AND (created_at, id) < ($3, $4)"
);

/// 1: priority, 2: owner, 3: at most.
pub(super) const AHEAD_OF_ANOTHER: &str = concat!(
    ahead!(),
    "(SELECT duration_samples FROM jobs \
     WHERE state = 'queued' AND attempts = 0 AND priority = $1 AND owner = $2 \
     ORDER BY created_at, id LIMIT $3) AS first"
);

pub(super) const RUNNING_JOBS: &str = "SELECT id, state, epoch FROM jobs WHERE state = 'running' ORDER BY id";

/// 1: the service that claimed them.
pub(super) const RUNNING_JOBS_OF: &str =
    "SELECT id, state, epoch FROM jobs WHERE state = 'running' AND worker = $1 ORDER BY id";

/// 1: id, 2: epoch, 3: until when the claim is believed in.
pub(super) const RENEW: &str =
    "UPDATE jobs SET lease_until = $3 WHERE id = $1 AND epoch = $2 AND state = 'running'";

/// Jobs whose claim is believed in no more; those of an earlier version have none. 1: now.
pub(super) const ABANDONED: &str = "\
    SELECT id, state, epoch FROM jobs WHERE state = 'running' AND COALESCE(lease_until, 0) < $1 ORDER BY id";

/// The same of one worker. 1: now, 2: worker.
pub(super) const ABANDONED_OF: &str = "\
    SELECT id, state, epoch FROM jobs \
    WHERE state = 'running' AND COALESCE(lease_until, 0) < $1 AND worker = $2 ORDER BY id";

/// 1: id, 2: new state, 3: now, 4: not if its claim is believed in for longer, 5: epoch of that claim.
pub(super) const RECOVER: &str = "\
    UPDATE jobs SET state = $2, epoch = epoch + 1, worker = NULL, lease_until = NULL, updated_at = $3 \
    WHERE id = $1 AND state = 'running' AND COALESCE(lease_until, 0) <= $4 AND epoch = $5";

/// 1: id, 2: new state, 3: now, 4: the state it was judged by.
pub(super) const CANCEL: &str = concat!(
    "UPDATE jobs SET state = $2, epoch = epoch + 1, worker = NULL, lease_until = NULL, \
     finished_at = $3, updated_at = $3 WHERE id = $1 AND state = $4 RETURNING ",
    job_columns!()
);

pub(super) const DELETE_SEGMENTS: &str = "DELETE FROM segments WHERE job_id = $1";
pub(super) const DELETE_PLAN: &str = "DELETE FROM plans WHERE job_id = $1";
pub(super) const DELETE_EVENTS: &str = "DELETE FROM events WHERE stream = $1";
/// 1: ended before, 2: at most.
pub(super) const ENDED_BEFORE: &str =
    "SELECT id, blob_key FROM jobs WHERE finished_at < $1 ORDER BY finished_at LIMIT $2";

pub(super) const DELETE_JOB: &str = "DELETE FROM jobs WHERE id = $1";

// ---- work on a claimed job: all fenced ----------------------------------------------------------

/// 1: id, 2: epoch.
pub(super) const HELD: &str =
    "SELECT state, next_chunk, progress FROM jobs WHERE id = $1 AND epoch = $2 AND state = 'running'";

/// 1: id, 2: epoch, 3: now.
pub(super) const TOUCH: &str =
    "UPDATE jobs SET updated_at = $3 WHERE id = $1 AND epoch = $2 AND state = 'running'";

/// 1: id, 2: epoch, 3: now, 4: chunks, 5: samples, 6: progress, 7: warnings.
pub(super) const PLANNED: &str = "\
    UPDATE jobs SET total_chunks = $4, duration_samples = $5, progress = $6, warnings = $7, updated_at = $3 \
    WHERE id = $1 AND epoch = $2 AND state = 'running'";

pub(super) const PLAN_HASH: &str = "SELECT hash FROM plans WHERE job_id = $1";
pub(super) const PLAN: &str = "SELECT body FROM plans WHERE job_id = $1";

pub(super) const KEEP_PLAN: &str = "\
    INSERT INTO plans (job_id, hash, body) VALUES ($1, $2, $3) \
    ON CONFLICT (job_id) DO UPDATE SET hash = excluded.hash, body = excluded.body";

pub(super) const FORGET_CHUNKS: &str = "UPDATE jobs SET next_chunk = 0 WHERE id = $1";

/// 1: id, 2: epoch, 3: now, 4: next chunk, 5: language, 6: progress, 7: probability of the language.
pub(super) const CHECKPOINT: &str = "\
    UPDATE jobs SET next_chunk = $4, language = $5, progress = $6, language_probability = $7, crash_streak = 0, kill_streak = 0, \
    updated_at = $3 WHERE id = $1 AND epoch = $2 AND state = 'running'";

pub(super) const INSERT_SEGMENT: &str =
    "INSERT INTO segments (job_id, chunk, idx, body) VALUES ($1, $2, $3, $4)";

/// 1: id, 2: epoch, 3: now, 4: new state, 5: error, 6: progress.
pub(super) const END: &str = "\
    UPDATE jobs SET state = $4, error = $5, progress = $6, worker = NULL, lease_until = NULL, \
    finished_at = $3, updated_at = $3 WHERE id = $1 AND epoch = $2 AND state = 'running'";

/// 1: id, 2: epoch, 3: now, 4: new state, 5: exits of the engine to add.
pub(super) const REQUEUE: &str = "\
    UPDATE jobs SET state = $4, crash_streak = crash_streak + $5, kill_streak = kill_streak + $6, \
    worker = NULL, lease_until = NULL, updated_at = $3 WHERE id = $1 AND epoch = $2 AND state = 'running'";

// ---- reading jobs -------------------------------------------------------------------------------

pub(super) const JOB: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = $1");

/// Ids of version 7 sort by the time they were made. 1: ids before this one, 2: at most, 3: owner.
pub(super) const JOBS: &str =
    concat!("SELECT ", job_columns!(), " FROM jobs WHERE owner = $3 AND id < $1 ORDER BY id DESC LIMIT $2");

/// 1: ids before this one, 2: at most, 3: owner, 4: state.
pub(super) const JOBS_IN_STATE: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM jobs WHERE owner = $3 AND state = $4 AND id < $1 ORDER BY id DESC LIMIT $2"
);

/// 1: ids before this one, 2: at most, 3: owner, 4: model.
pub(super) const JOBS_OF_MODEL: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM jobs WHERE owner = $3 AND model = $4 AND id < $1 ORDER BY id DESC LIMIT $2"
);

/// 1: ids before this one, 2: at most, 3: owner, 4: state, 5: model.
pub(super) const JOBS_IN_STATE_OF_MODEL: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM jobs WHERE owner = $3 AND state = $4 AND COALESCE(model, '') = $5 AND id < $1 ORDER BY id DESC LIMIT $2"
);

/// What a job is found by, but for its transcript.
pub(super) const SEARCHED: &str = "SELECT filename, metadata, revision, search_row FROM jobs WHERE id = $1";

pub(super) const IS_SEARCH_ROW_TAKEN: &str = "SELECT COUNT(*) FROM jobs WHERE search_row = $1";

/// 1: id, 2: row.
pub(super) const KEEP_SEARCH_ROW: &str = "UPDATE jobs SET search_row = $2 WHERE id = $1";

pub(super) const SEARCH_ROW: &str = "SELECT search_row FROM jobs WHERE id = $1";

/// 1: at most.
pub(super) const NOT_SEARCHABLE: &str =
    "SELECT id FROM jobs WHERE search_row IS NULL ORDER BY id DESC LIMIT $1";

pub(super) const SEGMENTS: &str = "SELECT body FROM segments WHERE job_id = $1 ORDER BY chunk, idx";

pub(super) const COUNT_RUNNING: &str = "SELECT COUNT(*) FROM jobs WHERE state = 'running' AND id >= ''";

/// Jobs that have not ended, by the model that they ask for.
pub(super) const COUNT_BY_MODEL: &str = "\
    SELECT model, state, COUNT(*) AS jobs FROM jobs WHERE state = 'queued' AND attempts = 0 GROUP BY model, state \
    UNION ALL \
    SELECT model, state, COUNT(*) AS jobs FROM jobs WHERE state = 'queued' AND attempts > 0 GROUP BY model, state \
    UNION ALL \
    SELECT model, state, COUNT(*) AS jobs FROM jobs WHERE state = 'running' AND id >= '' GROUP BY model, state";

pub(super) const BLOB_KEYS: &str = "SELECT blob_key FROM jobs";
pub(super) const RECORDINGS: &str = "SELECT blob_key, blob_sha256, bytes FROM jobs";

// ---- revisions of transcripts -------------------------------------------------------------------

/// 1: job, 2: the revision that is the latest, 3: now.
pub(super) const REVISE: &str = "\
    UPDATE jobs SET revision = revision + 1, updated_at = $3 WHERE id = $1 AND revision = $2 RETURNING revision";

pub(super) const LATEST_REVISION: &str = "SELECT revision FROM jobs WHERE id = $1";

/// 1: job, 2: revision, 3: now, 4: owner, 5: how many segments, 6: body.
pub(super) const KEEP_REVISION: &str = "\
    INSERT INTO revisions (job_id, revision, created_at, owner, segments, body) VALUES ($1, $2, $3, $4, $5, $6)";

pub(super) const REVISION: &str = "SELECT body FROM revisions WHERE job_id = $1 AND revision = $2";

pub(super) const REVISIONS: &str = "\
    SELECT revision, created_at, owner, segments FROM revisions WHERE job_id = $1 ORDER BY revision DESC";

// ---- kept of recordings -------------------------------------------------------------------------

pub(super) const PEAKS: &str = "SELECT body FROM peaks WHERE job_id = $1";

/// 1: job, 2: body.
pub(super) const KEEP_PEAKS: &str = "\
    INSERT INTO peaks (job_id, body) SELECT id, $2 FROM jobs WHERE id = $1 \
    ON CONFLICT (job_id) DO UPDATE SET body = excluded.body";

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

/// The columns of [`super::webhooks::subscribers::SubscriberRow`].
macro_rules! subscriber_columns {
    () => {
        "id, url, created_at, state, secret, prev_until, first_fail_at"
    };
}

/// A subscriber that is off starts over. For a new one, 1: id, 2: URL, 3: now, 4: secret.
pub(super) const SUBSCRIBE: &str = concat!(
    "INSERT INTO subscribers (id, url, created_at, secret) VALUES ($1, $2, $3, $4) ON CONFLICT (url) DO UPDATE SET \
     first_fail_at = CASE WHEN subscribers.state = 'off' THEN NULL ELSE subscribers.first_fail_at END, \
     state = 'active' RETURNING ",
    subscriber_columns!()
);

pub(super) const SUBSCRIBER: &str =
    concat!("SELECT ", subscriber_columns!(), " FROM subscribers WHERE id = $1");
pub(super) const SUBSCRIBERS: &str =
    concat!("SELECT ", subscriber_columns!(), " FROM subscribers ORDER BY created_at, id");
pub(super) const ACTIVE_SUBSCRIBERS: &str =
    "SELECT id, url FROM subscribers WHERE state = 'active' ORDER BY created_at, id";
pub(super) const SUBSCRIBER_URL: &str = "SELECT url FROM subscribers WHERE id = $1";
pub(super) const UNSUBSCRIBE: &str = "DELETE FROM subscribers WHERE id = $1";

/// 1: subscriber, 2: owner.
pub(super) const OWN: &str = "\
    INSERT INTO subscriptions (subscriber_id, owner) VALUES ($1, $2) ON CONFLICT (subscriber_id, owner) DO NOTHING";
/// 1: subscriber, 2: owner.
pub(super) const DISOWN: &str = "DELETE FROM subscriptions WHERE subscriber_id = $1 AND owner = $2";
pub(super) const REMOVE_UNOWNED: &str = "\
    DELETE FROM subscribers WHERE id = $1 \
    AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE subscriber_id = subscribers.id)";
pub(super) const OWNERS: &str = "SELECT owner FROM subscriptions WHERE subscriber_id = $1 ORDER BY owner";
pub(super) const ALL_OWNERS: &str =
    "SELECT subscriber_id, owner FROM subscriptions ORDER BY subscriber_id, owner";

/// 1: id, 2: secret, 3: until when the one before is good.
pub(super) const CHANGE_SECRET: &str = concat!(
    "UPDATE subscribers SET prev_secret = secret, secret = $2, prev_until = $3 WHERE id = $1 RETURNING ",
    subscriber_columns!()
);

/// 1: id.
pub(super) const RECOVERED: &str = "UPDATE subscribers SET state = 'active', first_fail_at = NULL WHERE id = $1 \
     AND (state <> 'active' OR first_fail_at IS NOT NULL)";
/// 1: id, 2: now.
pub(super) const TROUBLED: &str =
    "UPDATE subscribers SET first_fail_at = $2 WHERE id = $1 AND first_fail_at IS NULL";
/// 1: id, 2: now.
pub(super) const SWITCH_OFF: &str =
    "UPDATE subscribers SET state = 'off', first_fail_at = COALESCE(first_fail_at, $2) WHERE id = $1";

// ---- the outbox ---------------------------------------------------------------------------------

/// The columns of [`super::webhooks::sent_rows::SentRow`].
macro_rules! sent_columns {
    () => {
        "id, kind, created_at, state, next_at"
    };
}

/// A job's own URL, and the subscriber that it is, if any.
pub(super) const OWN_WEBHOOK: &str = "\
    SELECT jobs.webhook_url, jobs.traceparent, subscribers.id, subscribers.state \
    FROM jobs LEFT JOIN subscribers ON subscribers.url = jobs.webhook_url \
    WHERE jobs.id = $1 AND jobs.webhook_url IS NOT NULL";

/// 1: id, 2: subscriber, 3: URL, 4: host, 5: kind, 6: body, 7: now, 8: traceparent.
pub(super) const SEND: &str = concat!(
    "INSERT INTO outbox (id, subscriber_id, url, host, kind, body, state, since, next_at, created_at, traceparent) \
     VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $7, $7, $8) RETURNING ",
    sent_columns!()
);

/// Goes from host to host by the index instead of reading all that is pending.
pub(super) const HOSTS: &str = "\
    WITH RECURSIVE hosts (host) AS (\
      SELECT (SELECT host FROM outbox WHERE state = 'pending' ORDER BY host LIMIT 1) \
      UNION ALL \
      SELECT (SELECT outbox.host FROM outbox WHERE state = 'pending' AND outbox.host > hosts.host \
        ORDER BY outbox.host LIMIT 1) FROM hosts WHERE hosts.host IS NOT NULL) \
    SELECT hosts.host, (SELECT MIN(next_at) FROM outbox WHERE state = 'pending' AND outbox.host = hosts.host) \
    FROM hosts WHERE hosts.host IS NOT NULL";

/// 1: host, 2: now, 3: at most.
pub(super) const DUE: &str = "\
    SELECT outbox.id, outbox.url, outbox.body, outbox.scheduled, outbox.asked, outbox.since, outbox.traceparent, \
     subscribers.secret, subscribers.prev_secret, subscribers.prev_until, subscribers.first_fail_at \
    FROM outbox LEFT JOIN subscribers ON subscribers.id = outbox.subscriber_id \
    WHERE outbox.state = 'pending' AND outbox.host = $1 AND outbox.next_at <= $2 \
    ORDER BY outbox.next_at, outbox.id LIMIT $3";

/// How many messages are to be delivered, and when the oldest of them was made.
pub(super) const BACKLOG: &str =
    "SELECT COUNT(*), MIN(created_at) FROM outbox WHERE state = 'pending' AND created_at >= 0";

pub(super) const ADDRESSEE: &str = "SELECT subscriber_id FROM outbox WHERE id = $1";

/// 1: message, 2: began, 3: status, 4: ms, 5: error.
pub(super) const KEEP_ATTEMPT: &str = "\
    INSERT INTO attempts (message_id, n, at, status, ms, error) \
    SELECT $1, COALESCE(MAX(n), 0) + 1, $2, $3, $4, $5 FROM attempts WHERE message_id = $1";

/// 1: message, 2: how many stay.
pub(super) const FORGET_ATTEMPTS: &str = "\
    DELETE FROM attempts WHERE message_id = $1 \
    AND n <= (SELECT MAX(n) FROM attempts WHERE message_id = $1) - $2";

/// 1: id, 2: state.
pub(super) const END_MESSAGE: &str = "UPDATE outbox SET state = $2 WHERE id = $1";
/// 1: id, 2: failures by the schedule, 3: by the receiver, 4: when it is due.
pub(super) const AGAIN: &str = "UPDATE outbox SET scheduled = $2, asked = $3, next_at = $4 WHERE id = $1";
/// 1: subscriber.
pub(super) const GIVE_UP_PENDING: &str =
    "UPDATE outbox SET state = 'failed' WHERE subscriber_id = $1 AND state = 'pending'";

/// 1: subscriber, 2: ids before this one, 3: at most.
pub(super) const DELIVERIES: &str = concat!(
    "SELECT ",
    sent_columns!(),
    " FROM outbox WHERE subscriber_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
);

/// 1: message.
pub(super) const ATTEMPTS: &str =
    "SELECT at, status, ms, error FROM attempts WHERE message_id = $1 ORDER BY n";

/// 1: subscriber, 2: id, 3: now.
pub(super) const REDELIVER: &str = concat!(
    "UPDATE outbox SET state = 'pending', since = $3, scheduled = 0, asked = 0, next_at = $3 \
     WHERE subscriber_id = $1 AND id = $2 RETURNING ",
    sent_columns!()
);

/// 1: subscriber, 2: now, 3: made from then on, 4: and before then.
pub(super) const REDELIVER_ALL: &str = "\
    UPDATE outbox SET state = 'pending', since = $2, scheduled = 0, asked = 0, next_at = $2 \
    WHERE subscriber_id = $1 AND state <> 'pending' AND created_at >= $3 AND created_at < $4";

/// 1: made before then.
pub(super) const FORGET_MESSAGES: &str = "DELETE FROM outbox WHERE state <> 'pending' AND created_at < $1";
