//! What other services that share the database have written.

use actors::job::JobHandle;
use actors::notifier::NotifierHandle;
use actors::ports::Peers;

/// Runs for as long as the service.
pub(super) async fn heed(store: &dyn Peers, notifier: NotifierHandle, jobs: JobHandle) {
    loop {
        let news = store.news().await;
        if news.queue {
            jobs.look_for_work();
        }
        notifier.heed(news);
    }
}
