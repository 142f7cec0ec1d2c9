//! Downloads a file over HTTP, continuing where an earlier try stopped.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use awc::error::{PayloadError, SendRequestError};
use awc::http::StatusCode;
use awc::http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_RANGE, RANGE};
use awc::{Client, ClientResponse, Connector};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::checksum::with_suffix;
use super::error::PullError;

/// How long a server may send nothing. There is no limit on the whole: models are large.
const STALL_LIMIT: Duration = Duration::from_secs(30);
const USER_AGENT: &str = concat!("verbatim/", env!("CARGO_PKG_VERSION"));

/// The meaning of a server's answer for the bytes that are here already.
enum Answer {
    /// The body starts at their end; bytes of the whole, if the server sent that.
    Rest(Option<u64>),
    /// The body is the whole file.
    Whole(Option<u64>),
    /// There is nothing left to send.
    Complete,
    /// They belong to nothing that the server has: ask again without them.
    Useless,
}

/// The bytes of an answer. The client's own type for it differs with its features.
trait Body: Stream<Item = Result<Bytes, PayloadError>> + Unpin {}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Body for S {}

/// One file on its way from `url` to an open `part`.
pub(super) struct Download<'a> {
    pub(super) url: &'a str,
    pub(super) path: &'a Path,
    pub(super) part: &'a mut File,
}

pub(super) fn client(tls: Arc<ClientConfig>) -> Client {
    let connector = Connector::new().timeout(STALL_LIMIT).handshake_timeout(STALL_LIMIT).rustls_0_23(tls);
    Client::builder()
        .connector(connector)
        .disable_timeout()
        .no_default_headers()
        .add_default_header(("user-agent", USER_AGENT))
        .finish()
}

impl Download<'_> {
    /// Fills the file up. When this fails what has come stays for the next try.
    ///
    /// # Blocking
    /// Writes to disk on the calling thread.
    pub(super) async fn run(
        &mut self,
        client: &Client,
        progress: &mut impl FnMut(u64, Option<u64>),
    ) -> Result<(), PullError> {
        let mut have = self.part.seek(SeekFrom::End(0)).map_err(PullError::at(self.path))?;
        loop {
            let mut response = self.ask(client, have).await?;
            let total = match self.understand(response.status(), response.headers(), have)? {
                Answer::Rest(total) => total,
                Answer::Whole(total) => {
                    have = self.start_over()?;
                    self.remember(response.headers())?;
                    total
                }
                Answer::Complete => return Ok(()),
                Answer::Useless => {
                    have = self.start_over()?;
                    continue;
                }
            };
            return self.receive(&mut response, have, total, progress).await;
        }
    }

    async fn ask(&self, client: &Client, have: u64) -> Result<ClientResponse<impl Body + use<>>, PullError> {
        let mut request = client.get(self.url).no_decompress();
        if have > 0 {
            request = request.insert_header((RANGE, format!("bytes={have}-")));
            if let Ok(validator) = fs::read_to_string(validator_path(self.path)) {
                request = request.insert_header((IF_RANGE, validator));
            }
        }
        let answer = timeout(STALL_LIMIT, request.send()).await.map_err(|_| self.stalled())?;
        answer.map_err(|error| self.unreachable(&error))
    }

    fn understand(&self, status: StatusCode, headers: &HeaderMap, have: u64) -> Result<Answer, PullError> {
        let url = || self.url.to_owned();
        match status {
            StatusCode::OK => Ok(Answer::Whole(number(headers, CONTENT_LENGTH))),
            StatusCode::PARTIAL_CONTENT => Ok(match content_range(headers) {
                Some((Some(start), total)) if have > 0 && start == have => Answer::Rest(total),
                _ if have > 0 => Answer::Useless,
                _ => return Err(PullError::Status { url: url(), status: status.as_u16() }),
            }),
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => Ok(match content_range(headers) {
                Some((None, Some(total))) if total == have => Answer::Complete,
                _ => Answer::Useless,
            }),
            StatusCode::NOT_FOUND => Err(PullError::NotFound { url: url() }),
            other => Err(PullError::Status { url: url(), status: other.as_u16() }),
        }
    }

    async fn receive(
        &mut self,
        body: &mut impl Body,
        have: u64,
        total: Option<u64>,
        progress: &mut impl FnMut(u64, Option<u64>),
    ) -> Result<(), PullError> {
        let mut done = have;
        progress(done, total);
        while let Some(next) = timeout(STALL_LIMIT, body.next()).await.map_err(|_| self.stalled())? {
            let bytes = next.map_err(|error| PullError::Interrupted { done, detail: error.to_string() })?;
            self.part.write_all(&bytes).map_err(PullError::at(self.path))?;
            done += bytes.len() as u64;
            progress(done, total);
        }
        match total {
            Some(total) if done < total => {
                Err(PullError::Interrupted { done, detail: format!("of {total} announced") })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn start_over(&mut self) -> Result<u64, PullError> {
        forget_validator(self.path);
        self.part.set_len(0).and_then(|()| self.part.rewind()).map_err(PullError::at(self.path))?;
        Ok(0)
    }

    /// Keeps the server's tag for this content, so that a later try continues only with the same.
    fn remember(&self, headers: &HeaderMap) -> Result<(), PullError> {
        let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
        // Weak tags must not be used in If-Range (RFC 9110, 13.1.5).
        let Some(tag) = tag.filter(|tag| tag.starts_with('"')) else { return Ok(()) };
        let path = validator_path(self.path);
        fs::write(&path, tag).map_err(PullError::at(&path))
    }

    fn stalled(&self) -> PullError {
        PullError::Stalled { url: self.url.to_owned(), secs: STALL_LIMIT.as_secs() }
    }

    fn unreachable(&self, error: &SendRequestError) -> PullError {
        PullError::Unreachable { url: self.url.to_owned(), detail: error.to_string() }
    }
}

/// Removes what is kept beside an unfinished file.
pub(super) fn forget_validator(part: &Path) {
    // Worth nothing without the file: the next download replaces it.
    let _: io::Result<()> = fs::remove_file(validator_path(part));
}

fn validator_path(part: &Path) -> PathBuf {
    with_suffix(part, ".etag")
}

fn number(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// First byte, if there is a range, and length of the whole, if it is known.
fn content_range(headers: &HeaderMap) -> Option<(Option<u64>, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-').and_then(|(start, _)| start.parse().ok());
    Some((start, total.parse().ok()))
}

#[cfg(test)]
mod tests {
    use awc::http::header::HeaderValue;

    use super::*;

    #[test]
    fn ranges_are_read_in_all_their_forms() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, HeaderValue::from_static(text));
            content_range(&headers)
        };
        assert_eq!(read("bytes 5-9/10"), Some((Some(5), Some(10))));
        assert_eq!(read("bytes 5-9/*"), Some((Some(5), None)));
        assert_eq!(read("bytes */10"), Some((None, Some(10))));
        assert_eq!(read("lines 1-2/3"), None);
    }
}
