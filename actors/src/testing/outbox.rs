//! Subscribers and their messages in memory.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::outbox_tables::{Receiver, StoredMessage};
use super::store::{MemoryStore, Tables};
use crate::domain::event::OfModel;
use crate::domain::jobs::job::Job;
use crate::domain::jobs::origin::TraceParent;
use crate::domain::time::Timestamp;
use crate::domain::webhook::retry::Failures;
use crate::domain::webhook::{Message, MessageId, Secret, SigningKey, host_of};
use crate::ports::{
    Attempt, Backlog, Between, DeliveryQuery, KEPT, OLD_SECRET_VALID, Outbox, Outgoing, Sent, SentState,
    StoreError, Subscriber, SubscriberState, SubscriberStore, TRIES_KEPT, Verdict,
};

impl Tables {
    fn receiver(&mut self, id: Uuid) -> Option<&mut Receiver> {
        self.receivers.iter_mut().find(|receiver| receiver.seen.id == id)
    }

    fn message(&mut self, id: MessageId) -> Option<&mut StoredMessage> {
        self.messages.iter_mut().find(|message| message.seen.id == id)
    }

    fn write(
        &mut self,
        message: &Message,
        subscriber: Option<Uuid>,
        url: &str,
        traceparent: Option<TraceParent>,
    ) -> Sent {
        let seen = Sent {
            id: MessageId::new(),
            kind: message.kind.to_owned(),
            created_at: message.at,
            state: SentState::Pending,
            attempts: vec![],
            next_try_at: Some(message.at),
        };
        self.messages.push(StoredMessage {
            traceparent,
            seen: seen.clone(),
            subscriber,
            url: url.to_owned(),
            body: message.body(),
            failures: Failures::default(),
            since: message.at,
        });
        seen
    }

    pub(super) fn write_model_messages(&mut self, event: &OfModel, at: Timestamp) {
        let Some(message) = Message::of_model(event, at) else { return };
        let active = self.receivers.iter().filter(|receiver| receiver.seen.state == SubscriberState::Active);
        let all: Vec<_> = active.map(|receiver| (receiver.seen.id, receiver.seen.url.clone())).collect();
        for (id, url) in all {
            self.write(&message, Some(id), &url, None);
        }
    }

    /// Nothing for a job that has not ended, or has no webhook.
    pub(super) fn write_job_messages(&mut self, job: &Job, at: Timestamp) {
        let Some(message) = Message::of_job(job.id, job.status, at) else { return };
        let Some(url) = &job.webhook_url else { return };
        let traceparent = job.origin.traceparent.clone();
        let known = self.receivers.iter().find(|receiver| receiver.seen.url == *url);
        match known.map(|receiver| (receiver.seen.id, receiver.seen.state)) {
            Some((_, SubscriberState::Off)) => {}
            Some((id, SubscriberState::Active)) => drop(self.write(&message, Some(id), url, traceparent)),
            None => drop(self.write(&message, None, url, traceparent)),
        }
    }

    pub(super) fn add_receiver(&mut self, owner: &str, url: &str, now: Timestamp) -> &mut Receiver {
        let index = match self.receivers.iter().position(|receiver| receiver.seen.url == url) {
            Some(index) => index,
            None => {
                self.receivers.push(Receiver {
                    seen: Subscriber {
                        id: Uuid::now_v7(),
                        url: url.to_owned(),
                        owners: vec![],
                        created_at: now,
                        state: SubscriberState::Active,
                        failing_since: None,
                        signed_with: SigningKey::Service,
                        old_secret_until: None,
                    },
                    old_key: None,
                });
                self.receivers.len() - 1
            }
        };
        let receiver = &mut self.receivers[index];
        if let Err(place) = receiver.seen.owners.binary_search_by(|known| known.as_str().cmp(owner)) {
            receiver.seen.owners.insert(place, owner.to_owned());
        }
        if receiver.seen.state == SubscriberState::Off {
            receiver.switch_on();
        }
        receiver
    }

    fn remove_receiver(&mut self, id: Uuid) {
        self.receivers.retain(|receiver| receiver.seen.id != id);
        self.messages.retain(|message| message.subscriber != Some(id));
    }
}

impl Receiver {
    fn switch_on(&mut self) {
        self.seen.state = SubscriberState::Active;
        self.seen.failing_since = None;
    }

    fn change_secret(&mut self, secret: Secret, now: Timestamp) {
        self.old_key = Some(std::mem::replace(&mut self.seen.signed_with, SigningKey::Own(secret)));
        self.seen.old_secret_until = Some(now.after(OLD_SECRET_VALID));
    }

    fn keys(&self, now: Timestamp) -> Vec<SigningKey> {
        let old =
            self.old_key.clone().filter(|_| self.seen.old_secret_until.is_some_and(|until| now < until));
        [self.seen.signed_with.clone()].into_iter().chain(old).collect()
    }
}

impl StoredMessage {
    fn is_pending(&self) -> bool {
        self.seen.state == SentState::Pending
    }

    fn make_due(&mut self, now: Timestamp) {
        self.seen.state = SentState::Pending;
        self.seen.next_try_at = Some(now);
        self.failures = Failures::default();
        self.since = now;
    }

    fn end(&mut self, state: SentState) {
        self.seen.state = state;
        self.seen.next_try_at = None;
    }
}

#[async_trait]
impl SubscriberStore for MemoryStore {
    async fn subscribe(
        &self,
        owner: &str,
        url: &str,
        secret: Option<Secret>,
    ) -> Result<Subscriber, StoreError> {
        let (mut tables, now) = (self.tables(), self.now());
        let is_new = tables.receivers.iter().all(|receiver| receiver.seen.url != url);
        let receiver = tables.add_receiver(owner, url, now);
        match secret {
            Some(secret) if is_new => receiver.seen.signed_with = SigningKey::Own(secret),
            Some(secret) => receiver.change_secret(secret, now),
            None => {}
        }
        Ok(receiver.seen.clone())
    }

    async fn subscribers(&self) -> Result<Vec<Subscriber>, StoreError> {
        Ok(self.tables().receivers.iter().map(|receiver| receiver.seen.clone()).collect())
    }

    async fn subscriber(&self, id: Uuid) -> Result<Option<Subscriber>, StoreError> {
        Ok(self.tables().receiver(id).map(|receiver| receiver.seen.clone()))
    }

    async fn unsubscribe(&self, id: Uuid) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let before = tables.receivers.len();
        tables.remove_receiver(id);
        Ok(tables.receivers.len() < before)
    }

    async fn disown(&self, id: Uuid, owner: &str) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(receiver) = tables.receiver(id) else { return Ok(false) };
        let before = receiver.seen.owners.len();
        receiver.seen.owners.retain(|known| known != owner);
        let left = receiver.seen.owners.len();
        if left == 0 && before > 0 {
            tables.remove_receiver(id);
        }
        Ok(left < before)
    }

    async fn change_secret(&self, id: Uuid, secret: Secret) -> Result<Option<Subscriber>, StoreError> {
        let (mut tables, now) = (self.tables(), self.now());
        Ok(tables.receiver(id).map(|receiver| {
            receiver.change_secret(secret, now);
            receiver.seen.clone()
        }))
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    async fn hosts(&self) -> Result<Vec<(String, Duration)>, StoreError> {
        let (tables, now) = (self.tables(), self.now());
        let mut hosts: Vec<(String, Duration)> = vec![];
        for message in tables.messages.iter().filter(|message| message.is_pending()) {
            let due_in = message.seen.next_try_at.map_or(Duration::ZERO, |at| at.since(now));
            match hosts.iter_mut().find(|(host, _)| host == host_of(&message.url)) {
                Some((_, first)) => *first = due_in.min(*first),
                None => hosts.push((host_of(&message.url).to_owned(), due_in)),
            }
        }
        Ok(hosts)
    }

    async fn due(&self, host: &str, limit: u32) -> Result<Vec<Outgoing>, StoreError> {
        let (tables, now) = (self.tables(), self.now());
        let to_host = tables.messages.iter().filter(|l| l.is_pending() && host_of(&l.url) == host);
        let mut due: Vec<_> = to_host.filter(|l| l.seen.next_try_at.is_some_and(|at| at <= now)).collect();
        due.sort_by_key(|message| (message.seen.next_try_at, message.seen.id));
        let outgoing = due.into_iter().take(limit as usize).map(|message| {
            let known = tables.receivers.iter().find(|r| Some(r.seen.id) == message.subscriber);
            Outgoing {
                id: message.seen.id,
                url: message.url.clone(),
                body: message.body.clone(),
                keys: known.map_or_else(|| vec![SigningKey::Service], |receiver| receiver.keys(now)),
                failures: message.failures,
                traceparent: message.traceparent.clone(),
                trying: now.since(message.since),
                failing: known.and_then(|r| r.seen.failing_since).map(|since| now.since(since)),
            }
        });
        Ok(outgoing.collect())
    }

    async fn record(&self, id: MessageId, attempt: Attempt, verdict: Verdict) -> Result<(), StoreError> {
        let (mut tables, now) = (self.tables(), self.now());
        let Some(message) = tables.message(id) else { return Ok(()) };
        let begun = now.before(attempt.took);
        message.seen.attempts.push((begun, attempt));
        let surplus = message.seen.attempts.len().saturating_sub(TRIES_KEPT as usize);
        message.seen.attempts.drain(..surplus);
        match verdict {
            Verdict::Delivered => message.end(SentState::Delivered),
            Verdict::Again { failures, pause } => {
                message.failures = failures;
                message.seen.next_try_at = Some(now.after(pause));
            }
            Verdict::GivenUp | Verdict::SwitchOff | Verdict::Gone => message.end(SentState::Failed),
        }
        let Some(subscriber) = message.subscriber else { return Ok(()) };
        if verdict == Verdict::Gone {
            tables.remove_receiver(subscriber);
        }
        if verdict == Verdict::SwitchOff {
            let of_it = tables.messages.iter_mut().filter(|l| l.subscriber == Some(subscriber));
            of_it.filter(|l| l.is_pending()).for_each(|message| message.end(SentState::Failed));
        }
        let Some(receiver) = tables.receiver(subscriber) else { return Ok(()) };
        if verdict == Verdict::Delivered {
            receiver.switch_on();
            return Ok(());
        }
        if verdict == Verdict::SwitchOff {
            receiver.seen.state = SubscriberState::Off;
        }
        receiver.seen.failing_since.get_or_insert(now);
        Ok(())
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Sent>, StoreError> {
        let tables = self.tables();
        let of_it = tables.messages.iter().rev().filter(|l| l.subscriber == Some(query.subscriber));
        let older = of_it.filter(|message| query.before.is_none_or(|before| message.seen.id < before));
        Ok(older.take(query.limit as usize).map(|message| message.seen.clone()).collect())
    }

    async fn redeliver(&self, subscriber: Uuid, id: MessageId) -> Result<Option<Sent>, StoreError> {
        let (mut tables, now) = (self.tables(), self.now());
        let message = tables.message(id).filter(|message| message.subscriber == Some(subscriber));
        Ok(message.map(|message| {
            message.make_due(now);
            message.seen.clone()
        }))
    }

    async fn redeliver_all(&self, subscriber: Uuid, span: Between) -> Result<u64, StoreError> {
        let (mut tables, now) = (self.tables(), self.now());
        let of_it =
            tables.messages.iter_mut().filter(|l| l.subscriber == Some(subscriber) && !l.is_pending());
        let within = of_it.filter(|l| (span.since..span.until).contains(&l.seen.created_at));
        Ok(within.map(|message| message.make_due(now)).count() as u64)
    }

    async fn send_test(&self, subscriber: Uuid) -> Result<Option<Sent>, StoreError> {
        let (mut tables, now) = (self.tables(), self.now());
        let Some(url) = tables.receiver(subscriber).map(|r| r.seen.url.clone()) else { return Ok(None) };
        Ok(Some(tables.write(&Message::test(subscriber, now), Some(subscriber), &url, None)))
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let (tables, now) = (self.tables(), self.now());
        let pending = tables.messages.iter().filter(|message| message.is_pending());
        let oldest = pending.clone().map(|message| message.seen.created_at).min();
        Ok(Backlog {
            messages: pending.count() as u64,
            oldest: oldest.map_or(Duration::ZERO, |since| now.since(since)),
        })
    }

    async fn forget_old(&self) -> Result<u64, StoreError> {
        let (mut tables, now) = (self.tables(), self.now());
        let before = tables.messages.len();
        tables.messages.retain(|l| l.is_pending() || now.since(l.seen.created_at) <= KEPT);
        Ok((before - tables.messages.len()) as u64)
    }
}
