//! A webhook's URL as it may be registered.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use thiserror::Error;
use url::{Host, Url};

use super::guard::{AddressKind, AddressRules, Forbidden};

/// The longest URL that is taken, in bytes.
const MAX_BYTES: usize = 2048;

/// A URL that a webhook may be sent to as far as its text tells: http or https, with a host, without
/// credentials, and not an address that is forbidden. Where a name leads is judged at each delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

/// Why a URL is not taken. The two kinds have error codes of their own.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Not a usable URL at all: `invalid_webhook_url`.
    #[error("invalid webhook URL: {reason}")]
    Invalid { reason: String },
    /// Well written, but leads where webhooks must not go: `webhook_target_forbidden`.
    #[error("the webhook target is forbidden: {0}")]
    Forbidden(#[from] ForbiddenHost),
}

/// A host that must not be connected to, with the name it goes by.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{host} leads to {kind}{}", kind.remedy())]
pub struct ForbiddenHost {
    pub host: String,
    pub kind: AddressKind,
}

impl WebhookUrl {
    /// Hosts that are addresses are judged as they are normalised: `2130706433`, `0x7f.1` and
    /// `0177.0.0.1` are all 127.0.0.1.
    pub fn parse(text: &str, rules: &AddressRules) -> Result<Self, UrlError> {
        if text.len() > MAX_BYTES {
            return Err(invalid(format!("it is longer than {MAX_BYTES} bytes")));
        }
        let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
        check_form(&url)?;
        judge_host(&url, rules)?;
        Ok(Self(url))
    }

    /// The normalised form: what is stored and delivered to.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn invalid(reason: impl Into<String>) -> UrlError {
    UrlError::Invalid { reason: reason.into() }
}

fn check_form(url: &Url) -> Result<(), UrlError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid(format!("the scheme is {:?}, use http or https", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it holds a user name or a password, leave them out"));
    }
    if url.port() == Some(0) {
        return Err(invalid("port 0 cannot be connected to"));
    }
    if url.as_str().len() > MAX_BYTES {
        return Err(invalid(format!("it is longer than {MAX_BYTES} bytes once encoded")));
    }
    // The HTTP client reads the URL again: what it would refuse is refused here.
    let Ok(_) = url.as_str().parse::<awc::http::Uri>() else {
        return Err(invalid("it holds characters that must be percent-encoded"));
    };
    Ok(())
}

fn judge_host(url: &Url, rules: &AddressRules) -> Result<(), UrlError> {
    let host = url.host_str().unwrap_or_default();
    let judged = match url.host() {
        Some(Host::Ipv4(address)) => rules.judge(host, IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => rules.judge(host, IpAddr::V6(address)),
        Some(Host::Domain(name)) if is_localhost(name) => rules.judge(name, IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Some(Host::Domain(_)) => Ok(()),
        None => return Err(invalid("it has no host")),
    };
    judged
        .map_err(|Forbidden { kind, .. }| UrlError::Forbidden(ForbiddenHost { host: host.to_owned(), kind }))
}

/// Names that are loopback by definition (RFC 6761), whatever a resolver says.
fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict() -> AddressRules {
        AddressRules::default()
    }

    fn forbidden(text: &str, rules: &AddressRules) -> bool {
        matches!(WebhookUrl::parse(text, rules), Err(UrlError::Forbidden(_)))
    }

    #[rustfmt::skip]
    const FORBIDDEN: &[&str] = &[
        "http://127.0.0.1/", "http://127.0.0.1:8080/hook", "https://127.1/", "http://127.0.1/", "http://0/",
        "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/", "http://017700000001/",
        "http://127.0.0.1./", "http://%31%32%37.0.0.1/", "http://①②⑦.0.0.1/", "http://127。0。0。1/",
        "http://[::1]/", "http://[0:0:0:0:0:0:0:1]:80/", "http://[::]/", "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
        "http://localhost/", "http://LOCALHOST:9/", "http://localhost./", "http://localhost../", "http://a.localhost/", "http://ⓛocalhost/",
        "http://10.0.0.1/", "http://0xa000001/", "http://192.168.1.1/", "http://172.16.0.1/", "http://100.64.0.1/",
        "http://[fc00::1]/", "http://[fd12::1]/", "http://[fe80::1]/", "http://169.254.1.1/",
        "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/",
        "http://[::ffff:169.254.169.254]/", "http://[fd00:ec2::254]/", "http://100.100.100.200/", "http://192.0.0.192/",
        "http://0.0.0.0/", "http://255.255.255.255/", "http://224.0.0.1/", "http://[ff02::1]/",
        "http://192.0.2.1/", "http://198.18.0.1/", "http:\\\\127.0.0.1\\", "http:127.0.0.1", " http://127.0.0.1/ ",
        "http://127.0\n.0.1/",
    ];

    #[test]
    fn every_way_to_write_a_forbidden_address_is_seen_through() {
        for text in FORBIDDEN {
            assert!(forbidden(text, &strict()), "{text}: {:?}", WebhookUrl::parse(text, &strict()));
        }
    }

    #[test]
    fn with_private_targets_allowed_loopback_passes_and_metadata_does_not() {
        let open = &AddressRules::new(true, &[]).unwrap();
        for text in ["http://127.0.0.1:1/", "http://localhost/", "http://[::1]/", "http://10.1.1.1/"] {
            assert!(WebhookUrl::parse(text, open).is_ok(), "{text}");
        }
        for text in ["http://169.254.169.254/", "http://[fe80::1]/", "http://[fd00:ec2::254]/", "http://0/"] {
            assert!(forbidden(text, open), "{text}");
        }
    }

    #[test]
    fn what_is_no_http_url_is_invalid_rather_than_forbidden() {
        let long = format!("https://example.com/{}", "a".repeat(MAX_BYTES));
        let texts = [
            "",
            "example.com",
            "/hook",
            "ftp://example.com/",
            "file:///etc/passwd",
            "http://",
            "http://:80/",
            "http://user@example.com/",
            "http://user:pw@example.com/",
            "http://:pw@127.0.0.1/",
            "http://example.com:0/",
            "http://example.com:99999/",
            "http://[::1/",
            "http://exa mple.com/",
            "javascript:alert(1)",
            &long,
        ];
        for text in texts {
            let error = WebhookUrl::parse(text, &strict()).unwrap_err();
            assert!(matches!(error, UrlError::Invalid { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_public_name_passes_and_is_normalised() {
        let url = WebhookUrl::parse("HTTPS://Bücher.Example:443/a b?x={|}", &strict()).unwrap();
        assert_eq!(url.as_str(), "https://xn--bcher-kva.example/a%20b?x={|}");
        for text in ["http://1.1.1.1/", "https://example.com:8443/h?x=1#f", "http://[2606:4700::1111]/"] {
            assert!(WebhookUrl::parse(text, &strict()).is_ok(), "{text}");
        }
    }

    #[test]
    fn the_message_names_host_reason_and_remedy() {
        let error = WebhookUrl::parse("http://0x7f.1/", &strict()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the webhook target is forbidden: 127.0.0.1 leads to a loopback address (allowed only with \
             webhooks.allow_private = true, or by webhooks.allow)"
        );
    }
}
