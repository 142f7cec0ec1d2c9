//! Who is told of the model by webhook.

use actors::domain::time::Timestamp;
use actors::ports::{StoreError, Subscriber, SubscriberStore};
use async_trait::async_trait;
use uuid::Uuid;

use super::fault::Fault;
use super::rows::unreadable;
use super::sql;
use super::sqlite::SqliteStore;

type Row = (String, String, i64);

#[async_trait]
impl SubscriberStore for SqliteStore {
    async fn subscribe(&self, url: &str) -> Result<Subscriber, StoreError> {
        Ok(self.add_subscriber(url).await?)
    }

    async fn subscribers(&self) -> Result<Vec<Subscriber>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as(sql::SUBSCRIBERS).fetch_all(&self.readers).await.map_err(Fault::from)?;
        Ok(rows.into_iter().map(subscriber).collect::<Result<_, Fault>>()?)
    }

    async fn unsubscribe(&self, id: Uuid) -> Result<bool, StoreError> {
        Ok(self.remove_subscriber(id).await?)
    }
}

impl SqliteStore {
    async fn add_subscriber(&self, url: &str) -> Result<Subscriber, Fault> {
        let mut change = self.change().await?;
        sqlx::query(sql::SUBSCRIBE)
            .bind(Uuid::now_v7().to_string())
            .bind(url)
            .bind(self.now().0)
            .execute(&mut *change)
            .await?;
        let row: Row = sqlx::query_as(sql::SUBSCRIBER).bind(url).fetch_one(&mut *change).await?;
        change.commit().await?;
        subscriber(row)
    }

    async fn remove_subscriber(&self, id: Uuid) -> Result<bool, Fault> {
        let mut change = self.change().await?;
        let removed = sqlx::query(sql::UNSUBSCRIBE).bind(id.to_string()).execute(&mut *change).await?;
        change.commit().await?;
        Ok(removed.rows_affected() > 0)
    }
}

fn subscriber((id, url, created_at): Row) -> Result<Subscriber, Fault> {
    let id = id.parse().map_err(|e| unreadable("a subscriber's id", e))?;
    Ok(Subscriber { id, url, created_at: Timestamp(created_at) })
}
