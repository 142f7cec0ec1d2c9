-- When an owner's latest new job of a priority was begun, as a number that grows: who waits longest is next.
CREATE TABLE turns (
    owner    TEXT   NOT NULL,
    priority BIGINT NOT NULL,
    served   BIGINT NOT NULL,
    PRIMARY KEY (owner, priority)
);

-- Jobs that were begun and came back, which go first.
CREATE INDEX jobs_begun ON jobs (priority, created_at, id, duration_samples) WHERE state = 'queued' AND attempts > 0;
-- Jobs that wait for their first turn, owner by owner.
CREATE INDEX jobs_unbegun ON jobs (priority, owner, created_at, id, duration_samples) WHERE state = 'queued' AND attempts = 0;
