//! Messages as their subscriber may see them, with what came of each try.

use actors::ports::{DeliveryQuery, Sent};

use super::sent_rows::SentRow;
use crate::store::db;
use crate::store::fault::Fault;
use crate::store::sql;
use crate::store::sql_store::SqlStore;

impl SqlStore {
    pub(super) async fn read_deliveries(&self, query: DeliveryQuery) -> Result<Vec<Sent>, Fault> {
        // Sorts after every id.
        let before = query.before.map_or_else(|| "~".to_owned(), |id| id.to_string());
        // One transaction: the tries are those of the messages as they are read.
        let mut reading = self.readers.begin_reading().await?;
        let rows: Vec<SentRow> = db::query_as(sql::DELIVERIES)
            .bind(query.subscriber.to_string())
            .bind(before)
            .bind(i64::from(query.limit))
            .fetch_all(&mut reading)
            .await?;
        let mut page = Vec::with_capacity(rows.len());
        for row in rows {
            page.push(row.with_attempts(&mut reading).await?);
        }
        Ok(page)
    }
}
