-- The API that a job came through, and the W3C traceparent of its request; that of a message is the job's.
ALTER TABLE jobs ADD COLUMN api TEXT NOT NULL DEFAULT 'jobs';
ALTER TABLE jobs ADD COLUMN traceparent TEXT;
ALTER TABLE outbox ADD COLUMN traceparent TEXT;
-- The oldest message that is to be delivered.
CREATE INDEX outbox_pending ON outbox (created_at, state) WHERE state = 'pending';
