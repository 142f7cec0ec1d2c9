-- Lists of an owner's jobs, newest first, all or of one state.
CREATE INDEX jobs_of_owner ON jobs (owner, id);
CREATE INDEX jobs_of_owner_by_state ON jobs (owner, state, id);
DROP INDEX jobs_by_state;
