//! `verbatim jobs cancel` and `verbatim jobs rm`.

use uuid::Uuid;

use super::failures::for_each;
use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::stdout;
use crate::client::{JobSeen, Server};

/// What becomes of jobs that are to be removed and have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfinished {
    Refuse,
    Cancel,
}

/// # Errors
/// A job could not be cancelled; the others were all the same.
pub(super) async fn cancel(server: &Server, ids: &[Uuid], form: Form) -> Result<(), Failure> {
    for_each(ids, |id| cancel_one(server, id, form)).await
}

/// # Errors
/// A job could not be removed; the others were all the same.
pub(super) async fn remove(
    server: &Server,
    ids: &[Uuid],
    unfinished: Unfinished,
    form: Form,
) -> Result<(), Failure> {
    for_each(ids, |id| remove_one(server, id, unfinished, form)).await
}

async fn cancel_one(server: &Server, id: Uuid, form: Form) -> Result<(), Failure> {
    let path = format!("/jobs/{id}");
    let job: JobSeen = server.get(&path).await?;
    // The same request would remove it.
    if job.status.has_ended() {
        return Err(Failure::HasEnded { id, status: job.status });
    }
    let answer = server.delete(&path).await?;
    stdout::print(&if form.is_json() { format!("{answer}\n") } else { format!("cancelled {id}\n") })
}

async fn remove_one(server: &Server, id: Uuid, unfinished: Unfinished, form: Form) -> Result<(), Failure> {
    let path = format!("/jobs/{id}");
    let job: JobSeen = server.get(&path).await?;
    if !job.status.has_ended() {
        match unfinished {
            Unfinished::Refuse => return Err(Failure::HasNotEnded { id, status: job.status }),
            Unfinished::Cancel => drop(server.delete(&path).await?),
        }
    }
    server.delete(&path).await?;
    stdout::print(&if form.is_json() {
        format!("{{\"removed\":\"{id}\"}}\n")
    } else {
        format!("removed {id}\n")
    })
}
