//! What makes transcripts, here or on a server.

use std::path::Path;

use super::meter::Meter;
use crate::cli::failure::Failure;

/// Turns one recording after the other into a document.
pub(super) trait Transcriber {
    /// # Blocking
    /// Until the document is there.
    fn transcribe(&mut self, file: &Path, meter: &Meter) -> Result<String, Stop>;
}

/// Why a recording has no transcript.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is this recording's fault; the next one may do.
    File(String),
    /// No other recording would fare better.
    All(Failure),
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(failure: E) -> Self {
        Self::All(failure.into())
    }
}
