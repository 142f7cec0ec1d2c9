-- Jobs that ended long ago.
CREATE INDEX jobs_by_end ON jobs (finished_at);
