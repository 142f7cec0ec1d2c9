//! `verbatim jobs retry`.

use uuid::Uuid;

use super::failures::for_each;
use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::stdout;
use crate::client::{JobSeen, Server};

/// # Errors
/// A job could not be retried; the others were all the same.
pub(super) async fn run(server: &Server, ids: &[Uuid], form: Form) -> Result<(), Failure> {
    for_each(ids, |id| retry(server, id, form)).await
}

async fn retry(server: &Server, id: Uuid, form: Form) -> Result<(), Failure> {
    let answer = server.post(&format!("/jobs/{id}/retry"), None).await?;
    if form.is_json() {
        return stdout::print(&format!("{answer}\n"));
    }
    let job: JobSeen = server.read(&answer)?;
    stdout::print(&format!("retried {id} as {}\n", job.id))
}
