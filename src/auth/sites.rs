//! Which names the service answers to, and which web pages may call it, where it asks for no key.
//!
//! A browser sends the requests of any page. A page whose name is made to lead to this machine (DNS rebinding) sends
//! that name as `Host`. A page of another site shows in `Origin` and `Sec-Fetch-Site`. A key protects from both: pages
//! do not have it.

use std::net::IpAddr;

/// Stands for every host, or every origin.
pub const ANY: &str = "*";
/// Names below these lead nowhere in the public DNS, so no page of another site has one.
const PRIVATE_DOMAINS: [&str; 5] = [".localhost", ".local", ".internal", ".home.arpa", ".lan"];

/// The names and pages that the settings allow.
#[derive(Debug, Clone, Default)]
pub struct Sites {
    /// Host names without a port, beside addresses, names without a dot and private domains; `*`: any.
    pub hosts: Vec<String>,
    /// Origins of pages such as `https://app.example`; `*`: any.
    pub origins: Vec<String>,
}

/// The headers of a request about its origin.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent<'a> {
    pub host: &'a str,
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
    /// Whether its method changes anything.
    pub changes: bool,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreign {
    Host(String),
    Origin(String),
}

impl Sites {
    /// # Errors
    /// The host is not one of the service's, or the page is of another site.
    pub fn check(&self, sent: &Sent<'_>) -> Result<(), Foreign> {
        if !self.allows_host(sent.host) {
            return Err(Foreign::Host(name_of(sent.host).to_owned()));
        }
        let is_foreign = match (sent.origin, sent.fetch_site) {
            (Some(origin), _) => !self.allows_origin(origin) && !is_same(origin, sent.host),
            // A link on another site's page may lead here, but changes nothing.
            (None, Some(site)) => sent.changes && !matches!(site, "same-origin" | "none"),
            (None, None) => false,
        };
        if is_foreign { Err(Foreign::Origin(sent.origin.unwrap_or("unknown").to_owned())) } else { Ok(()) }
    }

    fn allows_host(&self, host: &str) -> bool {
        let name = name_of(host).trim_end_matches('.').to_ascii_lowercase();
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        is_address
            || !name.contains('.')
            || PRIVATE_DOMAINS.iter().any(|domain| name.ends_with(domain))
            || self.hosts.iter().any(|known| known == ANY || known.eq_ignore_ascii_case(&name))
    }

    fn allows_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|known| known == ANY || known.eq_ignore_ascii_case(origin))
    }
}

/// The host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// Whether a page of that origin was served by `host`.
fn is_same(origin: &str, host: &str) -> bool {
    let served_by = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    served_by.is_some_and(|served_by| served_by.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sent: Sent<'_>) -> Result<(), Foreign> {
        let sites =
            Sites { hosts: vec!["asr.example.com".into()], origins: vec!["https://app.example.com".into()] };
        sites.check(&sent)
    }

    #[test]
    fn names_of_the_public_dns_have_to_be_allowed() {
        let check = |host| check(Sent { host, ..Sent::default() });
        for host in [
            "localhost",
            "localhost:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "192.168.1.4",
            "verbatim:8080",
            "nas.local",
            "asr.example.com",
            "ASR.example.com.:443",
        ] {
            assert_eq!(check(host), Ok(()), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example"] {
            assert_eq!(check(host), Err(Foreign::Host(host.into())));
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let sent = |changes| Sent { host: "127.0.0.1:8080", changes, ..Sent::default() };
        let from = |changes, origin| check(Sent { origin: Some(origin), ..sent(changes) });
        let fetched = |changes, site| check(Sent { fetch_site: Some(site), ..sent(changes) });
        assert_eq!(from(true, "http://127.0.0.1:8080"), Ok(()));
        assert_eq!(from(true, "https://app.example.com"), Ok(()));
        assert_eq!(fetched(true, "same-origin"), Ok(()));
        assert_eq!(fetched(false, "cross-site"), Ok(()), "a link on another page");
        for origin in ["http://evil.example", "null", "http://127.0.0.1:9090"] {
            assert_eq!(from(true, origin), Err(Foreign::Origin(origin.into())));
            assert_eq!(from(false, origin), Err(Foreign::Origin(origin.into())));
        }
        assert!(fetched(true, "cross-site").is_err() && fetched(true, "same-site").is_err());
    }
}
