//! What the log and the measures say of a job's acceptance, start and end.

use std::time::Duration;

use tracing::info;

use crate::domain::jobs::job::{Job, Status};
use crate::measures::measures;
use crate::ports::{Claim, record_span};

pub(super) fn accepted(job: &Job, model: &str) {
    let (api, bytes) = (job.origin.api.name(), job.audio.bytes);
    info!(job.id = %job.id, owner = %job.owner, api, model, audio.bytes = bytes, "job accepted");
    measures().jobs_accepted.with_label_values(&[api, model]).inc();
}

pub(super) fn started(claim: &Claim, model: &str) {
    let job = &claim.job;
    let first_chunk = claim.chunks_done + 1;
    info!(job.id = %job.id, owner = %job.owner, model, attempt = job.attempts, first_chunk, "job started");
    // A job that comes back has waited for more than its turn.
    if let (1, Some(started_at)) = (job.attempts, job.started_at) {
        let wait = Duration::from_millis(u64::try_from(started_at.0 - job.created_at.0).unwrap_or(0));
        let priority = job.options.priority.name();
        measures().queue_wait.with_label_values(&[priority]).observe(wait.as_secs_f64());
        let attributes = || vec![("job.id", job.id.to_string()), ("priority", priority.to_owned())];
        record_span("queue wait", job.origin.traceparent.as_ref(), wait, attributes);
    }
}

/// The run in which a job ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastRun {
    pub took: Duration,
    /// Seconds of audio finished in it.
    pub audio_secs: f64,
}

/// `run` is `None` for a job that ended without one.
pub(super) fn ended(job: &Job, model: &str, status: Status, run: Option<LastRun>) {
    let status = status.name();
    let took = run.map(|run| run.took);
    let audio_secs = run.map(|run| run.audio_secs);
    let factor = run.filter(|run| run.audio_secs > 0.0).map(|run| run.took.as_secs_f64() / run.audio_secs);
    info!(
        job.id = %job.id,
        owner = %job.owner,
        api = job.origin.api.name(),
        model,
        status,
        run_ms = took.map(|took| took.as_millis() as u64),
        audio_secs = audio_secs.map(rounded),
        real_time_factor = factor.map(rounded),
        "job ended"
    );
    measures().jobs_finished.with_label_values(&[job.origin.api.name(), model, status]).inc();
    if let Some(took) = took {
        measures().job_run.with_label_values(&[model, status]).observe(took.as_secs_f64());
        let attributes = || {
            let (id, model) = (job.id.to_string(), model.to_owned());
            vec![("job.id", id), ("model", model), ("status", status.to_owned())]
        };
        record_span("job run", job.origin.traceparent.as_ref(), took, attributes);
    }
    if let Some(factor) = factor {
        measures().real_time_factor.with_label_values(&[model]).observe(factor);
    }
}

/// To thousandths: the log is for people as well.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
