//! Events of a Wyoming client, without a service behind them.

use super::request;
use super::wire::Event;

/// Reads events up to the first invalid one, and handles them.
pub async fn events(mut bytes: &[u8]) {
    while let Ok(Some(event)) = Event::read(&mut bytes).await {
        let _ = (request::options(&event.data), request::format(&event.data));
        let mut written = vec![];
        if event.write(&mut written).await.is_ok() {
            let again = Event::read(&mut &written[..]).await;
            assert!(again.is_ok_and(|again| again.is_some_and(|again| again.kind == event.kind)));
        }
    }
}
