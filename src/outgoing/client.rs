//! The HTTP client behind the guard.

use std::sync::Arc;
use std::time::Duration;

use awc::error::{ConnectError, SendRequestError};
use awc::{Client, Connector};
use rustls::ClientConfig;

use super::connector::GuardedConnect;
use super::guard::AddressRules;
use super::url::ForbiddenHost;
use super::watched::Closed;

/// How long finding the address and connecting may take, and the TLS handshake after it.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const USER_AGENT: &str = concat!("verbatim/", env!("CARGO_PKG_VERSION"));

/// Connects to addresses that the rules allow and no others. Follows no redirect by itself, keeps no cookies, and has no
/// time limit but that of connecting. Stays on the thread it was made on, which must run an actix system.
///
/// `closed` is told when the other side closes a connection.
pub fn client(rules: AddressRules, tls: Arc<ClientConfig>, closed: Closed) -> Client {
    let connector = Connector::new()
        .connector(GuardedConnect::new(rules, closed))
        .timeout(CONNECT_LIMIT)
        .handshake_timeout(CONNECT_LIMIT)
        // Last: other setters would build the TLS configuration anew.
        .rustls_0_23(tls);
    Client::builder()
        .connector(connector)
        .disable_redirects()
        .disable_timeout()
        .no_default_headers()
        .add_default_header(("user-agent", USER_AGENT))
        .finish()
}

/// The host that was not connected to, if that is why a request failed.
pub fn forbidden(error: &SendRequestError) -> Option<&ForbiddenHost> {
    match error {
        SendRequestError::Connect(ConnectError::Resolver(cause)) => cause.downcast_ref(),
        _ => None,
    }
}
