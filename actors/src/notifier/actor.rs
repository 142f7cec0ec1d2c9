//! Tells the world: live followers of a stream, and receivers of webhooks.

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::broadcast;
use tracing::error;

use super::courier::{Courier, FLUSH_LIMIT};
use super::messages::{CatchUp, Flush, JobEnded, ModelNews, Publish, Subscribe};
use super::webhook::WebhookMessage;
use crate::clock::Clock;
use crate::domain::event::{Recorded, Stream};
use crate::ports::EventLog;

/// Events a follower may be behind before it has to read the log again.
const LIVE_EVENTS: usize = 64;

/// Gets events that are on disk already, the model's own excepted: those it writes itself, one after
/// the other, because the model's thread must not wait for a disk.
pub(super) struct NotifierActor {
    log: Arc<dyn EventLog>,
    courier: Courier,
    clock: Clock,
    live: HashMap<Stream, broadcast::Sender<Arc<Recorded>>>,
}

impl NotifierActor {
    pub(super) fn new(log: Arc<dyn EventLog>, courier: Courier, clock: Clock) -> Self {
        Self { log, courier, clock, live: HashMap::new() }
    }

    /// Hands an event to those who follow its stream now. Who is not there reads the log later.
    fn publish(&mut self, event: Recorded) {
        let (stream, is_last) = (event.stream(), event.is_last());
        let Some(followers) = self.live.get(&stream) else { return };
        let heard = followers.send(Arc::new(event));
        if is_last || heard.is_err() {
            self.live.remove(&stream);
        }
    }
}

impl Actor for NotifierActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1024);
    }
}

impl Handler<Publish> for NotifierActor {
    type Result = ();

    fn handle(&mut self, msg: Publish, _: &mut Self::Context) {
        msg.0.into_iter().for_each(|event| self.publish(event));
    }
}

impl Handler<ModelNews> for NotifierActor {
    type Result = ();

    fn handle(&mut self, ModelNews(event): ModelNews, ctx: &mut Self::Context) {
        let (log, courier) = (self.log.clone(), self.courier.clone());
        let message = WebhookMessage::of_model(&event, self.clock.wall_now());
        let write = async move {
            if let Some(message) = message {
                courier.send_to_all(message).await;
            }
            log.append_model_event(event).await
        };
        // `wait` holds the mailbox until the event is written: that keeps events in order.
        ctx.wait(write.into_actor(self).map(|written, this, _| match written {
            Ok(event) => this.publish(event),
            Err(error) => error!(%error, "cannot record a model event"),
        }));
    }
}

impl Handler<JobEnded> for NotifierActor {
    type Result = ();

    fn handle(&mut self, msg: JobEnded, _: &mut Self::Context) {
        if let Some(message) = WebhookMessage::of_job(msg.id, msg.status, self.clock.wall_now()) {
            self.courier.send(msg.webhook_url, &message);
        }
    }
}

impl Handler<Subscribe> for NotifierActor {
    type Result = MessageResult<Subscribe>;

    fn handle(&mut self, Subscribe(stream): Subscribe, _: &mut Self::Context) -> Self::Result {
        let sender = self.live.entry(stream).or_insert_with(|| broadcast::channel(LIVE_EVENTS).0);
        MessageResult(sender.subscribe())
    }
}

impl Handler<CatchUp> for NotifierActor {
    type Result = ();

    /// Model events hold the mailbox while they are written: whoever gets here comes after them.
    fn handle(&mut self, _: CatchUp, _: &mut Self::Context) {}
}

impl Handler<Flush> for NotifierActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Flush, _: &mut Self::Context) -> Self::Result {
        // Followers see the end of their stream.
        self.live.clear();
        let courier = self.courier.clone();
        Box::pin(async move {
            // Messages that were not tried by then are lost; the log line of each says so.
            let _ = actix::clock::timeout(FLUSH_LIMIT, courier.flush()).await;
        })
    }
}
