//! Recordings of any length, all the same.

use std::sync::Arc;

use crate::domain::audio::{Decoder, Plan, SAMPLE_RATE, Span};
use crate::domain::job::BlobKey;
use crate::ports::{AudioError, CancelToken, ChunkSamples, Recordings};

/// Every recording has this many chunks of one second; a blob named "bad" cannot be decoded.
pub struct FakeRecordings {
    pub chunks: usize,
}

impl FakeRecordings {
    fn check(blob: &BlobKey) -> Result<(), AudioError> {
        match blob.0.as_str() {
            "bad" => Err(AudioError::Corrupt("scripted".into())),
            _ => Ok(()),
        }
    }
}

impl Recordings for FakeRecordings {
    fn version(&self, _: Decoder) -> String {
        "fake".into()
    }

    fn probe(&self, blob: &BlobKey) -> Result<(), AudioError> {
        Self::check(blob)
    }

    /// Tells the first chunk in advance; for a blob named "misleading", a wrong one.
    fn plan(&self, blob: &BlobKey, _: &CancelToken, first: &mut dyn FnMut(Plan)) -> Result<Plan, AudioError> {
        Self::check(blob)?;
        let end = if blob.0 == "misleading" { 1 } else { u64::from(SAMPLE_RATE) };
        if self.chunks > 1 {
            first(Plan { samples: end, chunks: vec![Span { start: 0, end }], ..Plan::default() });
        }
        let second = u64::from(SAMPLE_RATE);
        let count = self.chunks as u64;
        let chunks = (0..count).map(|n| Span { start: n * second, end: (n + 1) * second }).collect();
        Ok(Plan { samples: count * second, chunks, ..Plan::default() })
    }

    fn chunks(&self, blob: &BlobKey, plan: &Plan, first: usize) -> Result<ChunkSamples, AudioError> {
        Self::check(blob)?;
        let spans: Vec<Span> = plan.chunks.iter().skip(first).copied().collect();
        Ok(Box::new(spans.into_iter().map(|span| Ok(silence(span)))))
    }
}

fn silence(span: Span) -> Arc<[f32]> {
    vec![0.0; usize::try_from(span.samples()).unwrap_or(0)].into()
}
