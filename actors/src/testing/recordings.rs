//! Recordings of any length, all the same.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::domain::audio::{Decoder, Plan, SAMPLE_RATE, Span};
use crate::domain::jobs::selection::Selection;
use crate::domain::peaks::{PeakMeter, Peaks};
use crate::ports::{AudioError, CancelToken, ChunkSamples, Recordings, StoredBlob};

/// Every recording has this many chunks of one second; a blob named "bad" cannot be decoded. That of one named "endless"
/// is never planned to its end, and of one named "stuck" no chunk is ever read.
pub struct FakeRecordings {
    pub chunks: usize,
}

impl FakeRecordings {
    fn check(blob: &StoredBlob) -> Result<(), AudioError> {
        match blob.key.0.as_str() {
            "bad" => Err(AudioError::Corrupt("scripted".into())),
            _ => Ok(()),
        }
    }
}

impl Recordings for FakeRecordings {
    fn version(&self, _: Decoder) -> String {
        "fake".into()
    }

    fn probe(&self, blob: &StoredBlob, _: &Selection) -> Result<(), AudioError> {
        Self::check(blob)
    }

    /// Passes the first chunk on in advance; for a blob named "misleading", a wrong one.
    fn plan(
        &self,
        blob: &StoredBlob,
        selection: &Selection,
        cancel: &CancelToken,
        first: &mut dyn FnMut(Plan),
    ) -> Result<Plan, AudioError> {
        Self::check(blob)?;
        if blob.key.0 == "endless" {
            return Err(until_cancelled(cancel));
        }
        let end = if blob.key.0 == "misleading" { 1 } else { u64::from(SAMPLE_RATE) };
        if self.chunks > 1 {
            first(Plan { samples: end, chunks: vec![Span { start: 0, end }], ..Plan::default() });
        }
        let second = u64::from(SAMPLE_RATE);
        let count = self.chunks as u64;
        let chunks = (0..count).map(|n| Span { start: n * second, end: (n + 1) * second }).collect();
        let speech = vec![Span { start: 0, end: count * second }];
        let selection = selection.clone();
        Ok(Plan { samples: count * second, selection, chunks, speech, ..Plan::default() })
    }

    fn chunks(
        &self,
        blob: &StoredBlob,
        plan: &Plan,
        first: usize,
        cancel: &CancelToken,
    ) -> Result<ChunkSamples, AudioError> {
        Self::check(blob)?;
        if blob.key.0 == "stuck" {
            return Err(until_cancelled(cancel));
        }
        let spans: Vec<Span> = plan.chunks.iter().skip(first).copied().collect();
        Ok(Box::new(spans.into_iter().map(|span| Ok(silence(span)))))
    }

    fn spans(
        &self,
        blob: &StoredBlob,
        _: &Plan,
        spans: &[Span],
        _: &CancelToken,
    ) -> Result<Vec<Arc<[f32]>>, AudioError> {
        Self::check(blob)?;
        Ok(spans.iter().copied().map(silence).collect())
    }

    fn peaks(&self, blob: &StoredBlob, _: &Selection, _: &CancelToken) -> Result<Peaks, AudioError> {
        Self::check(blob)?;
        Ok(PeakMeter::default().finish())
    }

    fn media_type(&self, _: &[u8]) -> &'static str {
        "application/octet-stream"
    }
}

fn until_cancelled(cancel: &CancelToken) -> AudioError {
    while !cancel.is_cancelled() {
        thread::sleep(Duration::from_millis(1));
    }
    AudioError::Cancelled
}

fn silence(span: Span) -> Arc<[f32]> {
    vec![0.0; usize::try_from(span.samples()).unwrap_or(0)].into()
}
