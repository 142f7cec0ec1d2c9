//! Connections that tell whether the other side closed them.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_rt::net::{ActixStream, Ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Whether the other side of a connection has closed it. The HTTP client does not tell a body that was cut short from
/// one that is over: it reads up to the end of the connection only where the body's own end did not come.
#[derive(Debug, Clone, Default)]
pub struct Closed(Rc<Cell<bool>>);

impl Closed {
    pub fn get(&self) -> bool {
        self.0.get()
    }

    /// For the next connection.
    pub fn forget(&self) {
        self.0.set(false);
    }
}

#[derive(Debug)]
pub(super) struct Watched {
    stream: TcpStream,
    closed: Closed,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, closed: Closed) -> Self {
        Self { stream, closed }
    }

    #[cfg(test)]
    pub(super) fn peer_addr(&self) -> io::Result<std::net::SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let room = buffer.remaining() > 0;
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if room && matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() == before {
            self.closed.0.set(true);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl ActixStream for Watched {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.stream, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.stream, cx)
    }
}
