//! Lists of jobs: each state and each model by an index of its own, and by what they are searched for.

use std::cmp::Reverse;

use actors::domain::jobs::job::{Job, Status};
use actors::ports::JobQuery;

use super::db::{self, Transaction};
use super::fault::Fault;
use super::rows::JobRow;
use super::search;
use super::sql;
use super::sql_store::SqlStore;

impl SqlStore {
    pub(super) async fn read_jobs(&self, query: JobQuery) -> Result<Vec<Job>, Fault> {
        // One moment of all states.
        let mut reader = self.readers.begin_reading().await?;
        let rows = match &query.words {
            Some(words) => search::find(&mut reader, &query, words).await?,
            None => list(&mut reader, &query).await?,
        };
        let jobs: Result<Vec<_>, _> = rows.into_iter().map(Job::try_from).collect();
        let mut jobs = jobs?;
        jobs.sort_by_key(|job| Reverse(job.id));
        jobs.truncate(query.limit as usize);
        Ok(jobs)
    }
}

/// The newest of each state and model, in no order.
async fn list(reader: &mut Transaction, query: &JobQuery) -> Result<Vec<JobRow>, Fault> {
    // Sorts after every id.
    let before = query.before.map_or_else(|| "~".to_owned(), |id| id.to_string());
    let limit = i64::from(query.limit);
    let any_of = |statement| {
        db::query_as::<JobRow>(statement).bind(before.clone()).bind(limit).bind(query.owner.clone())
    };
    let states: Vec<_> = query.statuses.iter().map(|status| Status::name(*status)).collect();
    let models: Vec<_> = query.models.iter().map(|model| model.clone().unwrap_or_default()).collect();
    let mut statements = Vec::new();
    match (&states[..], &models[..]) {
        ([], []) => statements.push(any_of(sql::JOBS)),
        (states, []) => statements.extend(states.iter().map(|state| any_of(sql::JOBS_IN_STATE).bind(*state))),
        ([], models) => {
            statements.extend(models.iter().map(|model| any_of(sql::JOBS_OF_MODEL).bind(model.clone())));
        }
        (states, models) => {
            for state in states {
                let of_model =
                    |model: &String| any_of(sql::JOBS_IN_STATE_OF_MODEL).bind(*state).bind(model.clone());
                statements.extend(models.iter().map(of_model));
            }
        }
    }
    let mut rows = Vec::new();
    for statement in statements {
        rows.extend(statement.fetch_all(&mut *reader).await?);
    }
    Ok(rows)
}
