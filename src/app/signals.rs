//! When the service is asked to stop.

use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

/// Returns at the first SIGTERM or SIGINT.
pub(super) async fn asked_to_stop() {
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
        error!("signals cannot be received: only SIGKILL stops this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => info!("asked to stop by SIGTERM"),
        _ = interrupt.recv() => info!("asked to stop by SIGINT"),
    }
}
