//! The services that share a PostgreSQL database, or the workers of one process: what they announce and report, and duties that
//! one of them has.

mod in_process;
mod link;
mod wire;

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use actors::domain::event::Stream;
use actors::domain::services::{Ask, GONE_AFTER, Peer, Report};
use actors::domain::time::Timestamp;
use actors::ports::{Changes, Peers, SENDER_SECS, StoreError};
use async_trait::async_trait;
use uuid::Uuid;

use super::db::{self, Builder};
use super::fault::Fault;
use super::locks::Lock;
use super::rows::{name, natural, stream, to_json};
use super::sql_store::SqlStore;

pub(super) use in_process::InProcessPeer;
pub(super) use link::Link;
pub(super) use wire::Wire;

/// How many streams are asked about at once.
const STREAMS_AT_ONCE: usize = 1000;
/// How long the store has a service without a report.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(86_400);
/// What was asked of a service longer ago is not done.
const ASKED_WITHIN: Duration = Duration::from_secs(60);
/// How often a service that does not send asks whether it is to.
const ASK_FOR_SENDING: Duration = Duration::from_secs(5);
/// The duty of [`actors::ports::Outbox::is_sender`].
const SENDER: &str = "webhooks";

/// 1: name, 2: service, 3: until when, 4: now.
const TAKE_DUTY: &str = "\
    INSERT INTO duties (name, holder, held_until) VALUES ($1, $2, $3) \
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until \
    WHERE duties.holder = excluded.holder OR duties.held_until < $4";
/// 1: service.
const GIVE_DUTIES_BACK: &str = "DELETE FROM duties WHERE holder = $1";

/// 1: service, 2: now, 3: report.
const KEEP_REPORT: &str = "\
    INSERT INTO services (id, reported_at, body) VALUES ($1, $2, $3) \
    ON CONFLICT (id) DO UPDATE SET reported_at = excluded.reported_at, body = excluded.body";
const SERVICES: &str = "SELECT id, reported_at, body FROM services ORDER BY id";
/// 1: services without a report since.
const FORGET_SERVICES: &str = "DELETE FROM services WHERE reported_at < $1";
const FORGET_SERVICE: &str = "DELETE FROM services WHERE id = $1";

/// 1: id, 2: service, 3: now, 4: what is asked.
const KEEP_ASK: &str = "INSERT INTO asks (id, service, asked_at, body) VALUES ($1, $2, $3, $4)";
const COUNT_ASKS: &str = "SELECT COUNT(*) FROM asks WHERE service = $1";
/// 1: asked before then.
const FORGET_ASKS: &str = "DELETE FROM asks WHERE asked_at < $1";
const TAKE_ASKS: &str = "DELETE FROM asks WHERE service = $1 RETURNING id, asked_at, body";

#[async_trait]
impl Peers for SqlStore {
    fn own_id(&self) -> Option<&str> {
        match &self.link {
            Link::Alone => None,
            Link::Services(wire) => Some(&wire.id),
            Link::Workers(peer) => Some(peer.id()),
        }
    }

    fn has_other_services(&self) -> bool {
        matches!(self.link, Link::Services(_))
    }

    fn announce(&self, changes: Changes) {
        match &self.link {
            Link::Alone => {}
            Link::Services(wire) => wire.outgoing.add(changes),
            Link::Workers(peer) => peer.announce(&changes),
        }
    }

    async fn changes(&self) -> Changes {
        match &self.link {
            Link::Alone => std::future::pending().await,
            Link::Services(wire) => wire.incoming.take().await,
            Link::Workers(peer) => peer.changes().await,
        }
    }

    async fn report(&self, report: &Report) -> Result<(), StoreError> {
        match &self.link {
            Link::Alone => {}
            Link::Services(wire) => self.keep_report(wire, report).await?,
            Link::Workers(peer) => peer.report(self.now(), report.clone()),
        }
        Ok(())
    }

    async fn services(&self) -> Result<Vec<Peer>, StoreError> {
        match &self.link {
            Link::Alone => Ok(vec![]),
            Link::Services(_) => Ok(self.read_services().await?),
            Link::Workers(peer) => Ok(peer.services()),
        }
    }

    async fn ask(&self, id: &str, ask: &Ask) -> Result<(), StoreError> {
        match &self.link {
            Link::Alone => {}
            Link::Services(_) => self.keep_ask(id, ask).await?,
            Link::Workers(peer) => peer.ask(id, ask),
        }
        self.announce(Changes { services: true, ..Changes::default() });
        Ok(())
    }

    async fn asked(&self) -> Result<Vec<Ask>, StoreError> {
        match &self.link {
            Link::Alone => Ok(vec![]),
            Link::Services(wire) => Ok(self.take_asks(wire).await?),
            Link::Workers(peer) => Ok(peer.asked()),
        }
    }

    async fn take_duty(&self, name: &str, span: Duration) -> Result<bool, StoreError> {
        match &self.link {
            Link::Alone => Ok(true),
            Link::Services(wire) => Ok(self.take(wire, name, span).await?),
            Link::Workers(peer) => Ok(peer.take_duty(name, span)),
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
        let Link::Services(wire) = &self.link else { return Ok(true) };
        let span = Duration::from_secs(SENDER_SECS);
        let known = *wire.sending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((is_sender, until)) = known
            && Instant::now() < until
        {
            return Ok(is_sender);
        }
        // Twice as long, so that it is not asked for at each look.
        let asked = Instant::now();
        let taken = self.take(wire, SENDER, 2 * span).await?;
        // While it lasts for `span` more; another one's may end at any time.
        let known_for = if taken { span } else { ASK_FOR_SENDING };
        *wire.sending.lock().unwrap_or_else(PoisonError::into_inner) = Some((taken, asked + known_for));
        Ok(taken)
    }

    async fn take(&self, wire: &Wire, duty: &str, span: Duration) -> Result<bool, Fault> {
        let mut change = self.change(Lock::Own).await?;
        let now = self.now();
        let take = db::query(TAKE_DUTY).bind(duty).bind(&wire.id).bind(now.after(span).0).bind(now.0);
        let taken = take.execute(&mut change).await? > 0;
        self.commit(change, "duty").await?;
        Ok(taken)
    }

    async fn keep_report(&self, wire: &Wire, report: &Report) -> Result<(), Fault> {
        let mut change = self.change(Lock::Own).await?;
        let now = self.now();
        let body = to_json("a service's report", report)?;
        db::query(KEEP_REPORT).bind(&wire.id).bind(now.0).bind(body).execute(&mut change).await?;
        db::query(FORGET_SERVICES).bind(now.before(FORGOTTEN_AFTER).0).execute(&mut change).await?;
        db::query(FORGET_ASKS).bind(now.before(ASKED_WITHIN).0).execute(&mut change).await?;
        self.commit(change, "report").await
    }

    async fn read_services(&self) -> Result<Vec<Peer>, Fault> {
        let now = self.now();
        let rows: Vec<(String, i64, String)> = db::query_as(SERVICES).fetch_all(&self.readers).await?;
        // A report of another version may have another form.
        let peers = rows.into_iter().filter_map(|(id, reported_at, body)| {
            let (reported_at, report) = (Timestamp(reported_at), serde_json::from_str(&body).ok()?);
            Some(Peer { id, reported_at, is_live: now.since(reported_at) <= GONE_AFTER, report })
        });
        Ok(peers.collect())
    }

    async fn keep_ask(&self, id: &str, ask: &Ask) -> Result<(), Fault> {
        let mut change = self.change(Lock::Own).await?;
        let body = to_json("what is asked of a service", ask)?;
        let keep =
            db::query(KEEP_ASK).bind(Uuid::now_v7().to_string()).bind(id).bind(self.now().0).bind(body);
        keep.execute(&mut change).await?;
        self.commit(change, "ask").await
    }

    async fn take_asks(&self, wire: &Wire) -> Result<Vec<Ask>, Fault> {
        if db::query_scalar::<i64>(COUNT_ASKS).bind(&wire.id).fetch_one(&self.readers).await? == 0 {
            return Ok(vec![]);
        }
        let mut change = self.change(Lock::Own).await?;
        let oldest = self.now().before(ASKED_WITHIN);
        let mut rows: Vec<(String, i64, String)> =
            db::query_as(TAKE_ASKS).bind(&wire.id).fetch_all(&mut change).await?;
        self.commit(change, "asks").await?;
        rows.sort_by_key(|(_, at, _)| *at);
        let in_time = rows.into_iter().filter(|(_, at, _)| *at >= oldest.0);
        Ok(in_time.filter_map(|(.., body)| serde_json::from_str(&body).ok()).collect())
    }

    /// Another service can take over at once what this one did.
    pub(super) async fn leave(&self) -> Result<(), Fault> {
        let Link::Services(wire) = &self.link else { return Ok(()) };
        db::query(GIVE_DUTIES_BACK).bind(&wire.id).execute(&self.writer).await?;
        db::query(FORGET_SERVICE).bind(&wire.id).execute(&self.writer).await?;
        Ok(())
    }
}
