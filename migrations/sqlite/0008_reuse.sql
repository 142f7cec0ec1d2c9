-- The job whose result this one was given.
ALTER TABLE jobs ADD COLUMN reused_from TEXT;
-- Results for the same recording, newest last.
CREATE INDEX jobs_by_recording ON jobs (owner, blob_sha256, id) WHERE state = 'completed';
