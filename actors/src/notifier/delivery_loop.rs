//! Carries what lies in the outbox to its receivers, and writes down what came of it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use super::snapshot::{NAME, WebhooksSnapshot};
use crate::domain::webhook::MessageId;
use crate::domain::webhook::retry::{self, Next};
use crate::measures::measures;
use crate::panics::caught;
use crate::ports::{
    Attempt, Delivery, DeliveryFailure, Outbox, Outgoing, StoreError, Verdict, WebhookTransport, record_span,
};

/// Tries under way at the same time, for all receivers together.
const IN_FLIGHT: usize = 32;

/// Tries under way to one host and port.
const IN_FLIGHT_PER_HOST: usize = 2;

/// Messages of one host that are looked at: those on their way may be among them.
const LOOK_AHEAD: u32 = 2 * IN_FLIGHT_PER_HOST as u32;

/// How long the outbox is left alone after it could not be read, or not be written.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// The outbox is looked at this often even without a notification: clocks may be set. Among several services it is notified every two
/// seconds at least, and takes over from one that has stopped sending.
const LOOK: Duration = Duration::from_secs(60);

/// How long a stop waits for what is due.
pub(super) const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// Everything about a message is in the outbox: a process that ends at any moment costs at most the
/// same message twice, under the same id. A slow receiver delays its own host and no other.
#[derive(Clone)]
pub(super) struct DeliveryLoop {
    transport: Rc<dyn WebhookTransport>,
    outbox: Arc<dyn Outbox>,
    /// Whether it is this service's task at all.
    sends: bool,
    /// There may be something new to deliver.
    wake: Rc<Notify>,
    /// Messages on their way, each with its host.
    under_way: Rc<RefCell<HashMap<MessageId, String>>>,
    /// Of the outbox when it was last read.
    outbox_seen: Rc<Cell<WebhooksSnapshot>>,
    /// How many calls asked for a notice once nothing is due any more.
    flushes: Rc<Cell<u64>>,
    /// The last of those askings after which there was nothing.
    settled: watch::Sender<u64>,
}

impl DeliveryLoop {
    pub(super) fn new(transport: Box<dyn WebhookTransport>, outbox: Arc<dyn Outbox>, sends: bool) -> Self {
        Self {
            transport: transport.into(),
            outbox,
            sends,
            wake: Rc::default(),
            under_way: Rc::default(),
            outbox_seen: Rc::default(),
            flushes: Rc::default(),
            settled: watch::channel(0).0,
        }
    }

    /// Says that there may be something new in the outbox.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) fn snapshot(&self) -> WebhooksSnapshot {
        // Not `borrow`: this is asked for during a panic, too.
        let in_flight = self.under_way.try_borrow().map_or(0, |under_way| under_way.len());
        WebhooksSnapshot { in_flight, ..self.outbox_seen.get() }
    }

    /// Waits until nothing is due and nothing on its way.
    pub(super) async fn flush(&self) {
        let asked = self.flushes.get() + 1;
        self.flushes.set(asked);
        self.wake();
        // The sender is in `self`: it cannot be dropped.
        let _ = self.settled.subscribe().wait_for(|settled| *settled >= asked).await;
    }

    /// Carries messages for ever.
    ///
    /// # Cancel safety
    /// What is on its way is cut off, and due again at the next start.
    pub(super) async fn run(self) {
        let mut tries = FuturesUnordered::new();
        loop {
            let asked = self.flushes.get();
            let pause = match self.take_due().await {
                Ok((taken, pause)) => {
                    tries.extend(taken.into_iter().map(|message| self.clone().deliver(message)));
                    pause
                }
                Err(error) => {
                    let seen = self.outbox_seen.get();
                    self.outbox_seen.set(WebhooksSnapshot { is_outbox_readable: false, ..seen });
                    warn!(%error, "cannot read the webhook outbox");
                    AFTER_TROUBLE
                }
            };
            if tries.is_empty() {
                self.settled.send_replace(asked);
            }
            tokio::select! {
                Some(()) = tries.next() => {}
                () = self.wake.notified() => {}
                () = actix::clock::sleep(pause) => {}
            }
        }
    }

    /// Chooses the messages to send now, hosts with the least on their way first, and says how long nothing
    /// else will be due.
    async fn take_due(&self) -> Result<(Vec<Outgoing>, Duration), StoreError> {
        if !self.sends || !self.outbox.is_sender().await? {
            return Ok((vec![], LOOK));
        }
        let (due, later): (Vec<_>, Vec<_>) =
            self.outbox.hosts().await?.into_iter().partition(|(_, due_in)| due_in.is_zero());
        self.outbox_seen.set(WebhooksSnapshot {
            in_flight: 0,
            hosts_due: due.len(),
            hosts_later: later.len(),
            is_outbox_readable: true,
        });
        let pause = later.into_iter().map(|(_, due_in)| due_in).min().unwrap_or(LOOK).min(LOOK);
        let mut hosts: Vec<_> = due.into_iter().map(|(host, _)| (self.busy(&host), host)).collect();
        hosts.sort();
        let mut taken = vec![];
        for (busy, host) in hosts {
            let room = IN_FLIGHT.saturating_sub(self.under_way.borrow().len());
            let room = room.min(IN_FLIGHT_PER_HOST.saturating_sub(busy));
            if room == 0 {
                break;
            }
            // Those on their way are due as well, and come first.
            let found = self.outbox.due(&host, LOOK_AHEAD).await?;
            let mut under_way = self.under_way.borrow_mut();
            let fresh = found.into_iter().filter(|message| !under_way.contains_key(&message.id));
            let fresh: Vec<_> = fresh.take(room).collect();
            under_way.extend(fresh.iter().map(|message| (message.id, host.clone())));
            taken.extend(fresh);
        }
        Ok((taken, pause))
    }

    fn busy(&self, host: &str) -> usize {
        self.under_way.borrow().values().filter(|of| *of == host).count()
    }

    async fn deliver(self, message: Outgoing) {
        let begun = Instant::now();
        let delivery = Delivery {
            id: message.id.to_string(),
            url: message.url.clone(),
            body: message.body.clone(),
            keys: message.keys.clone(),
            traceparent: message.traceparent.clone(),
        };
        let outcome = caught(NAME, self.transport.deliver(&delivery)).await;
        let outcome = outcome.unwrap_or_else(|bug| Err(DeliveryFailure::Unreachable(bug.to_string())));
        let verdict = verdict(&message, &outcome, fastrand::f64() * 2.0 - 1.0);
        log(message.id, &outcome, verdict);
        let took = begun.elapsed();
        measures().webhook_attempt.observe(took.as_secs_f64());
        measures().webhook_attempts.with_label_values(&[name(verdict)]).inc();
        record_span("webhook dispatch", message.traceparent.as_ref(), took, || {
            vec![("webhook.id", message.id.to_string()), ("outcome", name(verdict).to_owned())]
        });
        self.write_down(message.id, attempt(outcome, took), verdict).await;
        self.under_way.borrow_mut().remove(&message.id);
    }

    /// Keeps at it: a message that was delivered and looks as if it were not would be delivered over
    /// and over.
    async fn write_down(&self, id: MessageId, attempt: Attempt, verdict: Verdict) {
        while let Err(error) = self.outbox.record(id, attempt.clone(), verdict).await {
            error!(webhook.id = %id, %error, "cannot save a webhook attempt");
            actix::clock::sleep(AFTER_TROUBLE).await;
        }
    }
}

/// What follows from a try. `jitter` is any number from -1 to 1.
fn verdict(message: &Outgoing, outcome: &Result<u16, DeliveryFailure>, jitter: f64) -> Verdict {
    let retry_after = match outcome {
        Ok(_) => return Verdict::Delivered,
        Err(DeliveryFailure::Status { status: 410, .. }) => return Verdict::Gone,
        Err(DeliveryFailure::Status { retry_after, .. }) => *retry_after,
        Err(DeliveryFailure::Forbidden(_) | DeliveryFailure::Unreachable(_)) => None,
    };
    if message.failing.is_some_and(|failing| failing >= retry::OFF_AFTER) {
        return Verdict::SwitchOff;
    }
    match retry::next(message.failures, message.trying, retry_after, jitter) {
        Next::Again { failures, pause } => Verdict::Again { failures, pause },
        Next::GiveUp => Verdict::GivenUp,
    }
}

/// One of [`DELIVERIES`](crate::measures::DELIVERIES).
fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Delivered => "delivered",
        Verdict::Again { .. } => "retried",
        Verdict::GivenUp => "given_up",
        Verdict::SwitchOff => "switched_off",
        Verdict::Gone => "gone",
    }
}

fn attempt(outcome: Result<u16, DeliveryFailure>, took: Duration) -> Attempt {
    let status = match &outcome {
        Ok(status) | Err(DeliveryFailure::Status { status, .. }) => Some(*status),
        Err(DeliveryFailure::Forbidden(_) | DeliveryFailure::Unreachable(_)) => None,
    };
    Attempt { status, took, error: outcome.err().map(|failure| failure.to_string()) }
}

fn log(id: MessageId, outcome: &Result<u16, DeliveryFailure>, verdict: Verdict) {
    let failure = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
    match verdict {
        Verdict::Delivered => info!(webhook.id = %id, "webhook delivered"),
        Verdict::Again { pause, .. } => {
            warn!(webhook.id = %id, failure, pause_secs = pause.as_secs(), "webhook failed");
        }
        Verdict::GivenUp => warn!(webhook.id = %id, failure, "webhook given up"),
        Verdict::SwitchOff => warn!(webhook.id = %id, failure, "webhook subscriber switched off"),
        Verdict::Gone => info!(webhook.id = %id, "webhook receiver answered 410; subscriber removed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::webhook::retry::Failures;

    fn outgoing(failing: Option<Duration>) -> Outgoing {
        Outgoing {
            id: MessageId::new(),
            url: "http://receiver.example/".into(),
            body: "{}".into(),
            keys: vec![],
            traceparent: None,
            failures: Failures::default(),
            trying: Duration::ZERO,
            failing,
        }
    }

    fn answered(status: u16) -> Result<u16, DeliveryFailure> {
        Err(DeliveryFailure::Status { status, retry_after: None })
    }

    #[test]
    fn after_five_days_of_failures_the_next_one_switches_off() {
        let lost = outgoing(Some(retry::OFF_AFTER));
        assert_eq!(verdict(&lost, &answered(500), 0.0), Verdict::SwitchOff);
        assert_eq!(verdict(&lost, &Ok(200), 0.0), Verdict::Delivered);
        let troubled = outgoing(Some(retry::OFF_AFTER - Duration::from_secs(1)));
        assert!(matches!(verdict(&troubled, &answered(500), 0.0), Verdict::Again { .. }));
    }

    #[test]
    fn only_410_removes_and_only_2xx_is_success() {
        let message = outgoing(None);
        assert_eq!(verdict(&message, &answered(410), 0.0), Verdict::Gone);
        let forbidden = Err(DeliveryFailure::Forbidden("it is inside".into()));
        for failure in [answered(302), answered(404), answered(429), forbidden] {
            assert!(matches!(verdict(&message, &failure, 0.0), Verdict::Again { .. }), "{failure:?}");
        }
    }

    #[test]
    fn a_try_is_kept_with_what_was_answered() {
        let took = Duration::from_millis(7);
        assert_eq!(attempt(Ok(204), took), Attempt { status: Some(204), took, error: None });
        let failed = attempt(answered(503), took);
        assert_eq!((failed.status, failed.error.as_deref()), (Some(503), Some("answered with status 503")));
        let unreachable = attempt(Err(DeliveryFailure::Unreachable("refused".into())), took);
        assert_eq!(unreachable.status, None);
    }
}
