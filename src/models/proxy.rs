//! The proxies that the environment names.

use ureq::{Proxy, ProxyProtocol};
use url::Url;

use super::error::PullError;

/// What a variable of the environment says.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The proxy for requests to `url`: that of `HTTPS_PROXY` or `HTTP_PROXY` by its scheme, else that of `ALL_PROXY`, in
/// capital or small letters. `None` without a proxy, or where `NO_PROXY` names the host or a domain above it.
pub(super) fn proxy_for(url: &Url, environment: Environment<'_>) -> Result<Option<Proxy>, PullError> {
    let variables = match url.scheme() {
        "https" => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        _ => ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    };
    let set =
        |name: &'static str| environment(name).filter(|value| !value.is_empty()).map(|value| (name, value));
    let Some((variable, proxy)) = variables.into_iter().find_map(set) else { return Ok(None) };
    let exceptions = ["NO_PROXY", "no_proxy"].into_iter().find_map(environment).unwrap_or_default();
    let is_excepted = exceptions.split(',').any(|entry| names(entry, url));
    if is_excepted {
        return Ok(None);
    }
    let used = Proxy::new(&proxy)
        .ok()
        .filter(|proxy| matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https));
    match used {
        Some(proxy) => Ok(Some(proxy)),
        // It may have a password.
        None => Err(PullError::BadProxy { proxy: without_credentials(&proxy), variable }),
    }
}

/// Whether an entry of `NO_PROXY` stands for the host of `url`: `*` for all, a name for itself and what is below it.
fn names(entry: &str, url: &Url) -> bool {
    let entry = entry.trim().to_ascii_lowercase();
    if entry == "*" {
        return true;
    }
    let name = entry.trim_start_matches('*').trim_start_matches('.');
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_below = || host.strip_suffix(name).is_some_and(|above| above.ends_with('.'));
    !name.is_empty() && (host == name || is_below())
}

fn without_credentials(proxy: &str) -> String {
    let (scheme, rest) = proxy.split_once("://").map_or(("", proxy), |(scheme, rest)| (scheme, rest));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn proxy(url: &str, variables: &[(&str, &str)]) -> Result<Option<(String, u16)>, String> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        let environment = |name: &str| variables.get(name).map(|value| value.to_string());
        let proxy = proxy_for(&url.parse().unwrap(), &environment).map_err(|error| error.to_string())?;
        Ok(proxy.map(|proxy| (proxy.host().to_owned(), proxy.port())))
    }

    #[test]
    fn the_proxy_is_that_of_the_scheme() {
        let both = [("HTTPS_PROXY", "http://secure:3128"), ("http_proxy", "plain:8080")];
        assert_eq!(proxy("https://hub.example/x", &both), Ok(Some(("secure".into(), 3128))));
        assert_eq!(proxy("http://127.0.0.1/x", &both), Ok(Some(("plain".into(), 8080))));
        assert_eq!(proxy("https://hub.example/x", &[("all_proxy", "any:1")]), Ok(Some(("any".into(), 1))));
        assert_eq!(
            proxy("https://hub.example/x", &[("HTTPS_PROXY", ""), ("HTTP_PROXY", "plain:1")]),
            Ok(None)
        );
    }

    #[test]
    fn hosts_that_no_proxy_names_are_reached_directly() {
        let through = |no_proxy: &str| {
            let variables = [("HTTPS_PROXY", "p:1"), ("NO_PROXY", no_proxy)];
            proxy("https://cdn.hub.example/x", &variables).unwrap().is_some()
        };
        for no_proxy in
            ["*", "cdn.hub.example", "other, hub.example", ".example", "*.hub.example", "CDN.Hub.Example"]
        {
            assert!(!through(no_proxy), "{no_proxy}");
        }
        for no_proxy in ["", "hub", "b.example", "cdn", ","] {
            assert!(through(no_proxy), "{no_proxy}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_without_its_password() {
        let refused = proxy("https://hub.example/x", &[("HTTPS_PROXY", "ftp://me:secret@p:1")]).unwrap_err();
        assert!(refused.contains("ftp://p:1") && refused.contains("HTTPS_PROXY"), "{refused}");
        assert!(!refused.contains("secret"));
    }
}
