//! Recordings on other servers.

use std::sync::Arc;

use actix_http::header::LOCATION;
use actors::ports::{Download, SourceError, Sources};
use async_trait::async_trait;
use rustls::ClientConfig;

use super::exchange::{Answer, get};
use super::guard::AddressRules;
use super::tls;
use super::url::{TargetUrl, UrlError};

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
        let mut target = TargetUrl::parse(url, &self.rules).map_err(refusal)?;
        let name = target.file_name();
        for _ in 0..=MAX_REDIRECTS {
            let answer = get(&target, &self.rules, &self.tls).await?;
            match (redirect(&answer), answer.status()) {
                (Some(next), _) => target = target.join(next, &self.rules).map_err(refusal)?,
                (None, 200..=299) => {
                    return Ok(Download { name, bytes: answer.length(), body: answer.into_body()? });
                }
                (None, status) => return Err(SourceError::Answered { status }),
            }
        }
        Err(SourceError::TooManyRedirects)
    }
}

fn redirect(answer: &Answer) -> Option<&str> {
    match answer.status() {
        301 | 302 | 303 | 307 | 308 => answer.header(&LOCATION),
        _ => None,
    }
}

fn refusal(error: UrlError) -> SourceError {
    match error {
        UrlError::Invalid { reason } => SourceError::Invalid(reason),
        UrlError::Forbidden(host) => SourceError::Forbidden(host.to_string()),
    }
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;
