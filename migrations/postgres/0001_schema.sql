-- The schema of migrations/sqlite as it is after its 17 steps, where each column is explained. Later steps are added to both.
--
-- Texts are compared byte by byte, as in SQLite: ids sort by the time they were made.

CREATE TABLE jobs (
    id                   TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    owner                TEXT   COLLATE "C" NOT NULL DEFAULT '',
    state                TEXT   COLLATE "C" NOT NULL,
    priority             BIGINT NOT NULL,
    params               TEXT   COLLATE "C" NOT NULL,
    model                TEXT   COLLATE "C",
    metadata             TEXT   COLLATE "C",
    webhook_url          TEXT   COLLATE "C",
    blob_key             TEXT   COLLATE "C" NOT NULL,
    blob_sha256          TEXT   COLLATE "C" NOT NULL,
    bytes                BIGINT NOT NULL,
    filename             TEXT   COLLATE "C",
    duration_samples     BIGINT,
    total_chunks         BIGINT,
    next_chunk           BIGINT NOT NULL DEFAULT 0,
    progress             TEXT   COLLATE "C",
    language             TEXT   COLLATE "C",
    attempts             BIGINT NOT NULL DEFAULT 0,
    crash_streak         BIGINT NOT NULL DEFAULT 0,
    epoch                BIGINT NOT NULL DEFAULT 0,
    worker               TEXT   COLLATE "C",
    lease_until          BIGINT,
    cancel_requested     BIGINT NOT NULL DEFAULT 0,
    error                TEXT   COLLATE "C",
    created_at           BIGINT NOT NULL,
    started_at           BIGINT,
    finished_at          BIGINT,
    updated_at           BIGINT NOT NULL,
    kill_streak          BIGINT NOT NULL DEFAULT 0,
    idem_key             TEXT   COLLATE "C",
    idem_fp              TEXT   COLLATE "C",
    reused_from          TEXT   COLLATE "C",
    warnings             TEXT   COLLATE "C",
    language_probability REAL,
    api                  TEXT   COLLATE "C" NOT NULL DEFAULT 'jobs',
    traceparent          TEXT   COLLATE "C",
    revision             BIGINT NOT NULL DEFAULT 0,
    search_row           BIGINT,
    retry_of             TEXT   COLLATE "C"
);

CREATE INDEX jobs_of_owner ON jobs (owner, id);
CREATE INDEX jobs_of_owner_by_state ON jobs (owner, state, id);
CREATE INDEX jobs_of_owner_by_model ON jobs (owner, model, id);
CREATE UNIQUE INDEX jobs_once ON jobs (owner, idem_key);
CREATE INDEX jobs_by_end ON jobs (finished_at);
CREATE INDEX jobs_waiting ON jobs (priority, duration_samples) WHERE state = 'queued';
CREATE INDEX jobs_begun ON jobs (priority, created_at, id, duration_samples) WHERE state = 'queued' AND attempts > 0;
CREATE INDEX jobs_unbegun ON jobs (priority, owner, created_at, id, duration_samples) WHERE state = 'queued' AND attempts = 0;
CREATE INDEX jobs_begun_of_model ON jobs (model, priority, created_at, id) WHERE state = 'queued' AND attempts > 0;
CREATE INDEX jobs_unbegun_of_model ON jobs (model, priority, owner, created_at, id) WHERE state = 'queued' AND attempts = 0;
CREATE INDEX jobs_running ON jobs (id) WHERE state = 'running';
CREATE INDEX jobs_by_recording ON jobs (owner, blob_sha256, id) WHERE state = 'completed';
CREATE UNIQUE INDEX jobs_by_search_row ON jobs (search_row) WHERE search_row IS NOT NULL;
CREATE INDEX jobs_not_searchable ON jobs (id) WHERE search_row IS NULL;

CREATE TABLE plans (
    job_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES jobs (id),
    hash   TEXT COLLATE "C" NOT NULL,
    body   TEXT COLLATE "C" NOT NULL
);

CREATE TABLE segments (
    job_id TEXT   COLLATE "C" NOT NULL REFERENCES jobs (id),
    chunk  BIGINT NOT NULL,
    idx    BIGINT NOT NULL,
    body   TEXT   COLLATE "C" NOT NULL,
    PRIMARY KEY (job_id, chunk, idx)
);

CREATE TABLE events (
    stream TEXT   COLLATE "C" NOT NULL,
    seq    BIGINT NOT NULL,
    kind   TEXT   COLLATE "C" NOT NULL,
    body   TEXT   COLLATE "C" NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (stream, seq)
);

CREATE TABLE turns (
    owner    TEXT   COLLATE "C" NOT NULL,
    priority BIGINT NOT NULL,
    served   BIGINT NOT NULL,
    PRIMARY KEY (owner, priority)
);

CREATE TABLE peaks (
    job_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    body   TEXT COLLATE "C" NOT NULL
);

CREATE TABLE revisions (
    job_id     TEXT   COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    revision   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    owner      TEXT   COLLATE "C" NOT NULL,
    segments   BIGINT NOT NULL,
    body       TEXT   COLLATE "C" NOT NULL,
    PRIMARY KEY (job_id, revision)
);

-- The texts that jobs are found by, in lower case; a virtual table in SQLite.
CREATE TABLE job_texts (
    rowid BIGINT NOT NULL PRIMARY KEY,
    body  TEXT   COLLATE "C" NOT NULL
);

CREATE TABLE subscribers (
    id            TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    url           TEXT   COLLATE "C" NOT NULL UNIQUE,
    created_at    BIGINT NOT NULL,
    state         TEXT   COLLATE "C" NOT NULL DEFAULT 'active',
    secret        TEXT   COLLATE "C",
    prev_secret   TEXT   COLLATE "C",
    prev_until    BIGINT,
    first_fail_at BIGINT
);

CREATE TABLE subscriptions (
    subscriber_id TEXT COLLATE "C" NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    owner         TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (subscriber_id, owner)
);

CREATE TABLE outbox (
    id            TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    subscriber_id TEXT   COLLATE "C" REFERENCES subscribers (id) ON DELETE CASCADE,
    url           TEXT   COLLATE "C" NOT NULL,
    host          TEXT   COLLATE "C" NOT NULL,
    kind          TEXT   COLLATE "C" NOT NULL,
    body          TEXT   COLLATE "C" NOT NULL,
    state         TEXT   COLLATE "C" NOT NULL,
    since         BIGINT NOT NULL,
    scheduled     BIGINT NOT NULL DEFAULT 0,
    asked         BIGINT NOT NULL DEFAULT 0,
    next_at       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    traceparent   TEXT   COLLATE "C"
);

CREATE INDEX outbox_due ON outbox (host, next_at, id) WHERE state = 'pending';
CREATE INDEX outbox_by_subscriber ON outbox (subscriber_id, id);
CREATE INDEX outbox_ended ON outbox (created_at) WHERE state <> 'pending';
CREATE INDEX outbox_pending ON outbox (created_at) WHERE state = 'pending';

CREATE TABLE attempts (
    message_id TEXT   COLLATE "C" NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    n          BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    status     BIGINT,
    ms         BIGINT NOT NULL,
    error      TEXT   COLLATE "C",
    PRIMARY KEY (message_id, n)
);

-- Distinguishes this database from others, so that recordings are not taken for those of another one.
CREATE TABLE store_identity (
    id TEXT COLLATE "C" NOT NULL
);
INSERT INTO store_identity (id) VALUES (gen_random_uuid()::TEXT);
