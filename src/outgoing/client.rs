//! The HTTP client behind the guard, for messages.

use std::sync::Arc;
use std::time::Duration;

use awc::error::{ConnectError, SendRequestError};
use awc::{Client, Connector};
use rustls::ClientConfig;

use super::connector::GuardedConnect;
use super::guard::AddressRules;
use super::url::ForbiddenHost;

/// How long finding the address and connecting may take, and the TLS handshake after it.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The `User-Agent` of requests to other servers.
pub(super) const OURSELVES: &str = concat!("verbatim/", env!("CARGO_PKG_VERSION"));

/// Connects to addresses that the rules allow and no others. Follows no redirect by itself, keeps no cookies, and has no
/// time limit but that of connecting. Stays on the thread it was made on, which must run an actix system.
pub fn client(rules: AddressRules, tls: Arc<ClientConfig>) -> Client {
    let connector = Connector::new()
        .connector(GuardedConnect::new(rules))
        .timeout(CONNECT_LIMIT)
        .handshake_timeout(CONNECT_LIMIT)
        // Last: other setters would build the TLS configuration again.
        .rustls_0_23(tls);
    Client::builder()
        .connector(connector)
        .disable_redirects()
        .disable_timeout()
        .no_default_headers()
        .add_default_header(("user-agent", OURSELVES))
        .finish()
}

/// The host that was not connected to, if that is why a request failed.
pub fn forbidden(error: &SendRequestError) -> Option<&ForbiddenHost> {
    match error {
        SendRequestError::Connect(ConnectError::Resolver(cause)) => cause.downcast_ref(),
        _ => None,
    }
}
