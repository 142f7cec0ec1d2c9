//! Serves the samples of a plan's chunks, one chunk of each channel in memory at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::domain::audio::{Plan, Span};
use actors::ports::AudioError;

use super::mix::Downmix;
use super::source::guard::guarded;
use super::source::pcm::Pcm;

/// Opens the recording at its beginning, decoded as it was for the plan.
pub type Open = Box<dyn Fn(Downmix) -> Result<Pcm, AudioError> + Send>;

/// The samples of the chunks from one index on, in order. After an error nothing more comes.
///
/// A chunk's samples are the same bits whichever chunk was the first; chunks may overlap. Where channels are transcribed each by itself, the
/// recording is read once for each.
pub struct PlannedChunks {
    open: Open,
    /// By channel; one of no channel where they are mixed.
    readers: BTreeMap<Option<u8>, Pcm>,
    chunks: std::vec::IntoIter<(Span, Option<u8>)>,
    failed: bool,
}

impl PlannedChunks {
    pub fn new(plan: &Plan, first: usize, open: Open) -> Self {
        let all = plan.chunks.iter().enumerate().map(|(n, span)| (*span, plan.channel(n)));
        Self::of(all.skip(first).collect(), open)
    }

    /// The samples of spans of all channels mixed, in the order of their starts.
    pub fn mixed(spans: &[Span], open: Open) -> Self {
        Self::of(spans.iter().map(|span| (*span, None)).collect(), open)
    }

    fn of(chunks: Vec<(Span, Option<u8>)>, open: Open) -> Self {
        Self { open, readers: BTreeMap::new(), chunks: chunks.into_iter(), failed: false }
    }

    fn read(&mut self, span: Span, channel: Option<u8>) -> Result<Arc<[f32]>, AudioError> {
        let reader = match self.readers.remove(&channel) {
            Some(reader) => reader,
            None => guarded(|| (self.open)(channel.map_or(Downmix::Mean, Downmix::Channel)))?,
        };
        let reader = self.readers.entry(channel).or_insert(reader);
        let samples = guarded(|| reader.read(span))?;
        // The engine counts on the plan's times: a file that has changed since is no longer its own.
        if samples.len() as u64 != span.samples() { Err(no_longer_fits()) } else { Ok(samples.into()) }
    }
}

impl Iterator for PlannedChunks {
    type Item = Result<Arc<[f32]>, AudioError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (span, channel) = self.chunks.next().filter(|_| !self.failed)?;
        let samples = self.read(span, channel);
        self.failed = samples.is_err();
        Some(samples)
    }
}

fn no_longer_fits() -> AudioError {
    AudioError::Corrupt("the recording is shorter than when it was planned: send it again".into())
}
