//! Serves the samples of a plan's chunks, one chunk in memory at a time.

use std::sync::Arc;

use actors::domain::audio::{Plan, Span};
use actors::ports::AudioError;

use super::guard::guarded;
use super::pcm::Pcm;

/// The samples of the chunks from one index on, in order. After an error nothing more comes.
///
/// A chunk's samples are the same bits whichever chunk was the first.
pub struct PlannedChunks {
    pcm: Option<Pcm>,
    spans: std::vec::IntoIter<Span>,
}

impl PlannedChunks {
    /// `open` gives the recording from its beginning, decoded as it was for the plan.
    pub fn new(
        plan: &Plan,
        first: usize,
        open: impl FnOnce() -> Result<Pcm, AudioError>,
    ) -> Result<Self, AudioError> {
        let spans = plan.chunks.get(first..).unwrap_or_default().to_vec();
        // Without chunks left nothing needs to be read, not even the file.
        let pcm = if spans.is_empty() { None } else { Some(open()?) };
        Ok(Self { pcm, spans: spans.into_iter() })
    }

    fn read(&mut self, span: Span) -> Result<Arc<[f32]>, AudioError> {
        let Some(pcm) = &mut self.pcm else { return Err(no_longer_fits()) };
        let samples = guarded(|| pcm.read(span))?;
        // The engine counts on the plan's times: a file that has changed since is no longer its own.
        if samples.len() as u64 != span.samples() { Err(no_longer_fits()) } else { Ok(samples.into()) }
    }
}

impl Iterator for PlannedChunks {
    type Item = Result<Arc<[f32]>, AudioError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pcm.as_ref()?;
        let span = self.spans.next()?;
        let samples = self.read(span);
        if samples.is_err() {
            self.pcm = None;
        }
        Some(samples)
    }
}

fn no_longer_fits() -> AudioError {
    AudioError::Corrupt("the recording is shorter than when it was planned: send it again".into())
}
