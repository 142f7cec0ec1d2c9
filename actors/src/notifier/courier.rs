//! Carries webhooks to their receivers and tries again what failed.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tracing::{info, warn};
use uuid::Uuid;

use super::webhook::WebhookMessage;
use crate::domain::retry;
use crate::ports::{Delivery, DeliveryFailure, SubscriberStore, WebhookTransport};

/// Tries under way at the same time, for all receivers together.
const IN_FLIGHT: usize = 32;

/// Sends each message from a task of its own, so that a slow receiver holds nobody up. Messages wait
/// for their next try in memory.
#[derive(Clone)]
pub(super) struct Courier {
    transport: Rc<dyn WebhookTransport>,
    subscribers: Arc<dyn SubscriberStore>,
    slots: Rc<Semaphore>,
    /// First tries that are not over yet.
    fresh: watch::Sender<usize>,
}

impl Courier {
    pub(super) fn new(transport: Box<dyn WebhookTransport>, subscribers: Arc<dyn SubscriberStore>) -> Self {
        let (fresh, _) = watch::channel(0);
        Self { transport: transport.into(), subscribers, slots: Rc::new(Semaphore::new(IN_FLIGHT)), fresh }
    }

    pub(super) fn send(&self, url: String, message: &WebhookMessage) {
        let delivery = Delivery { id: format!("msg_{}", Uuid::now_v7().simple()), url, body: message.body() };
        self.fresh.send_modify(|n| *n += 1);
        let courier = self.clone();
        actix::spawn(async move { courier.deliver(delivery).await });
    }

    /// To everyone who ever left a URL.
    pub(super) async fn send_to_all(&self, message: WebhookMessage) {
        match self.subscribers.subscribers().await {
            Ok(all) => all.into_iter().for_each(|subscriber| self.send(subscriber.url, &message)),
            Err(error) => warn!(%error, "cannot read the webhook subscribers"),
        }
    }

    /// Waits until every message has been tried once.
    pub(super) async fn flush(&self) {
        let mut fresh = self.fresh.subscribe();
        // The sender is in `self`: it cannot be gone.
        let _ = fresh.wait_for(|n| *n == 0).await;
    }

    async fn deliver(self, delivery: Delivery) {
        let mut failed_tries = 0;
        loop {
            let outcome = self.try_once(&delivery).await;
            if failed_tries == 0 {
                self.fresh.send_modify(|n| *n -= 1);
            }
            let Err(failure) = outcome else {
                info!(webhook.id = %delivery.id, "webhook delivered");
                return;
            };
            if failure == (DeliveryFailure::Status { status: 410 }) {
                return self.forget(&delivery.url).await;
            }
            failed_tries += 1;
            let Some(pause) = retry::pause(failed_tries, jitter()) else {
                warn!(webhook.id = %delivery.id, "webhook given up");
                return;
            };
            warn!(webhook.id = %delivery.id, %failure, failed_tries, pause_secs = pause.as_secs(), "webhook failed");
            actix::clock::sleep(pause).await;
        }
    }

    async fn try_once(&self, delivery: &Delivery) -> Result<(), DeliveryFailure> {
        // The semaphore is never closed; without a permit the try would merely be one too many.
        let _slot = self.slots.acquire().await;
        self.transport.deliver(delivery).await
    }

    /// The receiver says that it is gone for good.
    async fn forget(&self, url: &str) {
        let Ok(all) = self.subscribers.subscribers().await else { return };
        for subscriber in all.into_iter().filter(|s| s.url == url) {
            match self.subscribers.unsubscribe(subscriber.id).await {
                Ok(_) => info!(subscriber.id = %subscriber.id, "webhook subscriber is gone"),
                Err(error) => warn!(%error, "cannot remove a webhook subscriber"),
            }
        }
    }
}

fn jitter() -> f64 {
    fastrand::f64() * 2.0 - 1.0
}

/// How long a stop waits for first tries.
pub(super) const FLUSH_LIMIT: Duration = Duration::from_secs(5);
