//! How everyone else reaches the notifier.

use std::sync::Arc;

use actix::prelude::*;
use futures_util::stream::Stream as FutureStream;
use tracing::warn;

use super::actor::NotifierActor;
use super::delivery_loop::DeliveryLoop;
use super::follow;
use super::messages::{CatchUp, Flush, FromOthers, LookIntoOutbox, ModelNews, ObserveState, Publish};
use super::snapshot::NotifierSnapshot;
use super::tally::Tally;
use crate::domain::event::{OfModel, Recorded, Stream};
use crate::observe::{Observed, ask};
use crate::panics::OnActorStop;
use crate::ports::{Changes, EventLog, Store, StoreError, WebhookTransport};

#[derive(Clone)]
pub struct NotifierHandle {
    addr: Addr<NotifierActor>,
    log: Arc<dyn EventLog>,
    tally: Arc<Tally>,
    worker: Option<Arc<str>>,
}

/// Of a service among others.
#[derive(Debug, Clone)]
pub struct NotifierSettings {
    /// The name that events of its models carry.
    pub worker: Option<String>,
    pub sends_webhooks: bool,
}

/// Of a service that shares its store with none.
impl Default for NotifierSettings {
    fn default() -> Self {
        Self { worker: None, sends_webhooks: true }
    }
}

impl NotifierHandle {
    /// The name of its actor.
    pub const NAME: &str = NotifierActor::NAME;

    /// Starts the actor on an arbiter of its own, where `transport` is made: it need not be `Send`. `on_actor_stop` is
    /// called when a panic ends it.
    pub fn start<S: Store>(
        settings: NotifierSettings,
        store: Arc<S>,
        transport: impl FnOnce() -> Box<dyn WebhookTransport> + Send + 'static,
        on_actor_stop: OnActorStop,
    ) -> Self {
        let log: Arc<dyn EventLog> = store.clone();
        let addr = NotifierActor::start_in_arbiter(&Arbiter::new().handle(), move |_| {
            let delivery_loop = DeliveryLoop::new(transport(), store.clone(), settings.sends_webhooks);
            NotifierActor::new(store, delivery_loop, on_actor_stop)
        });
        Self { addr, log, tally: Arc::default(), worker: settings.worker.map(Arc::from) }
    }

    /// The same; events of models carry that worker's name.
    pub fn of_worker(&self, name: &str) -> Self {
        Self { worker: Some(Arc::from(name)), ..self.clone() }
    }

    /// Publishes job events that are on disk. With a job's last one its webhook goes out.
    pub fn publish(&self, events: Vec<Recorded>) {
        self.tally.count(&events);
        if !events.is_empty() {
            self.addr.do_send(Publish(events));
        }
    }

    /// How many jobs have come to their end.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Records and publishes a model event, with its webhook messages.
    pub fn model(&self, mut event: OfModel) {
        event.worker = self.worker.as_deref().map(str::to_owned);
        self.addr.do_send(ModelNews(event));
    }

    /// Says that there may be something new in the outbox.
    pub fn look_into_outbox(&self) {
        self.addr.do_send(LookIntoOutbox);
    }

    /// Followers get what other services on the same store have written.
    pub fn read_others(&self, changes: Changes) {
        self.addr.do_send(FromOthers(changes));
    }

    /// Followers and receivers of webhooks get what was written of a stream and was not published: the store failed after the commit.
    pub fn publish_from_store(&self, stream: Stream) {
        self.read_others(Changes { streams: vec![stream], ..Changes::default() });
        self.look_into_outbox();
    }

    /// All events of a stream after number `after`, those to come included: no gap, no duplicate.
    /// The stream ends after its last event; a stream that ended before is read to its end.
    pub fn follow(
        &self,
        stream: Stream,
        after: u64,
    ) -> impl FutureStream<Item = Result<Arc<Recorded>, StoreError>> + 'static {
        follow::follow(self.addr.clone(), self.log.clone(), stream, after)
    }

    /// Waits until every model event sent so far is in the log.
    pub async fn catch_up(&self) {
        // A stopped notifier writes nothing more.
        let _ = self.addr.send(CatchUp).await;
    }

    /// The state for an operator. It comes after model events that wait for the store.
    pub async fn observe(&self) -> Observed<NotifierSnapshot> {
        ask(self.addr.send(ObserveState)).await
    }

    /// Ends live streams and waits a little for webhooks. None is tried after that.
    pub async fn stop(&self) {
        if self.addr.send(Flush).await.is_err() {
            warn!("the notifier had stopped already");
        }
    }
}
