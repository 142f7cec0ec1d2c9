//! LISTEN and NOTIFY: what services announce to each other.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actors::ports::Changes;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::debug;

use crate::store::rows::{name, stream};

const CHANNEL: &str = "verbatim";
/// PostgreSQL makes services that notify wait for each other: none does it more often.
const NOTIFY_EVERY: Duration = Duration::from_millis(250);
/// With more there is changes of everything: PostgreSQL takes 8000 bytes.
const MOST_STREAMS: usize = 150;
/// How long a connection has without notifications.
const QUIET_LIMIT: Duration = Duration::from_secs(300);
/// How long a connection that was lost is left alone.
const CONNECT_EVERY: Duration = Duration::from_secs(1);

/// What a service among others has beside its connections.
pub(in crate::store) struct Wire {
    /// Identifies this service.
    pub(in crate::store) id: String,
    pub(super) incoming: Inbox,
    pub(super) outgoing: Inbox,
    tasks: [JoinHandle<()>; 2],
    /// Whether this service is the one that sends webhooks, and until when that is known.
    pub(super) sending: Mutex<Option<(bool, Instant)>>,
}

/// Changes that are not taken yet.
#[derive(Clone, Default)]
pub(super) struct Inbox(Arc<(Mutex<Changes>, Notify)>);

impl Inbox {
    pub(super) fn add(&self, changes: Changes) {
        let (held, came) = &*self.0;
        held.lock().unwrap_or_else(PoisonError::into_inner).add(changes);
        came.notify_one();
    }

    pub(super) async fn take(&self) -> Changes {
        let (held, came) = &*self.0;
        came.notified().await;
        mem::take(&mut held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Wire {
    /// `listener` has one connection, `sender` any.
    pub(in crate::store) fn connect(id: String, listener: PgPool, sender: PgPool) -> Self {
        let (incoming, outgoing) = (Inbox::default(), Inbox::default());
        let listen = tokio::spawn(listen(id.clone(), listener, incoming.clone()));
        let send = tokio::spawn(send(id.clone(), sender, outgoing.clone()));
        Self { id, incoming, outgoing, tasks: [listen, send], sending: Mutex::new(None) }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn listen(id: String, pool: PgPool, incoming: Inbox) {
    loop {
        if let Err(error) = receive(&id, &pool, &incoming).await {
            debug!(%error, "cannot listen to other services");
        }
        tokio::time::sleep(CONNECT_EVERY).await;
    }
}

async fn receive(id: &str, pool: &PgPool, incoming: &Inbox) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    // Word from before is lost.
    incoming.add(Changes::everything());
    // A silent loss of the connection is not noticed: after a while without notifications there is a new one.
    while let Ok(received) = tokio::time::timeout(QUIET_LIMIT, listener.try_recv()).await {
        let Some(notification) = received? else { break };
        if let Some(changes) = read(notification.payload(), id) {
            incoming.add(changes);
        }
    }
    Ok(())
}

async fn send(id: String, pool: PgPool, outgoing: Inbox) {
    loop {
        let changes = outgoing.take().await;
        let sent = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(write(&id, &changes));
        if let Err(error) = sent.execute(&pool).await {
            debug!(%error, "changes were not announced");
        }
        tokio::time::sleep(NOTIFY_EVERY).await;
    }
}

/// The service that announces, and what is new.
fn write(id: &str, changes: &Changes) -> String {
    let mut streams: Vec<_> = changes.streams.iter().map(|stream| name(*stream)).collect();
    streams.sort();
    streams.dedup();
    if changes.everything || streams.len() > MOST_STREAMS {
        streams = vec!["*".to_owned()];
    }
    let of_more = [(changes.queue, "queue"), (changes.services, "services")];
    let more = of_more.into_iter().filter(|(is_news, _)| *is_news).map(|(_, word)| word.to_owned());
    [id.to_owned()].into_iter().chain(more).chain(streams).collect::<Vec<_>>().join(" ")
}

/// Nothing for what this service announced itself.
fn read(payload: &str, id: &str) -> Option<Changes> {
    let mut words = payload.split(' ');
    if words.next() == Some(id) {
        return None;
    }
    let mut changes = Changes::default();
    for word in words {
        match (word, stream(word)) {
            ("queue", _) => changes.queue = true,
            ("services", _) => changes.services = true,
            (_, Some(stream)) => changes.streams.push(stream),
            (_, None) => changes.everything = true,
        }
    }
    Some(changes)
}

#[cfg(test)]
mod tests {
    use actors::domain::event::Stream;
    use actors::domain::jobs::job::JobId;

    use super::*;

    #[test]
    fn news_are_read_by_all_others_as_they_were_told() {
        let jobs: Vec<_> = (0..3).map(|_| Stream::Job(JobId::new())).collect();
        for (queue, services) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut streams = jobs.clone();
            streams.push(Stream::Model);
            let announced = Changes { streams, everything: false, queue, services };
            let payload = write("one", &announced);
            let mut read = read(&payload, "other").unwrap();
            read.streams.sort_by_key(|stream| announced.streams.iter().position(|other| other == stream));
            assert_eq!(read, announced);
            assert_eq!(super::read(&payload, "one"), None);
        }
    }

    #[test]
    fn news_of_many_streams_is_of_everything() {
        let streams: Vec<_> = (0..10_000).map(|_| Stream::Job(JobId::new())).collect();
        for (most, everything) in [(MOST_STREAMS, false), (MOST_STREAMS + 1, true), (10_000, true)] {
            let announced = Changes { streams: streams[..most].to_vec(), ..Changes::default() };
            let payload = write("9f1c2c7e-0000-7000-8000-000000000000", &announced);
            assert!(payload.len() < 8000, "{}", payload.len());
            assert_eq!(read(&payload, "other").unwrap().everything, everything, "{most}");
        }
    }

    #[test]
    fn word_of_a_later_version_is_of_everything() {
        for payload in ["other queue job:x", "other shelf", "other *"] {
            assert!(read(payload, "one").unwrap().everything, "{payload}");
        }
    }
}
