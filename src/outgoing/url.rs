//! URLs that clients name, as they may be called.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use thiserror::Error;
use url::{Host, Url};

use super::guard::{AddressKind, AddressRules, Forbidden};

/// The longest URL that is taken, in bytes.
const MAX_BYTES: usize = 2048;

/// In the place of what is not shown.
const HIDDEN: &str = "redacted";

/// A URL that may be called as far as its text shows: http or https, with a host, without credentials, and not an
/// address that is forbidden. What a name resolves to is checked at each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetUrl(Url);

/// Why a URL is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Not a usable URL at all.
    #[error("invalid URL: {reason}")]
    Invalid { reason: String },
    /// Well formed, but its host is forbidden.
    #[error("the target is forbidden: {0}")]
    Forbidden(#[from] ForbiddenHost),
}

/// A host that must not be connected to, with the name it goes by.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{host} leads to {kind}{}", kind.remedy())]
pub struct ForbiddenHost {
    pub host: String,
    pub kind: AddressKind,
}

impl TargetUrl {
    /// Hosts that are addresses are judged as they are normalised: `2130706433`, `0x7f.1` and
    /// `0177.0.0.1` are all 127.0.0.1.
    pub fn parse(text: &str, rules: &AddressRules) -> Result<Self, UrlError> {
        if text.len() > MAX_BYTES {
            return Err(invalid(format!("it is longer than {MAX_BYTES} bytes")));
        }
        let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
        Self::judged(url, rules)
    }

    /// Where a redirect from here leads to.
    pub fn join(&self, reference: &str, rules: &AddressRules) -> Result<Self, UrlError> {
        let url = self.0.join(reference).map_err(|error| invalid(error.to_string()))?;
        Self::judged(url, rules)
    }

    fn judged(url: Url, rules: &AddressRules) -> Result<Self, UrlError> {
        check_form(&url)?;
        judge_host(&url, rules)?;
        Ok(Self(url))
    }

    /// The file name at the end of its path.
    pub fn file_name(&self) -> Option<String> {
        let last = self.0.path_segments()?.next_back()?;
        let name: String = percent_decoded(last).chars().filter(|c| !c.is_control()).take(255).collect();
        (!name.is_empty()).then_some(name)
    }

    /// A URL as it is shown to others than who named it: without credentials, and the query and the fragment hidden.
    pub fn redacted(text: &str) -> String {
        let Ok(mut url) = Url::parse(text) else { return HIDDEN.to_owned() };
        if url.password().is_some() || !url.username().is_empty() {
            // Only of URLs that have no host, which have no credentials either.
            let _ = url.set_password(None);
            let _ = url.set_username(HIDDEN);
        }
        if url.query().is_some() {
            url.set_query(Some(HIDDEN));
        }
        url.set_fragment(None);
        url.into()
    }

    /// The normalised form: what is stored and delivered to.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for TargetUrl {
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

/// Bytes that are not UTF-8 once decoded are shown as such.
fn percent_decoded(text: &str) -> String {
    // A plus is a space in queries only.
    let query = format!("a={}", text.replace('+', "%2B").replace('&', "%26"));
    let decoded = url::form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned());
    decoded.unwrap_or_default()
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
        matches!(TargetUrl::parse(text, rules), Err(UrlError::Forbidden(_)))
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
        "http://127.0\n.0.1/", "http://127.0.0.1#@8.8.8.8/", "http://127.0.0.1?@8.8.8.8/", "http:////127.0.0.1/",
        "http://[::ffff:0a00:0001]/", "http://[64:ff9b::a9fe:a9fe]/", "http://[fd00:42::42]/", "http://168.63.129.16/",
    ];

    #[test]
    fn every_way_to_write_a_forbidden_address_is_seen_through() {
        for text in FORBIDDEN {
            assert!(forbidden(text, &strict()), "{text}: {:?}", TargetUrl::parse(text, &strict()));
        }
    }

    #[test]
    fn allow_private_admits_loopback_and_not_metadata() {
        let open = &AddressRules::new(true, &[]).unwrap();
        for text in ["http://127.0.0.1:1/", "http://localhost/", "http://[::1]/", "http://10.1.1.1/"] {
            assert!(TargetUrl::parse(text, open).is_ok(), "{text}");
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
            let error = TargetUrl::parse(text, &strict()).unwrap_err();
            assert!(matches!(error, UrlError::Invalid { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_public_name_passes_and_is_normalised() {
        let url = TargetUrl::parse("HTTPS://Bücher.Example:443/a b?x={|}", &strict()).unwrap();
        assert_eq!(url.as_str(), "https://xn--bcher-kva.example/a%20b?x={|}");
        for text in ["http://1.1.1.1/", "https://example.com:8443/h?x=1#f", "http://[2606:4700::1111]/"] {
            assert!(TargetUrl::parse(text, &strict()).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_redirect_is_judged_as_the_first_url_was() {
        let url = TargetUrl::parse("https://example.com/a/b.mp3?x=1", &strict()).unwrap();
        assert_eq!(url.join("../c d.mp3", &strict()).unwrap().as_str(), "https://example.com/c%20d.mp3");
        assert_eq!(url.join("//other.example/", &strict()).unwrap().as_str(), "https://other.example/");
        for inside in ["http://127.0.0.1/", "//169.254.169.254/latest", "http://[::1]:80/"] {
            assert!(matches!(url.join(inside, &strict()), Err(UrlError::Forbidden(_))), "{inside}");
        }
        for odd in ["file:///etc/passwd", "ftp://example.com/", "https://user:pw@example.com/"] {
            assert!(matches!(url.join(odd, &strict()), Err(UrlError::Invalid { .. })), "{odd}");
        }
    }

    #[test]
    fn others_do_not_see_what_may_be_a_secret_in_a_url() {
        for (url, seen) in [
            ("https://a.example/hook", "https://a.example/hook"),
            ("https://a.example:8443/hook?token=s3cret&x", "https://a.example:8443/hook?redacted"),
            ("https://ada:s3cret@a.example/#s3cret", "https://redacted@a.example/"),
            ("https://s3cret@a.example/?", "https://redacted@a.example/?redacted"),
            ("s3cret", "redacted"),
        ] {
            assert_eq!(TargetUrl::redacted(url), seen, "{url}");
        }
    }

    #[test]
    fn a_file_is_called_by_the_end_of_its_path() {
        let name = |text: &str| TargetUrl::parse(text, &strict()).unwrap().file_name();
        assert_eq!(name("https://example.com/a/talk%20%26+1.mp3?token=x#t").as_deref(), Some("talk &+1.mp3"));
        assert_eq!(name("https://example.com/"), None);
        assert_eq!(name("https://example.com/%00%0a"), None);
    }

    #[test]
    fn the_message_names_host_reason_and_remedy() {
        let error = TargetUrl::parse("http://0x7f.1/", &strict()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the target is forbidden: 127.0.0.1 leads to a loopback address (allowed only with \
             webhooks.allow_private = true, or by webhooks.allow)"
        );
    }
}
