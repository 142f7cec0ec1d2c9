-- All edits of transcripts; the engine's own transcript stays in segments.
CREATE TABLE revisions (
    job_id     TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    -- from 1
    revision   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- owner of the key that saved it
    owner      TEXT   NOT NULL,
    -- how many
    segments   BIGINT NOT NULL,
    -- JSON
    body       TEXT   NOT NULL,
    PRIMARY KEY (job_id, revision)
);
-- The latest revision; 0 before the first edit.
ALTER TABLE jobs ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
