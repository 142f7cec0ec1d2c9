//! The reason why a job waits, sent between its events.

use std::sync::Arc;

use actix_web_lab::sse;
use actors::domain::event::{Event, JobEvent, Recorded};
use actors::domain::jobs::job::{Job, Status};
use actors::domain::model::models::ModelNo;
use actors::model::ModelStatus;
use futures_util::{Stream, StreamExt, stream};
use serde_json::json;
use tokio::sync::watch;

use super::service::Service;
use super::views::model_view::FailureView;
use super::views::waiting_view::waiting_for;

/// What a follower of a job is sent.
pub(super) enum Item {
    /// An event of the stored log.
    Event(Arc<Recorded>),
    /// The reason to wait has changed; `None`: the job waits for nothing any more.
    Waiting(Option<FailureView>),
}

struct Follower<S> {
    events: S,
    model: watch::Receiver<ModelStatus>,
    number: ModelNo,
    waits: bool,
    /// The reason that was sent last.
    last_reason: Option<FailureView>,
}

/// A job's events, and between them, while it is queued, each change of the reason for which it waits. Ends with the
/// events.
pub(super) fn with_reasons<S: Stream<Item = Arc<Recorded>>>(
    service: &Service,
    job: &Job,
    events: S,
) -> impl Stream<Item = Item> + use<S> {
    let mut model = service.model.watch();
    // Its present status counts as well.
    model.mark_changed();
    let follower = Follower {
        events: Box::pin(events),
        model,
        number: service.model.find(job.options.model.as_deref()).unwrap_or_default(),
        waits: job.status == Status::Queued,
        last_reason: None,
    };
    stream::unfold(follower, |mut follower| async move {
        let item = follower.next().await?;
        Some((item, follower))
    })
}

impl<S: Stream<Item = Arc<Recorded>> + Unpin> Follower<S> {
    async fn next(&mut self) -> Option<Item> {
        loop {
            tokio::select! {
                biased;
                event = self.events.next() => {
                    let event = event?;
                    self.waits = waits_after(&event).unwrap_or(self.waits);
                    if !self.waits {
                        self.last_reason = None;
                    }
                    return Some(Item::Event(event));
                }
                Ok(()) = self.model.changed(), if self.waits => {
                    let reason = waiting_for(&self.model.borrow_and_update().of(self.number));
                    if reason != self.last_reason {
                        self.last_reason.clone_from(&reason);
                        return Some(Item::Waiting(reason));
                    }
                }
            }
        }
    }
}

/// Whether a job is in the queue after an event, where that says so.
fn waits_after(event: &Recorded) -> Option<bool> {
    let Event::Job(_, event) = &event.event else { return None };
    match event {
        JobEvent::Queued | JobEvent::Requeued { .. } => Some(true),
        JobEvent::Started { .. } | JobEvent::Completed | JobEvent::Failed { .. } | JobEvent::Cancelled => {
            Some(false)
        }
        JobEvent::Progress { .. } | JobEvent::Segment { .. } | JobEvent::LanguageDetected { .. } => None,
    }
}

/// Not stored, so without an id: a client that reconnects continues after the last event with an id.
pub(super) fn waiting(job: &Job, reason: Option<&FailureView>) -> sse::Event {
    let data = json!({ "waiting_for": reason, "type": "waiting", "job_id": job.id });
    sse::Event::Data(sse::Data::new(data.to_string()).event("waiting"))
}
