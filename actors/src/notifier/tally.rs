//! How many jobs have come to which end.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::event::{Event, JobEvent, Recorded};
use crate::measures::measures;

/// Counts since the start of the process. Only grows.
#[derive(Debug, Default)]
pub struct Tally {
    completed: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
}

impl Tally {
    pub(super) fn count(&self, events: &[Recorded]) {
        for recorded in events {
            let Event::Job(_, event) = &recorded.event else { continue };
            let counter = match event {
                JobEvent::Completed => &self.completed,
                JobEvent::Failed { .. } => &self.failed,
                JobEvent::Cancelled => &self.cancelled,
                JobEvent::Requeued { reason } => {
                    measures().job_requeues.with_label_values(&[reason.name()]).inc();
                    continue;
                }
                JobEvent::Queued
                | JobEvent::Started { .. }
                | JobEvent::Progress { .. }
                | JobEvent::Segment { .. }
                | JobEvent::LanguageDetected { .. } => continue,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each end by its name, with how many jobs came to it.
    pub fn ended(&self) -> [(&'static str, u64); 3] {
        [("completed", &self.completed), ("failed", &self.failed), ("cancelled", &self.cancelled)]
            .map(|(name, counter)| (name, counter.load(Ordering::Relaxed)))
    }
}
