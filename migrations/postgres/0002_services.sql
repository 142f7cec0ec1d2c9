-- Several services on one database. SQLite has one service, and none of these.

-- Which service has a task that one of them does at a time, and until when by this server's clock.
CREATE TABLE duties (
    name       TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    holder     TEXT   COLLATE "C" NOT NULL,
    held_until BIGINT NOT NULL
);

-- The last report of each service, as JSON, and when it was.
CREATE TABLE services (
    id          TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    reported_at BIGINT NOT NULL,
    body        TEXT   COLLATE "C" NOT NULL
);

-- What one service asks of another.
CREATE TABLE asks (
    id       TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    service  TEXT   COLLATE "C" NOT NULL,
    asked_at BIGINT NOT NULL,
    body     TEXT   COLLATE "C" NOT NULL
);

CREATE INDEX asks_of_service ON asks (service);

CREATE INDEX jobs_of_worker ON jobs (worker, id) WHERE state = 'running';
