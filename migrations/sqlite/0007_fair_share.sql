-- When an owner's latest new job of a priority was begun, as a number that grows: who waits longest is next.
CREATE TABLE turns (
    owner    TEXT   NOT NULL,
    priority BIGINT NOT NULL,
    served   BIGINT NOT NULL,
    PRIMARY KEY (owner, priority)
);

-- An index of all states would be taken for each of these, which are much smaller.
DROP INDEX jobs_queue;
-- Jobs that wait, to be counted. SQLite looks the state up in the table unless it is in the index as well.
CREATE INDEX jobs_waiting ON jobs (priority, duration_samples, state) WHERE state = 'queued';
-- Of these, jobs that were begun and came back, which go first.
CREATE INDEX jobs_begun ON jobs (priority, created_at, id, duration_samples) WHERE state = 'queued' AND attempts > 0;
-- And those that wait for their first turn, owner by owner.
CREATE INDEX jobs_unbegun ON jobs (priority, owner, created_at, id, duration_samples, state, attempts)
    WHERE state = 'queued' AND attempts = 0;
CREATE INDEX jobs_running ON jobs (id) WHERE state = 'running';
