//! Other services on the same store.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::event::{Event, JobEvent, Recorded, Stream};
use crate::domain::services::{Ask, Peer, Report};

/// What another service may have written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// These have new events.
    pub streams: Vec<Stream>,
    /// Any stream may have.
    pub everything: bool,
    /// A job came into the queue.
    pub queue: bool,
    /// A service changed, or asks something of another.
    pub services: bool,
}

/// With changes in more streams there are changes in everything.
const MOST_STREAMS: usize = 1000;

impl Changes {
    /// Anything may have changed.
    pub fn everything() -> Self {
        Self { streams: vec![], everything: true, queue: true, services: true }
    }

    pub fn of(events: &[Recorded]) -> Self {
        let into_queue = |event: &Recorded| {
            matches!(event.event, Event::Job(_, JobEvent::Queued | JobEvent::Requeued { .. }))
        };
        let mut streams: Vec<_> = events.iter().map(Recorded::stream).collect();
        streams.dedup();
        Self { streams, queue: events.iter().any(into_queue), ..Self::default() }
    }

    pub fn add(&mut self, more: Self) {
        self.streams.extend(more.streams);
        self.everything |= more.everything;
        self.queue |= more.queue;
        self.services |= more.services;
        if self.streams.len() > MOST_STREAMS {
            self.streams.clear();
            self.everything = true;
        }
    }
}

/// What services that share a store say to each other. It only saves waiting: what is missed is found in the store.
///
/// The methods here are those of a store with one service.
#[async_trait]
pub trait Peers: Send + Sync + 'static {
    /// The id of this service or worker; `None` where it has the store to itself.
    fn own_id(&self) -> Option<&str> {
        None
    }

    /// Whether other services, or other workers of this process, use the store.
    fn is_shared(&self) -> bool {
        self.own_id().is_some()
    }

    /// Whether other processes do.
    fn has_other_services(&self) -> bool {
        self.is_shared()
    }

    /// Sends them to the others, soon and without waiting.
    fn announce(&self, _: Changes) {}

    /// Waits until others announce changes. Announcements may be lost.
    async fn changes(&self) -> Changes {
        std::future::pending().await
    }

    /// Says what this service is now. The store forgets services without a report for a day.
    async fn report(&self, _: &Report) -> Result<(), StoreError> {
        Ok(())
    }

    /// The last reports of all services, this one among them.
    async fn services(&self) -> Result<Vec<Peer>, StoreError> {
        Ok(vec![])
    }

    /// Asks something of the service of that id, which does it if it reads it within a minute, and not if it is stopped then.
    async fn ask(&self, _id: &str, _: &Ask) -> Result<(), StoreError> {
        Ok(())
    }

    /// What was asked of this one since it was last called.
    async fn asked(&self) -> Result<Vec<Ask>, StoreError> {
        Ok(vec![])
    }

    /// Takes the duty of that name for so long by the store's clock, if no other service has it, and says whether this one has it. Who has it
    /// renews it so.
    async fn take_duty(&self, _name: &str, _for: Duration) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// The numbers of the last events of those of the streams that have any.
    async fn last_seqs(&self, _: &[Stream]) -> Result<Vec<(Stream, u64)>, StoreError> {
        Ok(vec![])
    }
}
