-- The key that a client sent a request under, and a fingerprint of the request.
ALTER TABLE jobs ADD COLUMN idem_key TEXT;
ALTER TABLE jobs ADD COLUMN idem_fp TEXT;
CREATE UNIQUE INDEX jobs_once ON jobs (owner, idem_key);
