-- What was odd about the recording, a JSON list of sentences; none where nothing was.
ALTER TABLE jobs ADD COLUMN warnings TEXT;
