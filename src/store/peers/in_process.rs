//! Workers of one process on one store: what they announce, report and ask of each other, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actors::domain::services::{Ask, Peer, Report};
use actors::domain::time::Timestamp;
use actors::ports::Changes;

use super::wire::Inbox;

/// Of the one that takes jobs in and runs none. No worker has an empty name.
const FRONT: &str = "";

/// One of them.
pub(in crate::store) struct InProcessPeer {
    id: String,
    inbox: Inbox,
    table: Arc<Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    members: BTreeMap<String, Member>,
    /// Who has each, and until when.
    duties: HashMap<String, (String, Instant)>,
}

struct Member {
    inbox: Inbox,
    reported: Option<(Timestamp, Report)>,
    asks: Vec<Ask>,
}

impl InProcessPeer {
    pub(in crate::store) fn front() -> Self {
        Self::join(FRONT, Arc::default())
    }

    pub(in crate::store) fn add_worker(&self, id: &str) -> Self {
        Self::join(id, self.table.clone())
    }

    fn join(id: &str, table: Arc<Mutex<Table>>) -> Self {
        let peer = Self { id: id.to_owned(), inbox: Inbox::default(), table };
        let member = Member { inbox: peer.inbox.clone(), reported: None, asks: vec![] };
        peer.table().members.insert(id.to_owned(), member);
        peer
    }

    pub(in crate::store) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn announce(&self, changes: &Changes) {
        for (_, other) in self.table().members.iter().filter(|(id, _)| **id != self.id) {
            other.inbox.add(changes.clone());
        }
    }

    pub(super) async fn changes(&self) -> Changes {
        self.inbox.take().await
    }

    pub(super) fn report(&self, at: Timestamp, report: Report) {
        if let Some(member) = self.table().members.get_mut(&self.id) {
            member.reported = Some((at, report));
        }
    }

    /// Those with a report, by id.
    pub(super) fn services(&self) -> Vec<Peer> {
        let table = self.table();
        let reported = table.members.iter().filter_map(|(id, member)| {
            let (reported_at, report) = member.reported.clone()?;
            Some(Peer { id: id.clone(), reported_at, is_live: true, report })
        });
        reported.collect()
    }

    pub(super) fn ask(&self, id: &str, ask: &Ask) {
        if let Some(member) = self.table().members.get_mut(id) {
            member.asks.push(ask.clone());
        }
    }

    pub(super) fn asked(&self) -> Vec<Ask> {
        let mut table = self.table();
        table.members.get_mut(&self.id).map(|member| std::mem::take(&mut member.asks)).unwrap_or_default()
    }

    pub(super) fn take_duty(&self, name: &str, span: Duration) -> bool {
        let (mut table, now) = (self.table(), Instant::now());
        let is_free = table.duties.get(name).is_none_or(|(holder, until)| *holder == self.id || *until < now);
        if is_free {
            table.duties.insert(name.to_owned(), (self.id.clone(), now + span));
        }
        is_free
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::report;

    #[tokio::test]
    async fn what_one_announces_and_asks_reaches_the_others() {
        let front = InProcessPeer::front();
        let (left, right) = (front.add_worker("left"), front.add_worker("right"));
        let queue = Changes { queue: true, ..Changes::default() };
        front.announce(&queue);
        assert_eq!((left.changes().await, right.changes().await), (queue.clone(), queue));
        front.ask("left", &Ask::Unload { hold: None });
        assert_eq!((left.asked(), right.asked()), (vec![Ask::Unload { hold: None }], vec![]));
        assert_eq!(left.asked(), [], "it is asked once");
        right.report(Timestamp(7), report("right"));
        let known = front.services();
        let [Peer { id, reported_at: Timestamp(7), is_live: true, .. }] = &known[..] else {
            panic!("{known:?}")
        };
        assert_eq!(id, "right");
    }

    #[test]
    fn one_at_a_time_has_a_duty() {
        let front = InProcessPeer::front();
        let (left, right) = (front.add_worker("left"), front.add_worker("right"));
        let minute = Duration::from_secs(60);
        assert!(left.take_duty("load base", minute) && left.take_duty("load base", Duration::ZERO));
        assert!(!right.take_duty("load large", Duration::ZERO) || right.take_duty("load large", minute));
        assert!(!left.take_duty("load large", minute));
        while !right.take_duty("load base", minute) {}
    }
}
