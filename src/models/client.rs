//! The HTTP client of downloads.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use ureq::http::Response;
use ureq::http::header::{ETAG, HeaderMap, HeaderName, LOCATION};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Error};
use url::{Host, Url};

use super::checksum::Expected;
use super::error::PullError;
use super::proxy::proxy_for;

/// How long a server may send nothing. There is no limit on the whole: models are large.
pub(super) const STALL_LIMIT: Duration = Duration::from_secs(30);
const USER_AGENT: &str = concat!("verbatim/", env!("CARGO_PKG_VERSION"));
const MAX_REDIRECTS: usize = 10;
/// The checksum of a file that the hub keeps apart from the repository. Its redirect to that file has it.
const LINKED_ETAG: HeaderName = HeaderName::from_static("x-linked-etag");

/// Trusts the given certificates, or the bundled public authorities where there are none; goes through the proxies that
/// the environment names.
pub(super) struct Client(Agent);

/// An answer that does not redirect.
pub(super) struct Answer {
    pub(super) response: Response<Body>,
    /// What the server that was asked says of the file; not what one says that it redirects to.
    pub(super) checksum: Option<Expected>,
}

impl Client {
    pub(super) fn new(roots: &[CertificateDer<'_>]) -> Self {
        let roots: Vec<_> = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
        let roots = if roots.is_empty() { RootCerts::WebPki } else { RootCerts::new_with_certs(&roots) };
        let config = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            // They are followed here: what they say of the file counts.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(USER_AGENT)
            .timeout_resolve(Some(STALL_LIMIT))
            .timeout_connect(Some(STALL_LIMIT))
            .timeout_per_read(Some(STALL_LIMIT))
            .timeout_per_write(Some(STALL_LIMIT))
            .build();
        Self(config.into())
    }

    /// # Blocking
    /// Until the head of the answer is here.
    pub(super) fn get(&self, url: &Url, headers: &[(HeaderName, String)]) -> Result<Answer, PullError> {
        let mut at = url.clone();
        let mut checksum = None;
        for _ in 0..=MAX_REDIRECTS {
            let proxy = proxy_for(&at, &|name| std::env::var(name).ok())?;
            let request = self.0.get(at.as_str()).config().proxy(proxy).build();
            let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            let response = request.call().map_err(|error| failed(url, &error))?;
            let is_asked = at.origin() == url.origin();
            let of_tag = |name: HeaderName| text(response.headers(), &name).and_then(Expected::of_tag);
            checksum = checksum.or_else(|| of_tag(LINKED_ETAG).filter(|_| is_asked));
            let Some(next) =
                text(response.headers(), &LOCATION).filter(|_| response.status().is_redirection())
            else {
                let checksum = checksum.or_else(|| of_tag(ETAG).filter(|_| is_asked));
                return Ok(Answer { response, checksum });
            };
            let bad = || PullError::BadRedirect { url: url.to_string() };
            at = at.join(next).ok().filter(|next| may_follow(url, next)).ok_or_else(bad)?;
        }
        Err(PullError::BadRedirect { url: url.to_string() })
    }
}

/// Whether what comes from there comes unchanged.
pub(super) fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        },
        _ => false,
    }
}

/// A mirror that the settings name without https may redirect as it likes.
fn may_follow(from: &Url, to: &Url) -> bool {
    is_safe(to) || to.scheme() == "http" && !is_safe(from)
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn failed(url: &Url, error: &Error) -> PullError {
    let url = url.to_string();
    match error {
        Error::Timeout(_) => PullError::Stalled { url, secs: STALL_LIMIT.as_secs() },
        error => PullError::Unreachable { url, detail: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_safe_on_this_machine_alone() {
        let safe = |url: &str| is_safe(&url.parse().unwrap());
        for url in ["https://hub.example/x", "http://127.0.0.1:1/x", "http://[::1]/x", "http://localhost/x"] {
            assert!(safe(url), "{url}");
        }
        for url in
            ["http://hub.example/x", "http://10.0.0.1/x", "http://localhost.example/x", "ftp://localhost/x"]
        {
            assert!(!safe(url), "{url}");
        }
        let may = |from: &str, to: &str| may_follow(&from.parse().unwrap(), &to.parse().unwrap());
        assert!(may("https://a/", "https://b/") && may("http://mirror/", "http://b/"));
        assert!(!may("https://a/", "http://b/") && !may("https://a/", "file:///etc/passwd"));
    }
}
