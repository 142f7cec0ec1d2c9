//! A job that is done once more.

use actors::domain::jobs::job::{Audio, Idempotency, Job, JobId, KeyLife, NewJob};
use actors::domain::jobs::origin::Origin;

use super::submission::remove_unless_needed;
use crate::error::AppError;
use crate::http::service::Service;

/// The job that the same request made before, under the same `Idempotency-Key`.
pub(in crate::http) async fn accepted_under(
    service: &Service,
    owner: &str,
    key: Option<&str>,
    id: &str,
) -> Result<Option<Job>, AppError> {
    let Some(key) = key else { return Ok(None) };
    let store = service.jobs.store();
    let earlier = store.sent_under(owner, key).await?;
    match earlier.filter(|earlier| earlier.fingerprint == fingerprint(id)) {
        Some(earlier) => Ok(store.job(earlier.id).await?),
        None => Ok(None),
    }
}

fn fingerprint(job: &str) -> String {
    format!("retry {job}")
}

/// Makes a job of the recording, the options, the metadata and the webhook of one that has ended. When this returns, both are
/// on disk, and go each by itself.
///
/// # Cancel safety
/// None: run it where it cannot be dropped.
pub(in crate::http) async fn retry(
    service: &Service,
    job: Job,
    key: Option<String>,
    origin: Origin,
) -> Result<Job, AppError> {
    service.check_options(&job.options).await?;
    let blob = service.blobs.copy(&job.audio.blob).await?.ok_or(AppError::RecordingNotFound)?;
    let id = JobId::new();
    let fingerprint = fingerprint(&job.id.to_string());
    let new = NewJob {
        id,
        once: key.map(|key| Idempotency { key, fingerprint, life: KeyLife::Day }),
        owner: job.owner,
        origin,
        audio: Audio { blob: blob.clone(), duration_secs: None, ..job.audio },
        options: job.options,
        metadata: job.metadata,
        webhook_url: job.webhook_url,
        retry_of: Some(job.id),
    };
    let taken = service.jobs.submit(new).await.map_err(AppError::from);
    remove_unless_needed(service, id, &taken, &blob).await;
    taken
}
