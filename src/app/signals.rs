//! When the service is asked to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// SIGTERM and SIGINT, which end nothing by themselves from now on.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Returns at the first that came since they are caught.
    pub(super) async fn asked_to_stop(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => info!("asked to stop by SIGTERM"),
            _ = self.interrupt.recv() => info!("asked to stop by SIGINT"),
        }
    }
}
