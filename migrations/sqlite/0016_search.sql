-- Lists of an owner's jobs of one model, newest first.
CREATE INDEX jobs_of_owner_by_model ON jobs (owner, model, id);
-- The row of a job in the search index, which is not part of the schema: each engine of the store has its own. NULL: not
-- indexed yet.
ALTER TABLE jobs ADD COLUMN search_row BIGINT;
CREATE UNIQUE INDEX jobs_by_search_row ON jobs (search_row) WHERE search_row IS NOT NULL;
CREATE INDEX jobs_not_searchable ON jobs (id) WHERE search_row IS NULL;
