//! When the service is asked to stop, or to read its settings again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// SIGTERM, SIGINT and SIGHUP, which end nothing by themselves from now on.
pub(super) struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns at the first SIGTERM or SIGINT that came since they are caught, and calls `reload` at each SIGHUP before.
    pub(super) async fn asked_to_stop(mut self, reload: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.hang_up.recv() => reload(),
                _ = self.terminate.recv() => break info!("asked to stop by SIGTERM"),
                _ = self.interrupt.recv() => break info!("asked to stop by SIGINT"),
            }
        }
    }
}
