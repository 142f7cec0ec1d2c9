//! Brings a file here over HTTP, continuing where an earlier try stopped.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ureq::http::StatusCode;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE};
use url::Url;

use super::checksum::{Expected, with_suffix};
use super::client::{Answer, Client, STALL_LIMIT, text};
use super::error::PullError;
use super::meter::Meter;
use super::room::check_room;

/// What a server's answer means for the bytes that are here already.
enum Body {
    /// The body starts at their end; bytes of the whole, if the server sent that.
    Rest(Option<u64>),
    /// It is the whole file.
    Whole(Option<u64>),
    /// There is nothing left to send.
    Complete,
    /// They belong to nothing that the server has: ask again without them.
    Useless,
}

/// One file on its way from `url` to an open `part`.
pub(super) struct Download<'a> {
    pub(super) url: &'a Url,
    pub(super) path: &'a Path,
    pub(super) part: &'a mut File,
}

impl Download<'_> {
    /// Fills the file up, and returns what the server says of its checksum. When this fails what has come stays for the
    /// next try.
    ///
    /// # Blocking
    /// For as long as the download takes.
    pub(super) fn run(
        &mut self,
        client: &Client,
        meter: &mut Meter<'_>,
    ) -> Result<Option<Expected>, PullError> {
        let mut have = self.part.seek(SeekFrom::End(0)).map_err(PullError::at(self.path))?;
        loop {
            meter.check()?;
            let Answer { response, checksum } = self.ask(client, have)?;
            let total = match self.understand(response.status(), response.headers(), have)? {
                Body::Rest(total) => total,
                Body::Whole(total) => {
                    have = self.start_over()?;
                    self.remember(response.headers())?;
                    total
                }
                Body::Complete => return Ok(checksum),
                Body::Useless => {
                    have = self.start_over()?;
                    continue;
                }
            };
            let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
            self.receive(&mut body, have, total, meter)?;
            return Ok(checksum);
        }
    }

    fn ask(&self, client: &Client, have: u64) -> Result<Answer, PullError> {
        let mut headers = Vec::new();
        if have > 0 {
            headers.push((RANGE, format!("bytes={have}-")));
            headers.extend(fs::read_to_string(validator_path(self.path)).ok().map(|tag| (IF_RANGE, tag)));
        }
        client.get(self.url, &headers)
    }

    fn understand(&self, status: StatusCode, headers: &HeaderMap, have: u64) -> Result<Body, PullError> {
        let url = || self.url.to_string();
        match status {
            StatusCode::OK => {
                Ok(Body::Whole(text(headers, &CONTENT_LENGTH).and_then(|length| length.parse().ok())))
            }
            StatusCode::PARTIAL_CONTENT => Ok(match content_range(headers) {
                Some((Some(start), total)) if have > 0 && start == have => Body::Rest(total),
                _ if have > 0 => Body::Useless,
                _ => return Err(PullError::Status { url: url(), status: status.as_u16() }),
            }),
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => Ok(match content_range(headers) {
                Some((None, Some(total))) if total == have => Body::Complete,
                _ => Body::Useless,
            }),
            StatusCode::NOT_FOUND => Err(PullError::NotFound { url: url() }),
            other => Err(PullError::Status { url: url(), status: other.as_u16() }),
        }
    }

    fn receive(
        &mut self,
        body: &mut impl Read,
        have: u64,
        total: Option<u64>,
        meter: &mut Meter<'_>,
    ) -> Result<(), PullError> {
        if let Some(total) = total {
            check_room(self.path.parent().unwrap_or(Path::new(".")), total.saturating_sub(have))?;
        }
        let mut done = have;
        let mut buffer = vec![0; 64 << 10];
        meter.pulling(done, total);
        loop {
            meter.check()?;
            let read = body.read(&mut buffer).map_err(|error| self.broken(done, &error))?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            self.part.write_all(bytes).map_err(PullError::at(self.path))?;
            done += bytes.len() as u64;
            meter.pulling(done, total);
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
        // Weak tags must not be used in If-Range (RFC 9110, 13.1.5).
        let Some(tag) = text(headers, &ETAG).filter(|tag| tag.starts_with('"')) else { return Ok(()) };
        let path = validator_path(self.path);
        fs::write(&path, tag).map_err(PullError::at(&path))
    }

    fn broken(&self, done: u64, error: &io::Error) -> PullError {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        if error.kind() == io::ErrorKind::TimedOut || matches!(cause, Some(ureq::Error::Timeout(_))) {
            return PullError::Stalled { url: self.url.to_string(), secs: STALL_LIMIT.as_secs() };
        }
        PullError::Interrupted { done, detail: error.to_string() }
    }
}

/// Removes what is kept beside an unfinished file.
pub(super) fn forget_validator(part: &Path) {
    // Worth nothing without the file: one that stays is replaced by the next download.
    let _: io::Result<()> = fs::remove_file(validator_path(part));
}

fn validator_path(part: &Path) -> PathBuf {
    with_suffix(part, ".etag")
}

/// First byte, if there is a range, and length of the whole, if it is known.
fn content_range(headers: &HeaderMap) -> Option<(Option<u64>, Option<u64>)> {
    let (range, total) = text(headers, &CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-').and_then(|(start, _)| start.parse().ok());
    Some((start, total.parse().ok()))
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

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
