//! Events that other services on the same store have written.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::event::{Recorded, Stream};
use crate::ports::{Store, StoreError};

const PAGE: u32 = 500;

/// Reads what is new of each stream since the event of that number. Of a stream without a number only the last event is read:
/// followers see that they lack the ones before, and read them.
pub(super) async fn read_new(
    store: Arc<dyn Store>,
    followed: HashMap<Stream, Option<u64>>,
) -> Result<Vec<Recorded>, StoreError> {
    let streams: Vec<_> = followed.keys().copied().collect();
    let mut events = vec![];
    for (stream, last) in store.last_seqs(&streams).await? {
        let handed = followed.get(&stream).copied().flatten();
        let mut after = handed.unwrap_or(last.saturating_sub(1));
        while after < last {
            let page = store.events_after(stream, after, PAGE).await?;
            let Some(read) = page.last() else { break };
            after = read.seq;
            events.extend(page);
        }
    }
    Ok(events)
}
