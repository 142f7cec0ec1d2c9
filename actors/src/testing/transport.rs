//! A transport that keeps what it is given.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::ports::{Delivery, DeliveryFailure, WebhookTransport};

/// What was delivered so far, for tests to wait on.
pub type SentWebhooks = watch::Receiver<Vec<Delivery>>;

/// Refuses the first `failures` tries with `status` and takes the rest.
pub struct TransportFake {
    failures: Arc<AtomicUsize>,
    status: u16,
    sent: watch::Sender<Vec<Delivery>>,
}

impl TransportFake {
    pub fn new(failures: usize, status: u16) -> (Self, SentWebhooks) {
        let (sent, receiver) = watch::channel(vec![]);
        (Self { failures: Arc::new(AtomicUsize::new(failures)), status, sent }, receiver)
    }
}

#[async_trait(?Send)]
impl WebhookTransport for TransportFake {
    async fn deliver(&self, delivery: &Delivery) -> Result<u16, DeliveryFailure> {
        let refused = self.failures.try_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if refused.is_ok() {
            return Err(DeliveryFailure::Status { status: self.status, retry_after: None });
        }
        self.sent.send_modify(|sent| sent.push(delivery.clone()));
        Ok(204)
    }
}
