//! Other services on the same store.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::event::{Event, JobEvent, Recorded, Stream};

/// What another service may have written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// These have new events.
    pub streams: Vec<Stream>,
    /// Any stream may have, and the queue too.
    pub everything: bool,
    /// A job came into the queue.
    pub queue: bool,
}

impl News {
    pub fn of(events: &[Recorded]) -> Self {
        let into_queue = |event: &Recorded| {
            matches!(event.event, Event::Job(_, JobEvent::Queued | JobEvent::Requeued { .. }))
        };
        let mut streams: Vec<_> = events.iter().map(Recorded::stream).collect();
        streams.dedup();
        Self { streams, everything: false, queue: events.iter().any(into_queue) }
    }

    pub fn add(&mut self, more: Self) {
        self.streams.extend(more.streams);
        self.everything |= more.everything;
        self.queue |= more.queue;
    }
}

/// Word between services that share a store. It only saves waiting: whoever misses it finds the same in the store.
///
/// A store with one service has nobody to tell, which is what the methods do here.
#[async_trait]
pub trait Peers: Send + Sync + 'static {
    /// Whether there may be other services.
    fn are_there(&self) -> bool {
        false
    }

    /// Tells the others, soon and without waiting.
    fn tell(&self, _: News) {}

    /// Waits for word of others, or for the time to look without: some seconds.
    async fn news(&self) -> News {
        std::future::pending().await
    }

    /// The numbers of the last events of those of the streams that have any.
    async fn last_seqs(&self, _: &[Stream]) -> Result<Vec<(Stream, u64)>, StoreError> {
        Ok(vec![])
    }
}
