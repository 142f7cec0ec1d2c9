//! LISTEN and NOTIFY: what several services tell each other.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actors::ports::News;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::debug;

use crate::store::rows::{name, stream};

const CHANNEL: &str = "verbatim";
/// PostgreSQL makes services that notify wait for each other: none does it more often.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// With more there is news of everything: PostgreSQL takes 8000 bytes.
const MOST_STREAMS: usize = 150;
/// How long a connection that was lost is left alone.
const CONNECT_EVERY: Duration = Duration::from_secs(1);

/// What a service among others has beside its connections.
pub(in crate::store) struct Wire {
    /// Identifies this service.
    pub(in crate::store) id: String,
    pub(super) incoming: Inbox,
    pub(super) outgoing: Inbox,
    tasks: [JoinHandle<()>; 2],
    /// Until when this service is the one that sends webhooks.
    pub(super) sender_until: Mutex<Option<Instant>>,
}

/// News that nobody has taken yet.
#[derive(Clone, Default)]
pub(super) struct Inbox(Arc<(Mutex<News>, Notify)>);

impl Inbox {
    pub(super) fn add(&self, news: News) {
        let (held, came) = &*self.0;
        held.lock().unwrap_or_else(PoisonError::into_inner).add(news);
        came.notify_one();
    }

    pub(super) async fn take(&self) -> News {
        let (held, came) = &*self.0;
        came.notified().await;
        mem::take(&mut held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Wire {
    /// `listener` has one connection, `teller` any.
    pub(in crate::store) fn connect(id: String, listener: PgPool, teller: PgPool) -> Self {
        let (incoming, outgoing) = (Inbox::default(), Inbox::default());
        let listen = tokio::spawn(listen(id.clone(), listener, incoming.clone()));
        let tell = tokio::spawn(tell(id.clone(), teller, outgoing.clone()));
        Self { id, incoming, outgoing, tasks: [listen, tell], sender_until: Mutex::new(None) }
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
            debug!(%error, "no word of other services");
        }
        tokio::time::sleep(CONNECT_EVERY).await;
    }
}

async fn receive(id: &str, pool: &PgPool, incoming: &Inbox) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    // Word from before is lost.
    incoming.add(EVERYTHING);
    while let Some(notification) = listener.try_recv().await? {
        if let Some(news) = read(notification.payload(), id) {
            incoming.add(news);
        }
    }
    Ok(())
}

async fn tell(id: String, pool: PgPool, outgoing: Inbox) {
    loop {
        let news = outgoing.take().await;
        let told = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(write(&id, &news));
        if let Err(error) = told.execute(&pool).await {
            debug!(%error, "other services were not told");
        }
        tokio::time::sleep(TELL_EVERY).await;
    }
}

pub(super) const EVERYTHING: News = News { streams: vec![], everything: true, queue: true, services: true };

/// The service that tells, and what is new.
fn write(id: &str, news: &News) -> String {
    let mut streams: Vec<_> = news.streams.iter().map(|stream| name(*stream)).collect();
    streams.sort();
    streams.dedup();
    if news.everything || streams.len() > MOST_STREAMS {
        streams = vec!["*".to_owned()];
    }
    let of_more = [(news.queue, "queue"), (news.services, "services")];
    let more = of_more.into_iter().filter(|(is_news, _)| *is_news).map(|(_, word)| word.to_owned());
    [id.to_owned()].into_iter().chain(more).chain(streams).collect::<Vec<_>>().join(" ")
}

/// Nothing for what this service told itself.
fn read(payload: &str, id: &str) -> Option<News> {
    let mut words = payload.split(' ');
    if words.next() == Some(id) {
        return None;
    }
    let mut news = News::default();
    for word in words {
        match (word, stream(word)) {
            ("queue", _) => news.queue = true,
            ("services", _) => news.services = true,
            (_, Some(stream)) => news.streams.push(stream),
            (_, None) => news.everything = true,
        }
    }
    Some(news)
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
            let told = News { streams, everything: false, queue, services };
            let payload = write("one", &told);
            let mut read = read(&payload, "other").unwrap();
            read.streams.sort_by_key(|stream| told.streams.iter().position(|other| other == stream));
            assert_eq!(read, told);
            assert_eq!(super::read(&payload, "one"), None);
        }
    }

    #[test]
    fn news_of_many_streams_is_of_everything() {
        let streams: Vec<_> = (0..10_000).map(|_| Stream::Job(JobId::new())).collect();
        for (most, everything) in [(MOST_STREAMS, false), (MOST_STREAMS + 1, true), (10_000, true)] {
            let told = News { streams: streams[..most].to_vec(), ..News::default() };
            let payload = write("9f1c2c7e-0000-7000-8000-000000000000", &told);
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
