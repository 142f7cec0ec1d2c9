//! How everyone else reaches the notifier.

use std::sync::Arc;

use actix::prelude::*;
use futures_util::stream::Stream as FutureStream;
use tracing::warn;

use super::actor::NotifierActor;
use super::courier::Courier;
use super::follow;
use super::messages::{CatchUp, Flush, JobEnded, ModelNews, Publish};
use crate::clock::Clock;
use crate::domain::event::{ModelEvent, Recorded, Stream};
use crate::domain::job::{JobId, Status};
use crate::ports::{EventLog, Store, StoreError, WebhookTransport};

#[derive(Clone)]
pub struct NotifierHandle {
    addr: Addr<NotifierActor>,
    log: Arc<dyn EventLog>,
}

impl NotifierHandle {
    /// Starts the actor on an arbiter of its own, where `transport` is made: it need not be `Send`.
    pub fn start<S: Store>(
        store: Arc<S>,
        clock: Clock,
        transport: impl FnOnce() -> Box<dyn WebhookTransport> + Send + 'static,
    ) -> Self {
        let log: Arc<dyn EventLog> = store.clone();
        let (actors_log, arbiter) = (log.clone(), Arbiter::new());
        let addr = NotifierActor::start_in_arbiter(&arbiter.handle(), move |_| {
            NotifierActor::new(actors_log, Courier::new(transport(), store), clock)
        });
        Self { addr, log }
    }

    /// Publishes job events that are on disk.
    pub fn publish(&self, events: Vec<Recorded>) {
        if !events.is_empty() {
            self.addr.do_send(Publish(events));
        }
    }

    /// Records and publishes a model event.
    pub fn model(&self, event: ModelEvent) {
        self.addr.do_send(ModelNews(event));
    }

    pub fn job_ended(&self, id: JobId, status: Status, webhook_url: String) {
        self.addr.do_send(JobEnded { id, status, webhook_url });
    }

    /// All events of a stream after number `after`, those to come included: no gap, no duplicate.
    /// The stream ends after its last event; one that ended before is read to its end.
    pub fn follow(
        &self,
        stream: Stream,
        after: u64,
    ) -> impl FutureStream<Item = Result<Arc<Recorded>, StoreError>> + 'static {
        follow::follow(self.addr.clone(), self.log.clone(), stream, after)
    }

    /// Waits until every model event told so far is in the log.
    pub async fn catch_up(&self) {
        // A notifier that is gone writes nothing more.
        let _ = self.addr.send(CatchUp).await;
    }

    /// Ends live streams and waits a little for webhooks.
    pub async fn stop(&self) {
        if self.addr.send(Flush).await.is_err() {
            warn!("the notifier was gone before it was asked to stop");
        }
    }
}
