//! What is set on every socket of a client.

use std::any::Any;
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tracing::warn;

/// Lets the kernel close connections whose client takes nothing of what it is sent for that long. Nobody else
/// would notice: a client that does not read is never waited for.
#[cfg(target_os = "linux")]
pub(super) fn drop_if_stalled(connection: &dyn Any, after: Duration) {
    let Some(socket) = connection.downcast_ref::<TcpStream>() else { return };
    let millis = u32::try_from(after.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(socket, millis) {
        warn!(%error, "cannot set the time limit of a client's connection");
    }
}

/// Other kernels have limits of their own.
#[cfg(not(target_os = "linux"))]
pub(super) fn drop_if_stalled(_: &dyn Any, _: Duration) {}

/// Lets the process have as many open files, sockets among them, as it may have at all.
pub(super) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        warn!(%error, limit = ?current, "cannot raise the limit of open files");
    }
}
