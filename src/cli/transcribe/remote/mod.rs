//! Has a running service transcribe: sends the recording, follows the job's events, fetches the
//! transcript.

mod events;
mod fields;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use actix_rt::System;
use actix_rt::time::{sleep, timeout};
use actors::domain::jobs::job::Status;
use futures_util::future::{Either, select};

use super::args::Wanted;
use super::meter::Meter;
use super::{Stop, Transcriber};
use crate::cli::failure::Failure;
use crate::client::{Answer, BadKey, Fault, JobSeen, Server, ServerUrl, Upload};
use fields::fields;

/// The variable whose value is sent as a bearer token.
const API_KEY: &str = "VERBATIM_API_KEY";
/// A job that is no longer wanted is given up after this long, cancelled or not.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);

/// A running service, spoken to over one connection at a time.
pub(super) struct Remote {
    system: actix_rt::SystemRunner,
    server: Server,
    wanted: Wanted,
}

impl Remote {
    pub(super) fn new(url: ServerUrl, wanted: &Wanted) -> Result<Self, Failure> {
        let system = System::new();
        let key = std::env::var(API_KEY).ok().filter(|key| !key.is_empty());
        // The client belongs to the system that it is made in.
        let server = system.block_on(async { Server::new(url, key.as_deref()) });
        let server = server.map_err(|BadKey| Failure::BadKey)?;
        Ok(Self { system, server, wanted: wanted.clone() })
    }
}

impl Transcriber for Remote {
    fn transcribe(&mut self, file: &Path, meter: &Meter) -> Result<String, Stop> {
        let task = RemoteJob { server: &self.server, wanted: &self.wanted, meter, id: Cell::default() };
        self.system.block_on(async {
            match select(pin!(task.transcribe(file)), pin!(actix_rt::signal::ctrl_c())).await {
                Either::Left((document, _)) => document,
                Either::Right(_) => {
                    task.cancel().await;
                    Err(Stop::All(Failure::Interrupted))
                }
            }
        })
    }
}

/// One recording on its way.
struct RemoteJob<'a> {
    server: &'a Server,
    wanted: &'a Wanted,
    meter: &'a Meter,
    /// While there is a job to cancel.
    id: Cell<Option<String>>,
}

impl RemoteJob<'_> {
    async fn transcribe(&self, file: &Path) -> Result<String, Stop> {
        let job = self.submit(file).await?;
        self.id.set(Some(job.id.clone()));
        self.meter.say("waiting for the model and for jobs before this one");
        let ended = events::follow(self.server, &job.id, self.meter).await;
        // Cancelling an ended job would remove it.
        let id = self.id.take();
        let ended = ended.inspect_err(|_| self.id.set(id)).map_err(of_file)?;
        ended.warnings.iter().for_each(|warning| self.meter.warn(warning));
        match ended.status {
            Status::Completed => self.fetch(&job.id).await.map_err(of_file),
            Status::Failed | Status::Cancelled | Status::Queued | Status::Running => {
                Err(Stop::File(ended.sentence()))
            }
        }
    }

    /// Sends the recording, as often as the server asks to retry later.
    async fn submit(&self, file: &Path) -> Result<JobSeen, Stop> {
        loop {
            let upload = Upload::open(file, &fields(self.wanted))
                .map_err(|error| Stop::File(format!("the recording could not be read: {error}")))?;
            let bytes = upload.file_bytes();
            self.meter.say("connecting");
            let meter = self.meter.clone();
            let refused = match self.server.submit(upload, move |sent| meter.sent(sent, bytes)).await {
                Ok(Answer::Good(job)) => return Ok(job),
                Ok(Answer::Later(refusal)) => refusal,
                Err(fault) => return Err(of_submission(fault)),
            };
            self.meter.say(&format!("{}; trying again in {} s", refused.reason, refused.wait.as_secs()));
            sleep(refused.wait).await;
        }
    }

    async fn fetch(&self, id: &str) -> Result<String, Fault> {
        self.server.text(&format!("/jobs/{id}/transcript?{}", self.wanted.query())).await
    }

    /// Tells the server that nobody waits for the job any longer.
    async fn cancel(&self) {
        let Some(id) = self.id.take() else { return };
        self.meter.say("cancelling");
        match timeout(CANCEL_LIMIT, self.server.delete(&format!("/jobs/{id}"))).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => self.meter.warn(&format!("the job {id} was not cancelled: {fault}")),
            Err(_) => self.meter.warn(&format!("the job {id} was not cancelled: no answer")),
        }
    }
}

fn of_file(fault: Fault) -> Stop {
    Stop::File(fault.to_string())
}

/// A server that is not there or does not let anyone in will not take the next recording either.
fn of_submission(fault: Fault) -> Stop {
    match &fault {
        Fault::Unreachable { .. } => Stop::All(Failure::Server(fault.to_string())),
        Fault::Refused { status: 401 | 403, .. } => {
            Stop::All(Failure::Server(format!("{fault}; set {API_KEY} to a key that the server knows")))
        }
        Fault::Refused { .. } | Fault::Broken { .. } | Fault::Odd { .. } => Stop::File(fault.to_string()),
    }
}
