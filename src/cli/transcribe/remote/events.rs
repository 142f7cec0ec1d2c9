//! Follows a job's events to their end, over as many connections as it takes.

use std::pin::pin;
use std::time::Duration;

use actix_rt::time::{sleep, timeout};
use actors::domain::jobs::job::Status;
use awc::error::PayloadError;
use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures_util::{Stream, StreamExt, stream};
use thiserror::Error;

use crate::cli::transcribe::meter::{Meter, Step};
use crate::client::{Body, Fault, JobSeen, Server};

/// The server sends a comment at least every 15 s; a connection that is silent for longer is dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(45);
/// Until the server says how soon to come back.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Failed tries in a row after which the server is given up: three minutes and a half.
const TRIES: u32 = 24;

/// Where following stands between two connections.
#[derive(Debug)]
struct Place {
    last_id: String,
    wait: Duration,
    failures: u32,
}

/// Why a connection ended before the job.
#[derive(Debug, Error)]
enum Cut {
    #[error(transparent)]
    Payload(PayloadError),
    #[error("no event for {} s", SILENCE_LIMIT.as_secs())]
    Silence,
}

/// Shows the job's progress until it has ended, and gives the job as it is then. Events that were missed
/// while a connection was down come with the next.
pub(super) async fn follow(server: &Server, id: &str, meter: &Meter) -> Result<JobSeen, Fault> {
    let mut place = Place { last_id: String::new(), wait: FIRST_WAIT, failures: 0 };
    loop {
        let read = read(server, id, meter, &mut place).await;
        // A stream that ended has told everything, or the server is stopping: the job says which.
        let seen = match read {
            Ok(()) => server.get::<JobSeen>(&format!("/jobs/{id}")).await,
            Err(fault) => Err(fault),
        };
        match seen {
            Ok(job) if job.status.has_ended() => return Ok(job),
            Ok(_) => {}
            Err(fault) => place.judge(fault)?,
        }
        meter.say("connection lost, trying again");
        sleep(place.next_wait()).await;
    }
}

/// One connection, from the place where the last one broke to its own end.
async fn read(server: &Server, id: &str, meter: &Meter, place: &mut Place) -> Result<(), Fault> {
    let response = server.events(&format!("/jobs/{id}/events"), &place.last_id).await?;
    let mut events = pin!(bounded(response).eventsource());
    while let Some(event) = events.next().await {
        let event = event.map_err(|error| server.broken(cause(error)))?;
        place.advance(&event);
        if show(&event, meter) == Then::Ended {
            return Ok(());
        }
    }
    Ok(())
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

impl Place {
    /// A connection that brings something is a good one: failures are counted anew.
    fn advance(&mut self, event: &Event) {
        self.failures = 0;
        self.wait = event.retry.unwrap_or(self.wait).min(LONGEST_WAIT);
        self.last_id.clone_from(&event.id);
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    Ended,
}

/// Events of kinds that a newer server may send are passed over.
fn show(event: &Event, meter: &Meter) -> Then {
    match event.event.as_str() {
        "queued" => meter.say("waiting for the model and for jobs before this one"),
        "started" => meter.say("reading"),
        "requeued" => meter.say("back in the queue"),
        "progress" => {
            // What cannot be read is not shown, and the next one may be fine.
            if let Ok(step) = serde_json::from_str::<Step>(&event.data) {
                meter.step(&step);
            }
        }
        name if Status::from_name(name).is_some_and(Status::has_ended) => return Then::Ended,
        _ => {}
    }
    Then::GoOn
}
