//! Word between the services that share a PostgreSQL database, by LISTEN and NOTIFY, and the duties that one of them has.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actors::domain::event::Stream;
use actors::domain::jobs::job::JobId;
use actors::ports::{News, Peers, SENDER_SECS, StoreError};
use async_trait::async_trait;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::debug;

use super::db::{self, Builder};
use super::events::name;
use super::fault::Fault;
use super::locks::Lock;
use super::rows::natural;
use super::sql_store::SqlStore;

const CHANNEL: &str = "verbatim";
/// PostgreSQL makes services that notify wait for each other: none does it more often.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// With more there is news of everything: PostgreSQL takes 8000 bytes.
const MOST_STREAMS: usize = 150;
/// How long a service waits for word before it looks by itself.
const LOOK: Duration = Duration::from_secs(2);
/// How many streams are asked about at once.
const STREAMS_AT_ONCE: usize = 1000;

/// The duty of [`actors::ports::Outbox::is_sender`].
const SENDER: &str = "webhooks";

/// 1: name, 2: service, 3: until when, 4: now.
const TAKE_DUTY: &str = "\
    INSERT INTO duties (name, holder, held_until) VALUES ($1, $2, $3) \
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until \
    WHERE duties.holder = excluded.holder OR duties.held_until < $4";

/// 1: service.
const GIVE_DUTIES_BACK: &str = "DELETE FROM duties WHERE holder = $1";

/// What a service among others has beside its connections.
pub(super) struct Wire {
    /// Identifies this service.
    pub(super) id: String,
    incoming: Inbox,
    outgoing: Inbox,
    tasks: [JoinHandle<()>; 2],
    /// Until when this service is the one that sends webhooks.
    sender_until: Mutex<Option<Instant>>,
}

/// News that nobody has taken yet.
#[derive(Clone, Default)]
struct Inbox(Arc<(Mutex<News>, Notify)>);

impl Inbox {
    fn add(&self, news: News) {
        let (held, came) = &*self.0;
        held.lock().unwrap_or_else(PoisonError::into_inner).add(news);
        came.notify_one();
    }

    async fn take(&self) -> News {
        let (held, came) = &*self.0;
        came.notified().await;
        mem::take(&mut held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Wire {
    /// `listener` has one connection, `teller` any.
    pub(super) fn connect(id: String, listener: PgPool, teller: PgPool) -> Self {
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
        tokio::time::sleep(LOOK).await;
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

const EVERYTHING: News = News { streams: vec![], everything: true, queue: true };

/// The service that tells, whether there are jobs in the queue, and streams.
fn write(id: &str, news: &News) -> String {
    let mut streams: Vec<_> = news.streams.iter().map(|stream| name(*stream)).collect();
    streams.sort();
    streams.dedup();
    if news.everything || streams.len() > MOST_STREAMS {
        streams = vec!["*".to_owned()];
    }
    let queue = if news.queue { "queue" } else { "-" };
    format!("{id} {queue} {}", streams.join(" "))
}

/// Nothing for what this service told itself.
fn read(payload: &str, id: &str) -> Option<News> {
    let mut words = payload.split(' ');
    if words.next() == Some(id) {
        return None;
    }
    let queue = words.next() == Some("queue");
    let mut news = News { queue, ..News::default() };
    for word in words {
        match stream(word) {
            Some(stream) => news.streams.push(stream),
            None => news.everything = true,
        }
    }
    Some(news)
}

/// The stream of that [`name`].
fn stream(name: &str) -> Option<Stream> {
    match name.strip_prefix("job:") {
        Some(id) => id.parse::<JobId>().ok().map(Stream::Job),
        None => (name == "model").then_some(Stream::Model),
    }
}

#[async_trait]
impl Peers for SqlStore {
    fn are_there(&self) -> bool {
        self.wire.is_some()
    }

    fn tell(&self, news: News) {
        if let Some(wire) = &self.wire {
            wire.outgoing.add(news);
        }
    }

    async fn news(&self) -> News {
        match &self.wire {
            None => std::future::pending().await,
            Some(wire) => tokio::time::timeout(LOOK, wire.incoming.take()).await.unwrap_or(EVERYTHING),
        }
    }

    async fn last_seqs(&self, streams: &[Stream]) -> Result<Vec<(Stream, u64)>, StoreError> {
        Ok(self.read_last_seqs(streams).await?)
    }
}

impl SqlStore {
    async fn read_last_seqs(&self, streams: &[Stream]) -> Result<Vec<(Stream, u64)>, Fault> {
        let mut last = Vec::with_capacity(streams.len());
        for some in streams.chunks(STREAMS_AT_ONCE) {
            let mut statement = Builder::new("SELECT stream, MAX(seq) FROM events WHERE stream IN ");
            statement.bind_list(some.iter().map(|stream| name(*stream))).push(" GROUP BY stream");
            let rows: Vec<(String, i64)> = statement.build().fetch_all(&self.readers).await?;
            last.extend(rows.into_iter().filter_map(|(name, seq)| Some((stream(&name)?, natural(seq)))));
        }
        Ok(last)
    }

    /// See [`actors::ports::Outbox::is_sender`].
    pub(super) async fn take_sending(&self) -> Result<bool, Fault> {
        let Some(wire) = &self.wire else { return Ok(true) };
        let duration = Duration::from_secs(SENDER_SECS);
        let lasts = |until: Instant| until > Instant::now() + duration;
        if wire.sender_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(lasts) {
            return Ok(true);
        }
        // Twice as long, so that it is not asked for at each look.
        let asked = Instant::now();
        let mut change = self.change(Lock::Renewals).await?;
        let now = self.now();
        let taken =
            db::query(TAKE_DUTY).bind(SENDER).bind(&wire.id).bind(now.after(2 * duration).0).bind(now.0);
        let taken = taken.execute(&mut change).await? > 0;
        self.commit(change, "sender").await?;
        let until = taken.then(|| asked + 2 * duration);
        *wire.sender_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        Ok(taken)
    }

    /// Another service can take over at once what this one did.
    pub(super) async fn give_duties_back(&self) -> Result<(), Fault> {
        let Some(wire) = &self.wire else { return Ok(()) };
        db::query(GIVE_DUTIES_BACK).bind(&wire.id).execute(&self.writer).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_read_by_all_others_as_they_were_told() {
        let jobs: Vec<_> = (0..3).map(|_| Stream::Job(JobId::new())).collect();
        for queue in [false, true] {
            let mut streams = jobs.clone();
            streams.push(Stream::Model);
            let told = News { streams, everything: false, queue };
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
        for payload in ["other queue job:x", "other - shelf", "other", ""] {
            let news = read(payload, "one").unwrap();
            assert!(news.everything || news.streams.is_empty(), "{payload}: {news:?}");
        }
        assert!(read("other - shelf", "one").unwrap().everything);
    }
}
