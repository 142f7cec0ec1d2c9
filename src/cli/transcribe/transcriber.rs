//! What makes transcripts, here or on a server.

use super::recording::Recording;
use crate::cli::failure::Failure;
use crate::cli::progress::Meter;

/// Turns one recording after the other into documents.
pub(super) trait Transcriber {
    /// One document for each format that is wanted, in their order.
    ///
    /// # Blocking
    /// Until the documents are there.
    fn transcribe(&mut self, recording: &Recording, meter: &Meter) -> Result<Vec<String>, Stop>;

    fn interrupts(&self) -> Interrupts;
}

/// What Ctrl-C does once a recording was transcribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interrupts {
    /// Ends the process.
    End,
    /// Is caught: a server's job is cancelled first.
    Caught,
}

/// Why a recording has no transcript.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is this recording's fault; the next one may do.
    File(String),
    /// Nothing is wrong with this recording: another try may do.
    Later(String),
    /// No other recording would fare better.
    All(Failure),
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(failure: E) -> Self {
        Self::All(failure.into())
    }
}
