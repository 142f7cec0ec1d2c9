//! The plan of a job as it was stored.

use actors::domain::audio::Plan;
use actors::domain::jobs::job::JobId;

use super::db::{self, Transaction};
use super::fault::Fault;
use super::sql;

/// A plan that another version wrote and this one cannot read counts as none: the recording is
/// planned again, and its chunks start over.
pub(super) async fn stored_plan(change: &mut Transaction, id: JobId) -> Result<Option<Plan>, Fault> {
    let body: Option<String> =
        db::query_scalar(sql::PLAN).bind(id.to_string()).fetch_optional(change).await?;
    let Some(body) = body else { return Ok(None) };
    match serde_json::from_str(&body) {
        Ok(plan) => Ok(Some(plan)),
        Err(error) => {
            tracing::warn!(job.id = %id, %error, "a stored plan cannot be read, planning again");
            Ok(None)
        }
    }
}
