//! Transcribes recordings one by one, delivers the transcripts and reports failures.

use super::output::Output;
use super::recording::Recording;
use super::transcriber::{Stop, Transcriber};
use crate::cli::failure::Failure;
use crate::cli::progress::Meter;

pub(super) struct Session<'a> {
    pub(super) transcriber: Box<dyn Transcriber>,
    pub(super) output: &'a Output,
    pub(super) meter: Meter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Transcribed,
    /// And reported.
    Failed,
    /// Reported, too; another try may do.
    Later,
}

impl Session<'_> {
    /// # Errors
    /// No other recording would fare better.
    ///
    /// # Blocking
    /// Until the transcripts are where they belong.
    pub(super) fn transcribe(&mut self, recording: &Recording) -> Result<Outcome, Failure> {
        let meter = &self.meter;
        meter.begin(&recording.name(), self.output.title(recording));
        let documents = self.transcriber.transcribe(recording, meter);
        let delivered = documents.and_then(|documents| {
            meter.done(documents.first().map(String::as_str).unwrap_or_default());
            match self.output.deliver(recording, &documents, meter) {
                Err(failure @ Failure::Exists { .. }) => Err(Stop::File(failure.to_string())),
                Err(failure @ Failure::Unwritable { .. }) => Err(Stop::Later(failure.to_string())),
                delivered => delivered.map_err(Stop::All),
            }
        });
        let Err(stop) = delivered else { return Ok(Outcome::Transcribed) };
        meter.failed();
        let (reason, outcome) = match stop {
            Stop::File(reason) => (reason, Outcome::Failed),
            Stop::Later(reason) => (reason, Outcome::Later),
            Stop::All(failure) => return Err(failure),
        };
        meter.print(&format!("error: {}: {reason}", recording.shown()));
        Ok(outcome)
    }
}
