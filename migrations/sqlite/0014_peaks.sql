-- The loudness of a job's recording, for drawing it: measured once it is asked for.
CREATE TABLE peaks (
    job_id TEXT NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    -- JSON
    body   TEXT NOT NULL
);
