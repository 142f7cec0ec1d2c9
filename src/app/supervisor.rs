//! What a service manager (systemd, `Type=notify`) is sent: that the service is ready, alive or stopping.
//!
//! Nothing is sent where the environment names no manager (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).

use std::sync::Arc;
use std::time::Duration;

use actors::job::JobHandle;
use actors::notifier::NotifierHandle;
use actors::observe::Observed;
use futures_util::future::join_all;
use futures_util::join;
use sd_notify::NotifyState;
use tracing::{debug, warn};

use crate::http::Service;

/// Pings in one watchdog interval: two may be missed before the manager restarts the service.
const PINGS: u32 = 3;

/// Connections are accepted.
pub(super) fn ready() {
    send(NotifyState::Ready);
}

/// The service takes no new work. The manager's watchdog is off from here on.
pub(super) fn stopping() {
    send(NotifyState::Stopping);
}

/// Pings the manager's watchdog for the life of the service, if it has one, as long as the actors answer. The engine's process
/// has a limit of its own, `[engine] hang_secs`.
///
/// # Cancel safety
/// Sends nothing more once it is dropped.
pub(super) async fn feed_watchdog(service: Arc<Service>) {
    let Some(interval) = sd_notify::watchdog_enabled() else { return };
    debug!(interval_secs = interval.as_secs_f64(), "watchdog of the service manager found");
    loop {
        if are_alive(&service).await {
            send(NotifyState::Watchdog);
        }
        actix_web::rt::time::sleep(period(interval)).await;
    }
}

/// The time between two pings.
fn period(interval: Duration) -> Duration {
    interval / PINGS
}

async fn are_alive(Service { jobs, notifier, devices, .. }: &Service) -> bool {
    let of_all = std::iter::once(jobs).chain(devices.iter().map(|device| &device.jobs));
    let of_all = join_all(of_all.map(JobHandle::observe));
    let (of_jobs, of_notifier) = join!(of_all, notifier.observe());
    let silent: Vec<_> = [
        (JobHandle::NAME, of_jobs.iter().any(|jobs| matches!(jobs, Observed::Unresponsive))),
        (NotifierHandle::NAME, matches!(of_notifier, Observed::Unresponsive)),
    ]
    .into_iter()
    .filter_map(|(name, is_silent)| is_silent.then_some(name))
    .collect();
    if !silent.is_empty() {
        warn!(actors = ?silent, "actors do not answer; watchdog ping left out");
    }
    silent.is_empty()
}

fn send(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "cannot notify the service manager");
    }
}
