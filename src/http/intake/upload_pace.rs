//! Uploads that come too slowly to be meant.

use std::io;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::rt::time::{Instant, timeout};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use thiserror::Error;

/// A client has this long for each portion of its upload.
const WINDOW: Duration = Duration::from_secs(30);

/// Why an upload was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the upload came more slowly than {bytes_per_sec} bytes in a second, for 30 s")]
pub(super) struct TooSlow {
    pub bytes_per_sec: u64,
}

/// Time spent waiting for the client, and what it brought. Time that the service takes itself does not count.
struct Window {
    waited: Duration,
    bytes: u64,
}

impl Window {
    const NEW: Self = Self { waited: Duration::ZERO, bytes: 0 };

    /// Whether the client may continue, and the next window.
    fn after(self, waited: Duration, bytes: u64, at_least: u64) -> Result<Self, TooSlow> {
        let window = Self { waited: self.waited + waited, bytes: self.bytes.saturating_add(bytes) };
        match window {
            _ if window.waited < WINDOW => Ok(window),
            _ if window.bytes >= at_least.saturating_mul(WINDOW.as_secs()) => Ok(Self::NEW),
            _ => Err(TooSlow { bytes_per_sec: at_least }),
        }
    }

    fn left(&self) -> Duration {
        WINDOW.saturating_sub(self.waited)
    }
}

/// The same body; it fails with [`TooSlow`] inside once its sender brings less than `at_least` bytes in a second.
pub(super) fn paced<S>(body: S, at_least: u64) -> impl Stream<Item = Result<Bytes, PayloadError>>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let reads = stream::unfold(Some((body, Window::NEW)), move |reading| async move {
        let (mut body, mut window) = reading?;
        loop {
            let asked = Instant::now();
            let came = timeout(window.left(), body.next()).await;
            let bytes = match &came {
                Ok(Some(Ok(bytes))) => bytes.len() as u64,
                Ok(Some(Err(_)) | None) | Err(_) => 0,
            };
            match (window.after(asked.elapsed(), bytes, at_least), came) {
                (_, Ok(None)) => return None,
                (Err(slow), _) => return Some((Err(PayloadError::Io(io::Error::other(slow))), None)),
                (Ok(next), Ok(Some(item))) => return Some((item, Some((body, next)))),
                (Ok(next), Err(_)) => window = next,
            }
        }
    });
    // The parser of forms asks once more after the end.
    reads.fuse()
}

/// What stopped an upload, if it was its slowness.
pub(super) fn too_slow(error: &PayloadError) -> Option<TooSlow> {
    match error {
        PayloadError::Io(error) => error.get_ref()?.downcast_ref::<TooSlow>().copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_window_is_judged_when_it_is_over() {
        let slow = Window::NEW.after(29 * SECOND, 0, 10).unwrap();
        assert!(slow.after(SECOND, 299, 10).is_err());
        let slow = Window::NEW.after(29 * SECOND, 0, 10).unwrap();
        let next = slow.after(SECOND, 300, 10).unwrap();
        assert_eq!((next.waited, next.bytes), (Duration::ZERO, 0), "what was brought is not saved up");
    }

    #[test]
    fn without_a_minimum_rate_no_upload_is_too_slow() {
        assert!(Window::NEW.after(60 * SECOND, 0, 0).is_ok());
    }

    #[actix_web::test]
    async fn a_body_passes_as_it_is_and_its_end_too() {
        let parts = ["one", "two"].map(|part| Ok(Bytes::from_static(part.as_bytes())));
        let body: Vec<_> = paced(stream::iter(parts), 1_000).map(Result::unwrap).collect().await;
        assert_eq!(body, ["one", "two"]);
    }

    #[actix_web::test]
    async fn a_sender_that_stops_is_given_up() {
        tokio::time::pause();
        let first = stream::iter([Ok(Bytes::from_static(b"RIFF"))]);
        let mut body = std::pin::pin!(paced(first.chain(stream::pending()), 1));
        assert!(body.next().await.unwrap().is_ok());
        let error = body.next().await.unwrap().unwrap_err();
        assert_eq!(too_slow(&error), Some(TooSlow { bytes_per_sec: 1 }));
        assert!(body.next().await.is_none());
    }
}
