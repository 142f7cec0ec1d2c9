-- Jobs, what was heard in them, what is told of them, and who is told.
--
-- Times are milliseconds since the Unix epoch, lengths of audio are samples at 16 kHz, ids are UUIDs
-- in lower case. Only TEXT and BIGINT, so that another engine can take the same statements.

CREATE TABLE jobs (
    id               TEXT   NOT NULL PRIMARY KEY,
    owner            TEXT   NOT NULL DEFAULT '',
    -- queued, running, completed, failed or cancelled
    state            TEXT   NOT NULL,
    -- lower runs first
    priority         BIGINT NOT NULL,
    -- what the client asked for, JSON
    params           TEXT   NOT NULL,
    model            TEXT,
    metadata         TEXT,
    webhook_url      TEXT,

    blob_key         TEXT   NOT NULL,
    blob_sha256      TEXT   NOT NULL,
    bytes            BIGINT NOT NULL,
    filename         TEXT,
    -- unknown until the recording was planned
    duration_samples BIGINT,

    total_chunks     BIGINT,
    -- chunks before this one are finished and their segments stored
    next_chunk       BIGINT NOT NULL DEFAULT 0,
    -- JSON
    progress         TEXT,
    language         TEXT,

    attempts         BIGINT NOT NULL DEFAULT 0,
    -- deaths of the engine since the last finished chunk
    crash_streak     BIGINT NOT NULL DEFAULT 0,
    -- grows with every claim, cancellation and recovery; a write with an older one changes nothing
    epoch            BIGINT NOT NULL DEFAULT 0,
    worker           TEXT,
    lease_until      BIGINT,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    -- JSON
    error            TEXT,

    created_at       BIGINT NOT NULL,
    started_at       BIGINT,
    finished_at      BIGINT,
    updated_at       BIGINT NOT NULL
);

-- The queue in the order of claims, with what a place in it is reckoned from.
CREATE INDEX jobs_queue ON jobs (state, priority, created_at, id, duration_samples);
-- Lists of one state, newest first.
CREATE INDEX jobs_by_state ON jobs (state, id);

-- How a job's recording is cut. Apart from the job, whose row is written anew with every chunk.
CREATE TABLE plans (
    job_id TEXT NOT NULL PRIMARY KEY REFERENCES jobs (id),
    -- SHA-256 of the body
    hash   TEXT NOT NULL,
    -- JSON
    body   TEXT NOT NULL
);

CREATE TABLE segments (
    job_id TEXT   NOT NULL REFERENCES jobs (id),
    -- from 0
    chunk  BIGINT NOT NULL,
    -- from 0 in its chunk
    idx    BIGINT NOT NULL,
    -- JSON
    body   TEXT   NOT NULL,
    PRIMARY KEY (job_id, chunk, idx)
);

CREATE TABLE events (
    -- 'job:<id>' or 'model'
    stream TEXT   NOT NULL,
    -- from 1 in its stream, without gaps
    seq    BIGINT NOT NULL,
    kind   TEXT   NOT NULL,
    -- JSON
    body   TEXT   NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (stream, seq)
);

CREATE TABLE subscribers (
    id         TEXT   NOT NULL PRIMARY KEY,
    url        TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);
