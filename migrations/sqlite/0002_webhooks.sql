-- Webhooks that outlive the process: what is told to whom, until it is delivered, and how it went.

-- active or off
ALTER TABLE subscribers ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
-- of its own; without one the service's secret signs
ALTER TABLE subscribers ADD COLUMN secret TEXT;
-- what signed before the last change, empty for the service's secret, and until when it signs as well
ALTER TABLE subscribers ADD COLUMN prev_secret TEXT;
ALTER TABLE subscribers ADD COLUMN prev_until BIGINT;
-- the first of the failures that were followed by no success
ALTER TABLE subscribers ADD COLUMN first_fail_at BIGINT;

CREATE TABLE outbox (
    -- msg_ and a UUID of version 7 without hyphens: the webhook-id
    id            TEXT   NOT NULL PRIMARY KEY,
    -- none for a job's URL whose subscriber was removed
    subscriber_id TEXT   REFERENCES subscribers (id) ON DELETE CASCADE,
    url           TEXT   NOT NULL,
    -- host and port of the URL
    host          TEXT   NOT NULL,
    kind          TEXT   NOT NULL,
    -- JSON, as it is sent
    body          TEXT   NOT NULL,
    -- pending, delivered or failed
    state         TEXT   NOT NULL,
    -- when its first try was due: when it was made, or when it was asked for again
    since         BIGINT NOT NULL,
    -- failures since then after which the schedule said when to try again, and after which the receiver did
    scheduled     BIGINT NOT NULL DEFAULT 0,
    asked         BIGINT NOT NULL DEFAULT 0,
    -- when the next try is due
    next_at       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL
);

-- What is due, host by host.
CREATE INDEX outbox_due ON outbox (host, next_at, id) WHERE state = 'pending';
-- Lists of one subscriber, newest first.
CREATE INDEX outbox_by_subscriber ON outbox (subscriber_id, id);
-- What is old enough to be forgotten.
CREATE INDEX outbox_ended ON outbox (created_at) WHERE state <> 'pending';

CREATE TABLE attempts (
    message_id TEXT   NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    -- from 1
    n          BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    -- what was answered, if anything
    status     BIGINT,
    ms         BIGINT NOT NULL,
    -- why it does not count as delivered
    error      TEXT,
    PRIMARY KEY (message_id, n)
);
