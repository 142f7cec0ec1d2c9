//! A stream of events, from any point on: the stored log first, then what comes.

use std::collections::VecDeque;
use std::sync::Arc;

use actix::prelude::*;
use futures_util::stream::{self, Stream as FutureStream, StreamExt};
use tokio::sync::broadcast::{self, error::RecvError};

use super::actor::NotifierActor;
use super::messages::Subscribe;
use crate::domain::event::{Recorded, Stream};
use crate::ports::{EventLog, StoreError};

const PAGE: u32 = 500;

struct Follower {
    log: Arc<dyn EventLog>,
    stream: Stream,
    live: broadcast::Receiver<Arc<Recorded>>,
    /// Number of the last event handed out.
    last: u64,
    ready: VecDeque<Arc<Recorded>>,
    source: Source,
}

/// Where the next event comes from.
#[derive(PartialEq)]
enum Source {
    Log,
    Live,
    Ended,
}

pub(super) fn follow(
    notifier: Addr<NotifierActor>,
    log: Arc<dyn EventLog>,
    stream: Stream,
    after: u64,
) -> impl FutureStream<Item = Result<Arc<Recorded>, StoreError>> + 'static {
    let begin = async move {
        // Subscribed before the log is read: what happens in between is seen twice, never missed.
        let live = notifier.send(Subscribe(stream)).await.unwrap_or_else(|_| broadcast::channel(1).1);
        Follower { log, stream, live, last: after, ready: VecDeque::new(), source: Source::Log }
    };
    stream::once(begin).flat_map(|follower| {
        stream::unfold((follower, true), |(mut follower, first)| async move {
            if first && let Err(error) = follower.rewind().await {
                follower.source = Source::Ended;
                return Some((Err(error), (follower, false)));
            }
            match follower.next().await {
                Ok(Some(event)) => Some((Ok(event), (follower, false))),
                Ok(None) => None,
                Err(error) => {
                    follower.source = Source::Ended;
                    Some((Err(error), (follower, false)))
                }
            }
        })
    })
}

impl Follower {
    /// Makes sense of where the client says it was: never past the end, and past the last event of a
    /// stream that is over there is nothing to wait for.
    async fn rewind(&mut self) -> Result<(), StoreError> {
        self.last = self.last.min(self.log.last_seq(self.stream).await?);
        let Some(before) = self.last.checked_sub(1) else { return Ok(()) };
        let seen = self.log.events_after(self.stream, before, 1).await?;
        if seen.first().is_some_and(Recorded::is_last) {
            self.source = Source::Ended;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Arc<Recorded>>, StoreError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.last = event.seq;
                if event.is_last() {
                    self.source = Source::Ended;
                    self.ready.clear();
                }
                return Ok(Some(event));
            }
            match self.source {
                Source::Log => self.read_log().await?,
                Source::Live => self.next_live().await,
                Source::Ended => return Ok(None),
            }
        }
    }

    async fn read_log(&mut self) -> Result<(), StoreError> {
        let page = self.log.events_after(self.stream, self.last, PAGE).await?;
        if page.is_empty() {
            self.source = if self.is_removed().await? { Source::Ended } else { Source::Live };
        }
        self.ready.extend(page.into_iter().map(Arc::new));
        Ok(())
    }

    /// A job has events for as long as there is one: nothing will come of a job without.
    async fn is_removed(&self) -> Result<bool, StoreError> {
        match self.stream {
            Stream::Job(_) => Ok(self.log.last_seq(self.stream).await? == 0),
            Stream::Model => Ok(false),
        }
    }

    async fn next_live(&mut self) {
        match self.live.recv().await {
            Ok(event) if event.seq <= self.last => {}
            Ok(event) if event.seq == self.last + 1 => self.ready.push_back(event),
            // Something was missed: the log has it.
            Ok(_) | Err(RecvError::Lagged(_)) => self.source = Source::Log,
            Err(RecvError::Closed) => self.source = Source::Ended,
        }
    }
}
