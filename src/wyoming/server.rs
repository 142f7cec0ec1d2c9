//! Takes connections in.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::session::Session;
use crate::auth::Caller;
use crate::http::Service;

/// A pause after a connection could not be taken: there may be no file handles left for now.
const AFTER_TROUBLE: Duration = Duration::from_millis(100);

/// On whose behalf clients act, and how many connect at once.
#[derive(Debug, Clone)]
pub struct WyomingConfig {
    /// The owner of the jobs of all clients of the port.
    pub caller: Caller,
    /// Further connections wait until one of these ends.
    pub max_connections: usize,
    /// A client that sends no whole event for so long, or takes none, is dropped.
    pub idle_limit: Duration,
}

/// Serves clients for as long as the process lives, on a thread of their own.
///
/// # Errors
/// The listener cannot be made ready.
pub fn serve(service: Arc<Service>, listener: TcpListener, config: WyomingConfig) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    info!(%address, "listening for Wyoming clients");
    actix_rt::Arbiter::new().spawn(async move {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => take_all(service, listener, config).await,
            Err(error) => warn!(%error, "no Wyoming client can be served"),
        }
    });
    Ok(())
}

async fn take_all(service: Arc<Service>, listener: tokio::net::TcpListener, config: WyomingConfig) {
    let places = Arc::new(Semaphore::new(config.max_connections));
    // The semaphore is never closed.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let session = session(&service, &config, peer.ip(), stream);
                actix_rt::spawn(async move {
                    session.run().await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a Wyoming client");
                actix_rt::time::sleep(AFTER_TROUBLE).await;
            }
        }
    }
}

fn session(service: &Arc<Service>, config: &WyomingConfig, address: IpAddr, stream: TcpStream) -> Session {
    Session::new(service.clone(), config.caller.clone(), address, config.idle_limit, stream)
}
