//! Has a running service transcribe: sends the recording, follows the job's events, fetches the
//! transcript.

mod fields;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use actix_rt::time::{sleep, timeout};
use actors::domain::jobs::job::Status;
use futures_util::future::{Either, select};
use serde_json::json;
use tempfile::NamedTempFile;

use super::args::Wanted;
use super::recording::{Recording, Source};
use super::spool;
use super::transcriber::{Interrupts, Stop, Transcriber};
use crate::cli::connection::Connection;
use crate::cli::failure::Failure;
use crate::cli::progress::{Meter, show};
use crate::client::{Answer, Fault, JobSeen, News, Server, Upload, follow_job};
use fields::fields;

/// A job that is no longer wanted is given up after this long, cancelled or not.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);

/// A running service, spoken to over one connection at a time.
pub(super) struct Remote {
    connection: Connection,
    wanted: Wanted,
}

impl Remote {
    pub(super) fn new(connection: Connection, wanted: &Wanted) -> Self {
        Self { connection, wanted: wanted.clone() }
    }
}

impl Transcriber for Remote {
    fn interrupts(&self) -> Interrupts {
        Interrupts::Caught
    }

    fn transcribe(&mut self, recording: &Recording, meter: &Meter) -> Result<Vec<String>, Stop> {
        let source = match &recording.source {
            Source::File(path) => Sent::File(path.clone()),
            Source::Stdin => Sent::Spooled(spool::stdin()?),
            Source::Url(url) => Sent::Url(url.clone()),
        };
        let task =
            RemoteJob { server: &self.connection.server, wanted: &self.wanted, meter, id: Cell::default() };
        self.connection.run(async {
            match select(pin!(task.transcribe(&source)), pin!(actix_rt::signal::ctrl_c())).await {
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

/// What is sent of a recording.
enum Sent {
    File(PathBuf),
    Spooled(NamedTempFile),
    /// The server fetches it.
    Url(String),
}

impl RemoteJob<'_> {
    async fn transcribe(&self, source: &Sent) -> Result<Vec<String>, Stop> {
        let job = self.submit(source).await?;
        self.id.set(Some(job.id.clone()));
        self.meter.say("waiting for the model and for jobs before this one");
        let mut on_news = |news: News<'_>| {
            show(news, self.meter);
            ControlFlow::Continue(())
        };
        let ended = follow_job(self.server, &job.id, &mut on_news).await;
        // Cancelling an ended job would remove it.
        let id = self.id.take();
        // `on_news` never breaks off.
        let ended = ended.inspect_err(|_| self.id.set(id)).map_err(of_passing)?;
        let ended = ended.unwrap_or_else(|| job.clone());
        ended.warnings.iter().for_each(|warning| self.meter.warn(warning));
        match ended.status {
            Status::Completed => self.fetch(&job.id).await.map_err(of_passing),
            Status::Failed if ended.error.as_ref().is_some_and(|error| is_passing(error.code.as_deref())) => {
                Err(Stop::Later(ended.sentence()))
            }
            Status::Failed | Status::Cancelled | Status::Queued | Status::Running => {
                Err(Stop::File(ended.sentence()))
            }
        }
    }

    /// Sends the recording, as often as the server asks to retry later.
    async fn submit(&self, source: &Sent) -> Result<JobSeen, Stop> {
        loop {
            self.meter.say("connecting");
            let refused = match self.send(source).await? {
                Answer::Good(job) => return Ok(job),
                Answer::Later(refusal) => refusal,
            };
            self.meter.say(&format!("{}; trying again in {} s", refused.reason, refused.wait.as_secs()));
            sleep(refused.wait).await;
        }
    }

    async fn send(&self, source: &Sent) -> Result<Answer<JobSeen>, Stop> {
        let fields = fields(self.wanted);
        let upload = match source {
            Sent::File(path) => Upload::open(path, &fields),
            Sent::Spooled(file) => Upload::open_as("stdin", file.path(), &fields),
            Sent::Url(url) => {
                let fields = fields.into_iter().chain([("url", url.clone())]);
                let body: BTreeMap<&str, String> = fields.collect();
                return self.server.submit_json(&json!(body).to_string()).await.map_err(of_submission);
            }
        };
        let upload =
            upload.map_err(|error| Stop::Later(format!("the recording could not be read: {error}")))?;
        let (bytes, meter) = (upload.file_bytes(), self.meter.clone());
        let sent = self.server.submit(upload, move |sent| meter.bytes("sending", sent, bytes)).await;
        sent.map_err(of_submission)
    }

    async fn fetch(&self, id: &str) -> Result<Vec<String>, Fault> {
        let mut documents = Vec::new();
        for format in self.wanted.formats() {
            let path = format!("/jobs/{id}/transcript?{}", self.wanted.query(format));
            documents.push(self.server.text(&path).await?);
        }
        Ok(documents)
    }

    /// Cancels the job on the server.
    async fn cancel(&self) {
        let Some(id) = self.id.take() else { return };
        self.meter.say("cancelling");
        match timeout(CANCEL_LIMIT, self.server.delete(&format!("/jobs/{id}"))).await {
            Ok(Ok(_)) => {}
            Ok(Err(fault)) => self.meter.warn(&format!("the job {id} was not cancelled: {fault}")),
            Err(_) => self.meter.warn(&format!("the job {id} was not cancelled: no answer")),
        }
    }
}

/// The server has accepted the recording: what comes after is not the recording's fault.
fn of_passing(fault: Fault) -> Stop {
    Stop::Later(fault.to_string())
}

/// Codes of jobs that failed for another reason than their recording.
fn is_passing(code: Option<&str>) -> bool {
    matches!(code, Some("audio_unreadable" | "model_failed" | "unknown_model"))
}

/// A server that is not there or does not let anyone in will not take the next recording either.
fn of_submission(fault: Fault) -> Stop {
    match &fault {
        Fault::Unreachable { .. } | Fault::Refused { status: 401 | 403, .. } => Stop::All(fault.into()),
        // Of a proxy, too, whose server is not there for a while.
        Fault::Refused { status: 408 | 500.., .. } | Fault::Broken { .. } | Fault::Odd { .. } => {
            Stop::Later(fault.to_string())
        }
        Fault::Refused { .. } => Stop::File(fault.to_string()),
    }
}
