-- Kills of the engine from outside since the last finished chunk.
ALTER TABLE jobs ADD COLUMN kill_streak BIGINT NOT NULL DEFAULT 0;
