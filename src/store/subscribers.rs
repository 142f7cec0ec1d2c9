//! The subscribers to the model's webhooks.

use actors::domain::time::Timestamp;
use actors::domain::webhook::{Secret, SigningKey};
use actors::ports::{OLD_SECRET_VALID, StoreError, Subscriber, SubscriberState, SubscriberStore};
use async_trait::async_trait;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::fault::Fault;
use super::moments::later;
use super::rows::unreadable;
use super::sql;
use super::sqlite::SqliteStore;

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

impl TryFrom<SubscriberRow> for Subscriber {
    type Error = Fault;

    fn try_from(row: SubscriberRow) -> Result<Self, Fault> {
        Ok(Subscriber {
            id: row.id.parse().map_err(|e| unreadable("a subscriber's id", e))?,
            url: row.url,
            created_at: Timestamp(row.created_at),
            state: state(&row.state)?,
            failing_since: row.first_fail_at.map(Timestamp),
            signed_with: key(row.secret),
            old_secret_until: row.prev_until.map(Timestamp),
        })
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

/// Adds a subscriber inside a change, or switches on the one of that URL and changes its secret.
pub(super) async fn subscribe(
    change: &mut SqliteConnection,
    now: Timestamp,
    url: &str,
    secret: Option<Secret>,
) -> Result<Subscriber, Fault> {
    let new = Uuid::now_v7();
    let row: SubscriberRow = sqlx::query_as(sql::SUBSCRIBE)
        .bind(new.to_string())
        .bind(url)
        .bind(now.0)
        .bind(secret.as_ref().map(Secret::expose))
        .fetch_one(&mut *change)
        .await?;
    let subscriber = Subscriber::try_from(row)?;
    match secret {
        Some(secret) if subscriber.id != new => {
            Ok(give(change, now, subscriber.id, secret).await?.unwrap_or(subscriber))
        }
        Some(_) | None => Ok(subscriber),
    }
}

#[async_trait]
impl SubscriberStore for SqliteStore {
    async fn subscribe(&self, url: &str, secret: Option<Secret>) -> Result<Subscriber, StoreError> {
        Ok(self.add_subscriber(url, secret).await?)
    }

    async fn subscribers(&self) -> Result<Vec<Subscriber>, StoreError> {
        let rows: Vec<SubscriberRow> =
            sqlx::query_as(sql::SUBSCRIBERS).fetch_all(&self.readers).await.map_err(Fault::from)?;
        Ok(rows.into_iter().map(Subscriber::try_from).collect::<Result<_, Fault>>()?)
    }

    async fn subscriber(&self, id: Uuid) -> Result<Option<Subscriber>, StoreError> {
        let row: Option<SubscriberRow> = sqlx::query_as(sql::SUBSCRIBER)
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await
            .map_err(Fault::from)?;
        Ok(row.map(Subscriber::try_from).transpose()?)
    }

    async fn unsubscribe(&self, id: Uuid) -> Result<bool, StoreError> {
        Ok(self.remove_subscriber(id).await?)
    }

    async fn change_secret(&self, id: Uuid, secret: Secret) -> Result<Option<Subscriber>, StoreError> {
        Ok(self.give_secret(id, secret).await?)
    }
}

impl SqliteStore {
    async fn add_subscriber(&self, url: &str, secret: Option<Secret>) -> Result<Subscriber, Fault> {
        let mut change = self.change().await?;
        let subscriber = subscribe(&mut change, self.now(), url, secret).await?;
        self.commit(change, "add_subscriber").await?;
        Ok(subscriber)
    }

    async fn remove_subscriber(&self, id: Uuid) -> Result<bool, Fault> {
        let mut change = self.change().await?;
        let removed = sqlx::query(sql::UNSUBSCRIBE).bind(id.to_string()).execute(&mut *change).await?;
        self.commit(change, "remove_subscriber").await?;
        Ok(removed.rows_affected() > 0)
    }

    async fn give_secret(&self, id: Uuid, secret: Secret) -> Result<Option<Subscriber>, Fault> {
        let mut change = self.change().await?;
        let given = give(&mut change, self.now(), id, secret).await?;
        self.commit(change, "give_secret").await?;
        Ok(given)
    }
}

async fn give(
    change: &mut SqliteConnection,
    now: Timestamp,
    id: Uuid,
    secret: Secret,
) -> Result<Option<Subscriber>, Fault> {
    let row: Option<SubscriberRow> = sqlx::query_as(sql::CHANGE_SECRET)
        .bind(id.to_string())
        .bind(secret.expose())
        .bind(later(now, OLD_SECRET_VALID).0)
        .fetch_optional(change)
        .await?;
    row.map(Subscriber::try_from).transpose()
}
