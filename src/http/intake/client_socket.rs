//! Whether the client of a request is still there. The server itself finds out only when it answers.

use std::any::Any;
use std::future::pending;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;

/// A second handle on a connection's socket.
struct ClientSocket(Mutex<Option<OwnedFd>>);

impl ClientSocket {
    fn lock(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a handle with a new connection.
pub fn keep_socket(connection: &dyn Any, data: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    if let Ok(socket) = stream.as_fd().try_clone_to_owned() {
        data.insert(ClientSocket(Mutex::new(Some(socket))));
    }
}

/// Closes the second handle: an event stream writes to its client and needs none, and there may be thousands.
pub(in crate::http) fn forget_socket(request: &HttpRequest) {
    if let Some(socket) = request.conn_data::<ClientSocket>() {
        socket.lock().take();
    }
}

/// Returns when the client has closed its side of the connection, or the connection broke; never, where that cannot
/// be detected.
pub(in crate::http) async fn disconnected(request: &HttpRequest) {
    let socket =
        request.conn_data::<ClientSocket>().and_then(|socket| socket.lock().as_ref()?.try_clone().ok());
    let Some(Ok(socket)) = socket.map(|socket| TcpStream::from_std(socket.into())) else {
        return pending().await;
    };
    match socket.peek(&mut [0]).await {
        Ok(0) | Err(_) => {}
        // It sends its next request already.
        Ok(_) => pending().await,
    }
}
