-- The earlier job that this one does once more.
ALTER TABLE jobs ADD COLUMN retry_of TEXT;
