//! Who follows which stream at this moment.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::broadcast;

use crate::domain::event::{Recorded, Stream};

/// Events a follower may be behind before it has to read the log again.
const LIVE_EVENTS: usize = 64;
/// With fewer streams than these, streams without followers are not searched for.
const FEW: usize = 64;

/// The streams with followers, and some that have none any more: no more of those than there were followed ones
/// when they were last taken away, and a few.
#[derive(Default)]
pub(super) struct Live {
    streams: HashMap<Stream, Followed>,
    /// How many there were when the ones without followers were last taken away.
    followed: usize,
    over: bool,
}

struct Followed {
    followers: broadcast::Sender<Arc<Recorded>>,
    /// Number of the last event handed to them.
    last: Option<u64>,
}

impl Default for Followed {
    fn default() -> Self {
        Self { followers: broadcast::channel(LIVE_EVENTS).0, last: None }
    }
}

impl Followed {
    fn is_over(&self) -> bool {
        self.followers.receiver_count() == 0
    }
}

impl Live {
    /// Events of that stream from now on. After [`Live::end`] there are none.
    pub(super) fn subscribe(&mut self, stream: Stream) -> broadcast::Receiver<Arc<Recorded>> {
        if self.over {
            return broadcast::channel(1).1;
        }
        if self.streams.len() >= FEW.max(2 * self.followed) {
            self.streams.retain(|_, followed| !followed.is_over());
            self.followed = self.streams.len();
        }
        self.streams.entry(stream).or_default().followers.subscribe()
    }

    /// Hands an event to those who follow its stream. Who is not there reads the log later.
    pub(super) fn publish(&mut self, event: Recorded) {
        let (stream, is_last) = (event.stream(), event.is_last());
        let Some(followed) = self.streams.get_mut(&stream) else { return };
        followed.last = followed.last.max(Some(event.seq));
        let sent = followed.followers.send(Arc::new(event));
        if is_last || sent.is_err() {
            self.streams.remove(&stream);
        }
    }

    /// The streams that are followed, each with the number of the last event handed to its followers.
    pub(super) fn followed(&self) -> impl Iterator<Item = (Stream, Option<u64>)> {
        let followed = self.streams.iter().filter(|(_, followed)| !followed.is_over());
        followed.map(|(stream, followed)| (*stream, followed.last))
    }

    /// Streams that are followed, and by how many.
    pub(super) fn counts(&self) -> (usize, usize) {
        let followed =
            self.streams.values().map(|stream| stream.followers.receiver_count()).filter(|count| *count > 0);
        followed.fold((0, 0), |(streams, followers), count| (streams + 1, followers + count))
    }

    /// Followers see the end of their streams, those too who come later.
    pub(super) fn end(&mut self) {
        self.streams.clear();
        self.over = true;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::TryRecvError;

    use super::*;
    use crate::domain::jobs::job::JobId;

    #[test]
    fn streams_without_followers_are_dropped() {
        let mut live = Live::default();
        let followed: Vec<_> = (0..100).map(|_| live.subscribe(Stream::Job(JobId::new()))).collect();
        for _ in 0..10_000 {
            // A job that is over already: no event of its will come.
            drop(live.subscribe(Stream::Job(JobId::new())));
        }
        assert!(live.streams.len() <= 2 * followed.len(), "{}", live.streams.len());
        assert!(live.followed().count() == followed.len());
    }

    #[test]
    fn after_the_end_there_is_nothing_to_follow() {
        let mut live = Live::default();
        let mut before = live.subscribe(Stream::Model);
        assert_eq!(before.try_recv(), Err(TryRecvError::Empty));
        live.end();
        assert_eq!(before.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(live.subscribe(Stream::Model).try_recv(), Err(TryRecvError::Closed));
    }
}
