//! Sends events to live followers of a stream and to receivers of webhooks.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::delivery_loop::{DeliveryLoop, FLUSH_LIMIT};
use super::from_others::read_new;
use super::live::Live;
use super::messages::{
    CatchUp, Flush, FromOthers, LookIntoOutbox, ModelNews, ObserveState, Publish, Subscribe,
};
use super::snapshot::{self, NotifierSnapshot};
use crate::domain::event::Recorded;
use crate::panics::{OnActorStop, report_panic};
use crate::ports::{Changes, Store};

/// A store that fails may get well soon. Not for ever: meanwhile no event is delivered.
const PAUSES_OF_A_WRITE: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(500), Duration::from_secs(2)];

/// How often messages are forgotten that were delivered or given up long ago.
const FORGET_EVERY: Duration = Duration::from_secs(86_400);

/// Gets events that are on disk already, the model's own excepted: those it writes itself, one after
/// the other, because the model's thread must not wait for a disk.
pub(super) struct NotifierActor {
    store: Arc<dyn Store>,
    delivery_loop: DeliveryLoop,
    /// Outside the actor's own context: it runs on while a model event is written.
    deliveries: Option<JoinHandle<()>>,
    live: Live,
    /// What others have announced, while the log is read for what they announced before.
    announced: Option<Changes>,
    on_actor_stop: OnActorStop,
}

impl NotifierActor {
    pub(super) const NAME: &str = snapshot::NAME;

    pub(super) fn new(
        store: Arc<dyn Store>,
        delivery_loop: DeliveryLoop,
        on_actor_stop: OnActorStop,
    ) -> Self {
        Self { store, delivery_loop, deliveries: None, live: Live::default(), announced: None, on_actor_stop }
    }

    /// Outside the actor's own context too: in there it would stand still, the store's one connection for
    /// changes in its hands, while a model event waits for that.
    fn forget_old(&mut self, _: &mut Context<Self>) {
        let store = self.store.clone();
        let forgetting = async move {
            match store.forget_old().await {
                Ok(0) => {}
                Ok(forgotten) => info!(forgotten, "old webhook messages removed"),
                Err(error) => warn!(%error, "cannot remove old webhook messages"),
            }
        };
        actix::spawn(forgetting);
    }

    fn snapshot(&self) -> NotifierSnapshot {
        let (streams, followers) = self.live.counts();
        NotifierSnapshot { streams, followers, webhooks: self.delivery_loop.snapshot() }
    }

    /// Events that this service has written.
    fn publish_own(&mut self, events: Vec<Recorded>) {
        if self.store.is_shared() {
            self.store.announce(Changes::of(&events));
        }
        for event in events {
            if event.is_last() {
                // With the end of a job its webhook lies in the outbox.
                self.delivery_loop.wake();
            }
            self.live.publish(event);
        }
    }

    /// Reads what followers here have not got. At most one reading is under way.
    fn catch_up(&mut self, changes: &Changes, ctx: &mut Context<Self>) {
        let followed = self.live.followed();
        let of_news = followed.filter(|(stream, _)| changes.everything || changes.streams.contains(stream));
        let reading = read_new(self.store.clone(), of_news.collect());
        self.announced = Some(Changes::default());
        ctx.spawn(reading.into_actor(self).map(|read, this, ctx| {
            match read {
                Ok(events) => events.into_iter().for_each(|event| this.live.publish(event)),
                Err(error) => warn!(%error, "cannot read events of other services"),
            }
            match this.announced.take() {
                Some(changes) if changes != Changes::default() => this.catch_up(&changes, ctx),
                _ => {}
            }
        }));
    }
}

impl Drop for NotifierActor {
    fn drop(&mut self) {
        report_panic(Self::NAME, self.on_actor_stop, || self.snapshot());
    }
}

/// The task that delivers webhooks: without it the actor would run and deliver none.
struct DeliveryTask {
    delivery_loop: DeliveryLoop,
    on_actor_stop: OnActorStop,
}

impl Drop for DeliveryTask {
    fn drop(&mut self) {
        report_panic(NotifierActor::NAME, self.on_actor_stop, || self.delivery_loop.snapshot());
    }
}

impl Actor for NotifierActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1024);
        let task =
            DeliveryTask { delivery_loop: self.delivery_loop.clone(), on_actor_stop: self.on_actor_stop };
        self.deliveries = Some(actix::spawn(async move { task.delivery_loop.clone().run().await }));
        self.forget_old(ctx);
        ctx.run_interval(FORGET_EVERY, Self::forget_old);
    }
}

impl Handler<Publish> for NotifierActor {
    type Result = ();

    fn handle(&mut self, msg: Publish, _: &mut Self::Context) {
        self.publish_own(msg.0);
    }
}

impl Handler<ModelNews> for NotifierActor {
    type Result = ();

    fn handle(&mut self, ModelNews(event): ModelNews, ctx: &mut Self::Context) {
        let store = self.store.clone();
        let write = async move {
            for pause in PAUSES_OF_A_WRITE {
                match store.append_model_event(event.clone()).await {
                    Ok(written) => return Ok(written),
                    Err(error) => warn!(%error, "cannot save a model event"),
                }
                actix::clock::sleep(pause).await;
            }
            store.append_model_event(event).await
        };
        // `wait` holds the mailbox until the event is written: that keeps events in order.
        ctx.wait(write.into_actor(self).map(|written, this, _| match written {
            Ok(event) => {
                this.delivery_loop.wake();
                this.publish_own(vec![event]);
            }
            Err(error) => error!(%error, "cannot record a model event"),
        }));
    }
}

impl Handler<FromOthers> for NotifierActor {
    type Result = ();

    fn handle(&mut self, FromOthers(changes): FromOthers, ctx: &mut Self::Context) {
        self.delivery_loop.wake();
        match &mut self.announced {
            Some(announced) => announced.add(changes),
            None => self.catch_up(&changes, ctx),
        }
    }
}

impl Handler<LookIntoOutbox> for NotifierActor {
    type Result = ();

    fn handle(&mut self, _: LookIntoOutbox, _: &mut Self::Context) {
        self.delivery_loop.wake();
    }
}

impl Handler<Subscribe> for NotifierActor {
    type Result = MessageResult<Subscribe>;

    fn handle(&mut self, Subscribe(stream): Subscribe, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.live.subscribe(stream))
    }
}

impl Handler<CatchUp> for NotifierActor {
    type Result = ();

    /// Model events hold the mailbox while they are written: this message comes after them.
    fn handle(&mut self, _: CatchUp, _: &mut Self::Context) {}
}

impl Handler<ObserveState> for NotifierActor {
    type Result = MessageResult<ObserveState>;

    fn handle(&mut self, _: ObserveState, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.snapshot())
    }
}

impl Handler<Flush> for NotifierActor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Flush, _: &mut Self::Context) -> Self::Result {
        self.live.end();
        let delivery_loop = self.delivery_loop.clone();
        let flushed = async move {
            // What is not delivered by then is due again at the next start.
            let _ = actix::clock::timeout(FLUSH_LIMIT, delivery_loop.flush()).await;
        };
        Box::pin(flushed.into_actor(self).map(|(), this, _| {
            if let Some(deliveries) = this.deliveries.take() {
                deliveries.abort();
            }
        }))
    }
}
