//! Waiting for a job's end.

use std::pin::pin;
use std::time::Duration;

use actix_web::rt::time::{Instant, sleep};
use actix_web::web;
use actors::domain::event::{Event, JobEvent, Stream};
use actors::domain::jobs::job::{Job, JobId, Status};
use actors::domain::model::lifecycle::{Failure, Shortage};
use actors::domain::model::models::ModelNo;
use actors::model::ModelStatus;
use futures_util::StreamExt;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::error::AppError;
use crate::http::callers::Waiting;
use crate::http::service::Service;

/// What keeps a job.
pub(super) enum Wanted {
    /// Its client may ask for it again: the job continues when callers leave.
    Anyway,
    /// All callers that send the same call.
    ByCallers(Waiting),
    /// This caller alone.
    ByOne,
}

/// How long a job runs on after its last caller disconnected: long enough for a client to notice that its call broke, to wait
/// a moment, and to send the recording again.
const GRACE: Duration = Duration::from_secs(60);

/// A job that a caller waits for. Dropped before its end, it is cancelled unless others wait for it: at once where its
/// client got the time-out, after a minute where the client disconnected. Not so where the settings say that
/// such jobs run on, or where its client sent an `Idempotency-Key`.
pub struct JobWait {
    service: web::Data<Service>,
    id: JobId,
    number: ModelNo,
    model: watch::Receiver<ModelStatus>,
    /// How often the model had failed before the job was taken in.
    failures_before: u64,
    /// `None` once it is over.
    wanted: Option<Wanted>,
    grace: Duration,
}

impl JobWait {
    /// `before` is the model's status from before the job was taken in.
    pub(super) fn new(service: web::Data<Service>, job: &Job, wanted: Wanted, before: &ModelStatus) -> Self {
        let number = service.model.find(job.options.model.as_deref()).unwrap_or_default();
        let wanted = match wanted {
            Wanted::ByOne if service.wait_policy.keep => Wanted::Anyway,
            Wanted::Anyway | Wanted::ByOne | Wanted::ByCallers(_) => wanted,
        };
        let grace = service.wait_policy.join.min(GRACE);
        let (mut model, failures_before) = (service.model.watch(), before.failures(number));
        // It may have failed meanwhile.
        model.mark_changed();
        Self { service, id: job.id, number, model, failures_before, wanted: Some(wanted), grace }
    }

    pub(super) fn id(&self) -> JobId {
        self.id
    }

    /// The completed job; `on_event` gets what happens meanwhile.
    pub async fn until_over(mut self, mut on_event: impl FnMut(&JobEvent)) -> Result<Job, AppError> {
        let service = self.service.clone();
        let mut events = pin!(service.notifier.follow(Stream::Job(self.id), 0));
        let mut too_long = pin!(sleep(service.wait_policy.wait));
        let mut waits = true;
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => {
                        let recorded = event?;
                        let Event::Job(_, event) = &recorded.event else { continue };
                        match event {
                            JobEvent::Started { .. } => waits = false,
                            JobEvent::Requeued { .. } => {
                                waits = true;
                                too_long.as_mut().reset(Instant::now() + service.wait_policy.wait);
                            }
                            JobEvent::Queued
                            | JobEvent::Progress { .. }
                            | JobEvent::Segment { .. }
                            | JobEvent::LanguageDetected { .. }
                            | JobEvent::Completed
                            | JobEvent::Failed { .. }
                            | JobEvent::Cancelled => {}
                        }
                        on_event(event);
                        if recorded.is_last() {
                            break;
                        }
                    }
                    None => {
                        self.wanted = None;
                        // Streams end before their last event when the service stops; the job continues after the next start.
                        let stops = service.is_stopping();
                        return Err(if stops { AppError::ShuttingDown } else { AppError::JobNotFound });
                    }
                },
                Ok(()) = self.model.changed(), if waits => {
                    let status = self.model.borrow_and_update().clone();
                    let failed_now = status.failures(self.number) > self.failures_before;
                    let is_final = |failure: &&Failure| failed_now && !failure.is_temporary();
                    if let Some(Failure { code, message }) = status.of(self.number).failure().filter(is_final) {
                        self.grace = Duration::ZERO;
                        return Err(AppError::ModelFailed { code, message: message.clone() });
                    }
                }
                () = &mut too_long, if waits => match self.waited_too_long().await? {
                    Some(error) => {
                        self.grace = Duration::ZERO;
                        return Err(error);
                    }
                    None => too_long.as_mut().reset(Instant::now() + service.wait_policy.wait),
                },
            }
        }
        self.wanted = None;
        let job = service.jobs.store().job(self.id).await?.ok_or(AppError::JobNotFound)?;
        match job.status {
            Status::Completed => Ok(job),
            status @ (Status::Failed | Status::Cancelled | Status::Queued | Status::Running) => {
                let reason = job.error.map(|error| error.message);
                Err(AppError::JobFailed { message: reason.unwrap_or_else(|| format!("the job is {status}")) })
            }
        }
    }

    /// `None` while other jobs run: the queue advances, and the job's turn comes.
    async fn waited_too_long(&self) -> Result<Option<AppError>, AppError> {
        let status = self.service.model.status().of(self.number);
        if let Some(shortage) = status.shortage() {
            let retry_after = status.retry_after(self.service.clock.now());
            let Shortage { needed_bytes, free_bytes, .. } = *shortage;
            return Ok(Some(AppError::OutOfMemory { needed_bytes, free_bytes, retry_after }));
        }
        match self.service.jobs.store().counts().await?.running {
            0 => Ok(Some(AppError::not_ready(status, &self.service.clock, false))),
            1.. => Ok(None),
        }
    }
}

impl Drop for JobWait {
    fn drop(&mut self) {
        let abandoned = match self.wanted.take() {
            None | Some(Wanted::Anyway) => return,
            Some(Wanted::ByOne) => None,
            Some(Wanted::ByCallers(waiting)) => match waiting.leave() {
                None => return,
                // The next caller gets its result.
                Some(_) if self.service.wait_policy.keep => return,
                abandoned => abandoned,
            },
        };
        let (service, id, grace) = (self.service.clone(), self.id, self.grace);
        info!(job.id = %id, "no caller waits for the job any more");
        actix_web::rt::spawn(async move {
            match abandoned {
                Some(abandoned) => {
                    sleep(grace).await;
                    abandoned.unless_joined(cancel(&service, id)).await;
                }
                None => drop(cancel(&service, id).await),
            }
        });
    }
}

/// `false` where the job has ended by itself.
async fn cancel(service: &Service, id: JobId) -> bool {
    let cancelled = match service.jobs.store().job(id).await {
        // It ended at this moment: what came of it stays.
        Ok(job) if job.as_ref().is_none_or(|job| job.status.has_ended()) => return false,
        Ok(_) => service.cancel(id).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = cancelled {
        warn!(job.id = %id, %error, "cannot cancel a job without callers");
    }
    true
}
