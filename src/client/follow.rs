//! Follows streams of events, over as many connections as it takes.

use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;

use actix_rt::time::{sleep, timeout};
use actors::domain::jobs::job::Status;
use awc::error::PayloadError;
use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures_util::{Stream, StreamExt, stream};
use thiserror::Error;

use super::job::JobSeen;
use super::server::{Body, Fault, Server};

/// The server sends a comment at least every 15 s; a connection that is silent for longer is dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(45);
/// Until the server says how soon to come back.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Failed tries in a row after which the server is given up: three minutes and a half.
const TRIES: u32 = 24;
/// The present state, which is sent at every connect, before events that were missed.
const STATUS: &str = "model_status";
const PROGRESS: &str = "progress";

/// News for a follower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum News<'a> {
    /// `data` is one JSON object.
    Event { name: &'a str, data: &'a str },
    /// Of the job's recording; sent at the first progress.
    Length { secs: f64 },
    /// The connection was lost; another one is tried.
    Lost,
}

/// Gets everything in order; breaks off when no more is needed.
pub(crate) type OnNews<'a> = &'a mut dyn FnMut(News<'_>) -> ControlFlow<()>;

/// Follows a job's events and returns the job once it has ended, or `None` when `on_news` broke off. Events that were missed while
/// a connection was down come with the next.
pub(crate) async fn follow_job(
    server: &Server,
    id: &str,
    on_news: OnNews<'_>,
) -> Result<Option<JobSeen>, Fault> {
    let mut place = Place::default();
    loop {
        let read = read(server, &format!("/jobs/{id}"), on_news, &mut place).await;
        // A stream that ended is complete, or the server is stopping: the job shows which.
        let seen = match read {
            Ok(End::BrokenOff) => return Ok(None),
            Ok(End::Reached) => server.get::<JobSeen>(&format!("/jobs/{id}")).await,
            Err(fault) => Err(fault),
        };
        match seen {
            Ok(job) if job.status.has_ended() => return Ok(Some(job)),
            Ok(_) => {}
            Err(fault) => place.judge(fault)?,
        }
        if on_news(News::Lost).is_break() {
            return Ok(None);
        }
        sleep(place.next_wait()).await;
    }
}

/// Follows the model's events until `on_news` breaks off.
pub(crate) async fn follow_model(server: &Server, on_news: OnNews<'_>) -> Result<(), Fault> {
    let mut place = Place::default();
    loop {
        match read(server, "/model", on_news, &mut place).await {
            Ok(End::BrokenOff) => return Ok(()),
            // The server is stopping.
            Ok(End::Reached) => {}
            Err(fault) => place.judge(fault)?,
        }
        if on_news(News::Lost).is_break() {
            return Ok(());
        }
        sleep(place.next_wait()).await;
    }
}

/// Where following stands between two connections.
#[derive(Debug)]
struct Place {
    last_id: String,
    wait: Duration,
    failures: u32,
    knows_length: bool,
}

/// How a connection ended that did not break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Reached,
    BrokenOff,
}

/// Why a connection ended before the stream.
#[derive(Debug, Error)]
enum Cut {
    #[error(transparent)]
    Payload(PayloadError),
    #[error("no event for {} s", SILENCE_LIMIT.as_secs())]
    Silence,
}

/// One connection to the events of what is at `path`, from the place where the last one broke to its own end.
async fn read(server: &Server, path: &str, on_news: OnNews<'_>, place: &mut Place) -> Result<End, Fault> {
    let response = server.events(&format!("{path}/events"), &place.last_id).await?;
    let mut events = pin!(bounded(response).eventsource());
    while let Some(event) = events.next().await {
        let event = event.map_err(|error| server.broken(cause(error)))?;
        place.advance(&event);
        if event.event == PROGRESS && !std::mem::replace(&mut place.knows_length, true) {
            // A length that does not come is not shown.
            let job = server.get::<JobSeen>(path).await.ok();
            let secs = job.and_then(|job| job.audio.duration_secs);
            if secs.is_some_and(|secs| on_news(News::Length { secs }).is_break()) {
                return Ok(End::BrokenOff);
            }
        }
        if on_news(News::Event { name: &event.event, data: &event.data }).is_break() {
            return Ok(End::BrokenOff);
        }
        if Status::from_name(&event.event).is_some_and(Status::has_ended) {
            return Ok(End::Reached);
        }
    }
    Ok(End::Reached)
}

/// The body, which breaks when it is silent for too long.
fn bounded(body: impl Body) -> impl Stream<Item = Result<bytes::Bytes, Cut>> {
    stream::unfold(body, |mut body| async {
        let block = match timeout(SILENCE_LIMIT, body.next()).await {
            Ok(block) => block?.map_err(Cut::Payload),
            Err(_) => Err(Cut::Silence),
        };
        Some((block, body))
    })
}

fn cause(error: EventStreamError<Cut>) -> String {
    match error {
        EventStreamError::Transport(cut) => cut.to_string(),
        EventStreamError::Utf8(_) | EventStreamError::Parser(_) => "what came are not events".to_owned(),
    }
}

impl Default for Place {
    fn default() -> Self {
        Self { last_id: String::new(), wait: FIRST_WAIT, failures: 0, knows_length: false }
    }
}

impl Place {
    /// A connection that delivers events resets the count of failures.
    fn advance(&mut self, event: &Event) {
        self.failures = 0;
        self.wait = event.retry.unwrap_or(self.wait).min(LONGEST_WAIT);
        if event.event != STATUS || self.last_id.is_empty() {
            self.last_id.clone_from(&event.id);
        }
    }

    /// # Errors
    /// The fault itself, when trying again would not help or was tried often enough.
    fn judge(&mut self, fault: Fault) -> Result<(), Fault> {
        self.failures += 1;
        let passing = match &fault {
            Fault::Unreachable { .. } | Fault::Broken { .. } => true,
            Fault::Refused { status, .. } => *status == 429 || *status >= 500,
            Fault::Odd { .. } => false,
        };
        if passing && self.failures < TRIES { Ok(()) } else { Err(fault) }
    }

    fn next_wait(&self) -> Duration {
        self.wait.saturating_mul(1 << self.failures.min(4)).min(LONGEST_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_does_not_skip_events_that_were_missed() {
        let event = |name: &str, id: &str| Event { event: name.into(), id: id.into(), ..Event::default() };
        let mut place = Place::default();
        place.advance(&event("model_status", "4"));
        place.advance(&event("model_ready", "5"));
        place.advance(&event("model_status", "9"));
        assert_eq!(place.last_id, "5");
    }
}
