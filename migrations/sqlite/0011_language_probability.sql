-- How sure the detection of a job's language was, 0 to 1; none where nothing was detected.
ALTER TABLE jobs ADD COLUMN language_probability REAL;
