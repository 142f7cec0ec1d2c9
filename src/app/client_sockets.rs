//! What is set on every socket of a client.

use std::any::Any;
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tracing::warn;

/// Makes the kernel close connections whose client reads nothing of what it is sent for that long. The service itself
/// would not notice: it never waits for a client that does not read.
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

/// Raises the limit of open files, sockets among them, to the most that the system allows.
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
