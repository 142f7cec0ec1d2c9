-- The model that a job asked for; empty for the default one.
UPDATE jobs SET model = '' WHERE model IS NULL;

-- The first of each line, model by model.
CREATE INDEX jobs_begun_of_model ON jobs (model, priority, created_at, id) WHERE state = 'queued' AND attempts > 0;
CREATE INDEX jobs_unbegun_of_model ON jobs (model, priority, owner, created_at, id, state, attempts)
    WHERE state = 'queued' AND attempts = 0;
