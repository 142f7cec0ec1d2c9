//! Recordings on other servers.

use std::io;
use std::sync::Arc;

use actors::ports::{Download, SourceError, Sources};
use async_trait::async_trait;
use awc::http::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, LOCATION, TRANSFER_ENCODING,
};
use awc::http::{StatusCode, Version};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use rustls::ClientConfig;

use super::client::{client, forbidden};
use super::guard::AddressRules;
use super::tls;
use super::url::{TargetUrl, UrlError};
use super::watched::Closed;

/// Redirects that are followed: downloads of podcasts go through that many counters.
const MAX_REDIRECTS: usize = 5;

/// Fetches over HTTP, each with a connection of its own. Where a redirect leads is judged as the first URL was.
#[derive(Clone)]
pub struct HttpSources {
    rules: AddressRules,
    tls: Arc<ClientConfig>,
}

impl HttpSources {
    /// # Blocking
    /// Reads the system's certificates.
    pub fn new(rules: AddressRules) -> Self {
        Self { rules, tls: tls::client_config() }
    }
}

#[async_trait(?Send)]
impl Sources for HttpSources {
    async fn open(&self, url: &str) -> Result<Download, SourceError> {
        let closed = Closed::default();
        let client = client(self.rules.clone(), self.tls.clone(), closed.clone());
        let mut target = TargetUrl::parse(url, &self.rules).map_err(refusal)?;
        let name = target.file_name();
        for _ in 0..=MAX_REDIRECTS {
            // What is compressed on the way may be small and become large.
            let request = client.get(target.as_str()).no_decompress().force_close();
            let request = request.insert_header((ACCEPT_ENCODING, "identity"));
            closed.forget();
            let answer = request.send().await.map_err(|error| match forbidden(&error) {
                Some(host) => SourceError::Forbidden(host.to_string()),
                None => SourceError::Unreachable(error.to_string()),
            })?;
            if let Some(next) = redirect(answer.status(), answer.headers()) {
                target = target.join(next, &self.rules).map_err(refusal)?;
                continue;
            }
            if !answer.status().is_success() {
                return Err(SourceError::Answered { status: answer.status().as_u16() });
            }
            if answer.version() == Version::HTTP_11 && !has_end(answer.headers()) {
                return Err(SourceError::NoEnd);
            }
            let bytes = header(answer.headers(), &CONTENT_LENGTH).and_then(|length| length.parse().ok());
            let ends = has_end(answer.headers());
            let body = answer.map_err(io::Error::other).chain(stream::once(async move {
                match ends && closed.get() {
                    true => Err(io::ErrorKind::UnexpectedEof.into()),
                    false => Ok(Bytes::new()),
                }
            }));
            return Ok(Download { name, bytes, body: body.boxed_local() });
        }
        Err(SourceError::TooManyRedirects)
    }
}

fn redirect(status: StatusCode, headers: &HeaderMap) -> Option<&str> {
    match status.as_u16() {
        301 | 302 | 303 | 307 | 308 => header(headers, &LOCATION),
        _ => None,
    }
}

/// Without either, the client takes the body for an empty one.
fn has_end(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING)
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn refusal(error: UrlError) -> SourceError {
    match error {
        UrlError::Invalid { reason } => SourceError::Invalid(reason),
        UrlError::Forbidden(host) => SourceError::Forbidden(host.to_string()),
    }
}
