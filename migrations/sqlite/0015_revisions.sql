-- Transcripts as people left them, all of them: what the engine wrote stays in segments.
CREATE TABLE revisions (
    job_id     TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    -- from 1
    revision   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- whose key it was changed with
    owner      TEXT   NOT NULL,
    -- how many
    segments   BIGINT NOT NULL,
    -- JSON
    body       TEXT   NOT NULL,
    PRIMARY KEY (job_id, revision)
);
-- The latest of them; 0 where there is none.
ALTER TABLE jobs ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
