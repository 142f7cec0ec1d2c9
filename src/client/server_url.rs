//! The address of a service.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use url::Url;

/// Where a service is: scheme, host and port, and a path in front of its routes if a proxy adds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a host and a port, or a URL that begins with http:// or https://, such as 192.168.1.5:8080")]
pub(crate) struct BadServerUrl;

impl FromStr for ServerUrl {
    type Err = BadServerUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = !text.contains("://");
        let whole = if bare { format!("http://{text}") } else { text.to_owned() };
        let mut url = Url::parse(&whole).map_err(|_| BadServerUrl)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(BadServerUrl);
        }
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_url_keeps_its_path_without_query_and_fragment() {
        let url = |text: &str| text.parse::<ServerUrl>().map(|url| url.to_string());
        assert_eq!(url("http://h:8080").unwrap(), "http://h:8080");
        assert_eq!(url("https://h/speech/?x=1#y").unwrap(), "https://h/speech");
        assert_eq!(url("http://[::1]:80/").unwrap(), "http://[::1]");
        assert_eq!(url("localhost:8080").unwrap(), "http://localhost:8080");
        assert_eq!(url("speech.lan").unwrap(), "http://speech.lan");
        assert_eq!(url("[::1]:8080").unwrap(), "http://[::1]:8080");
        for bad in ["ftp://h", "", "http://", "a b:80", "h:port"] {
            assert_eq!(url(bad), Err(BadServerUrl), "{bad}");
        }
    }
}
