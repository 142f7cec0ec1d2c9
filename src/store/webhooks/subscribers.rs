//! The subscribers to the model's webhooks.

use std::collections::HashMap;

use actors::domain::time::Timestamp;
use actors::domain::webhook::{Secret, SigningKey};
use actors::ports::{OLD_SECRET_VALID, StoreError, Subscriber, SubscriberState, SubscriberStore};
use async_trait::async_trait;
use uuid::Uuid;

use crate::store::db::{self, Transaction};
use crate::store::fault::Fault;
use crate::store::locks::Lock;
use crate::store::rows::unreadable;
use crate::store::sql;
use crate::store::sql_store::SqlStore;

#[derive(sqlx::FromRow)]
pub(super) struct SubscriberRow {
    id: String,
    url: String,
    created_at: i64,
    state: String,
    secret: Option<String>,
    prev_until: Option<i64>,
    first_fail_at: Option<i64>,
}

impl SubscriberRow {
    fn owned_by(self, owners: Vec<String>) -> Result<Subscriber, Fault> {
        Ok(Subscriber {
            id: self.id.parse().map_err(|e| unreadable("a subscriber's id", e))?,
            url: self.url,
            owners,
            created_at: Timestamp(self.created_at),
            state: state(&self.state)?,
            failing_since: self.first_fail_at.map(Timestamp),
            signed_with: key(self.secret),
            old_secret_until: self.prev_until.map(Timestamp),
        })
    }

    async fn with_owners(self, change: &mut Transaction) -> Result<Subscriber, Fault> {
        let owners = db::query_scalar(sql::OWNERS).bind(&self.id).fetch_all(change).await?;
        self.owned_by(owners)
    }
}

pub(super) fn state(name: &str) -> Result<SubscriberState, Fault> {
    match name {
        "active" => Ok(SubscriberState::Active),
        "off" => Ok(SubscriberState::Off),
        other => Err(unreadable("a subscriber's state", other)),
    }
}

pub(super) fn key(own: Option<String>) -> SigningKey {
    own.map_or(SigningKey::Service, |secret| SigningKey::Own(Secret::new(secret)))
}

/// Adds a subscriber inside a change, or switches on the one of that URL and changes its secret. Either is the owner's
/// then.
pub(in crate::store) async fn subscribe(
    change: &mut Transaction,
    now: Timestamp,
    owner: &str,
    url: &str,
    secret: Option<Secret>,
) -> Result<Subscriber, Fault> {
    let new = Uuid::now_v7();
    let row: SubscriberRow = db::query_as(sql::SUBSCRIBE)
        .bind(new.to_string())
        .bind(url)
        .bind(now.0)
        .bind(secret.as_ref().map(Secret::expose))
        .fetch_one(&mut *change)
        .await?;
    db::query(sql::OWN).bind(&row.id).bind(owner).execute(&mut *change).await?;
    let subscriber = row.with_owners(change).await?;
    match secret {
        Some(secret) if subscriber.id != new => {
            Ok(give(change, now, subscriber.id, secret).await?.unwrap_or(subscriber))
        }
        Some(_) | None => Ok(subscriber),
    }
}

#[async_trait]
impl SubscriberStore for SqlStore {
    async fn subscribe(
        &self,
        owner: &str,
        url: &str,
        secret: Option<Secret>,
    ) -> Result<Subscriber, StoreError> {
        Ok(self.add_subscriber(owner, url, secret).await?)
    }

    async fn subscribers(&self) -> Result<Vec<Subscriber>, StoreError> {
        Ok(self.read_subscribers().await?)
    }

    async fn subscriber(&self, id: Uuid) -> Result<Option<Subscriber>, StoreError> {
        Ok(self.read_subscriber(id).await?)
    }

    async fn unsubscribe(&self, id: Uuid) -> Result<bool, StoreError> {
        Ok(self.remove_subscriber(id).await?)
    }

    async fn disown(&self, id: Uuid, owner: &str) -> Result<bool, StoreError> {
        Ok(self.take_from_owner(id, owner).await?)
    }

    async fn change_secret(&self, id: Uuid, secret: Secret) -> Result<Option<Subscriber>, StoreError> {
        Ok(self.give_secret(id, secret).await?)
    }
}

impl SqlStore {
    async fn add_subscriber(
        &self,
        owner: &str,
        url: &str,
        secret: Option<Secret>,
    ) -> Result<Subscriber, Fault> {
        let mut change = self.change(Lock::Webhooks).await?;
        let subscriber = subscribe(&mut change, self.now(), owner, url, secret).await?;
        self.commit(change, "add_subscriber").await?;
        Ok(subscriber)
    }

    async fn read_subscribers(&self) -> Result<Vec<Subscriber>, Fault> {
        // One moment of both tables.
        let mut reading = self.readers.begin_reading().await?;
        let rows: Vec<SubscriberRow> = db::query_as(sql::SUBSCRIBERS).fetch_all(&mut reading).await?;
        let all: Vec<(String, String)> = db::query_as(sql::ALL_OWNERS).fetch_all(&mut reading).await?;
        let mut owners: HashMap<String, Vec<String>> = HashMap::new();
        for (id, owner) in all {
            owners.entry(id).or_default().push(owner);
        }
        rows.into_iter()
            .map(|row| {
                let of_it = owners.remove(&row.id).unwrap_or_default();
                row.owned_by(of_it)
            })
            .collect()
    }

    async fn read_subscriber(&self, id: Uuid) -> Result<Option<Subscriber>, Fault> {
        let mut reading = self.readers.begin_reading().await?;
        let found = db::query_as(sql::SUBSCRIBER).bind(id.to_string());
        let row: Option<SubscriberRow> = found.fetch_optional(&mut reading).await?;
        match row {
            Some(row) => row.with_owners(&mut reading).await.map(Some),
            None => Ok(None),
        }
    }

    async fn remove_subscriber(&self, id: Uuid) -> Result<bool, Fault> {
        let mut change = self.change(Lock::Webhooks).await?;
        let removed = db::query(sql::UNSUBSCRIBE).bind(id.to_string()).execute(&mut change).await?;
        self.commit(change, "remove_subscriber").await?;
        Ok(removed > 0)
    }

    async fn take_from_owner(&self, id: Uuid, owner: &str) -> Result<bool, Fault> {
        let mut change = self.change(Lock::Webhooks).await?;
        let id = id.to_string();
        let taken = db::query(sql::DISOWN).bind(&id).bind(owner).execute(&mut change).await?;
        if taken == 0 {
            return Ok(false);
        }
        db::query(sql::REMOVE_UNOWNED).bind(&id).execute(&mut change).await?;
        self.commit(change, "take_from_owner").await?;
        Ok(true)
    }

    async fn give_secret(&self, id: Uuid, secret: Secret) -> Result<Option<Subscriber>, Fault> {
        let mut change = self.change(Lock::Webhooks).await?;
        let given = give(&mut change, self.now(), id, secret).await?;
        self.commit(change, "give_secret").await?;
        Ok(given)
    }
}

async fn give(
    change: &mut Transaction,
    now: Timestamp,
    id: Uuid,
    secret: Secret,
) -> Result<Option<Subscriber>, Fault> {
    let row: Option<SubscriberRow> = db::query_as(sql::CHANGE_SECRET)
        .bind(id.to_string())
        .bind(secret.expose())
        .bind(now.after(OLD_SECRET_VALID).0)
        .fetch_optional(&mut *change)
        .await?;
    match row {
        Some(row) => row.with_owners(change).await.map(Some),
        None => Ok(None),
    }
}
