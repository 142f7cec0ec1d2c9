//! One try of one delivery over HTTP.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actors::ports::{Delivery, DeliveryFailure, WebhookTransport};
use async_trait::async_trait;
use awc::error::{ConnectError, SendRequestError};
use awc::http::StatusCode;
use awc::{Client, ClientRequest, Connector};
use futures_util::StreamExt;
use rustls::ClientConfig;
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook, WebhookError,
};
use thiserror::Error;
use tokio::time::timeout;
use tracing::warn;

use super::connector::GuardedConnect;
use super::guard::AddressRules;
use super::tls;
use super::url::{ForbiddenHost, UrlError, WebhookUrl};

/// How long finding the address and connecting may take, and the TLS handshake after it.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How much of an answer is read before the connection is closed.
const ANSWER_LIMIT: usize = 16 * 1024;
const USER_AGENT: &str = concat!("verbatim/", env!("CARGO_PKG_VERSION"));
const SECRET_PREFIX: &str = "whsec_";
/// What Standard Webhooks asks of a key, in base64 characters: 24 bytes.
const ADVISED_SECRET_CHARS: usize = 32;

/// What the `[webhooks]` settings say.
#[derive(Clone)]
pub struct WebhookConfig {
    /// `whsec_` and base64; `None`: nothing is signed.
    pub secret: Option<String>,
    pub allow_private: bool,
    /// For the whole try, from finding the address to the end of the answer.
    pub timeout: Duration,
}

impl WebhookConfig {
    /// Whether [`HttpWebhooks::new`] takes it, without making one.
    pub fn check(&self) -> Result<(), BadSecret> {
        self.secret.as_deref().map(signer).transpose().map(drop)
    }
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self { secret: None, allow_private: false, timeout: Duration::from_secs(15) }
    }
}

/// What is wrong with `webhooks.secret`. The secret itself is in no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadSecret {
    #[error("webhooks.secret must begin with \"whsec_\", followed by base64")]
    Prefix,
    #[error("webhooks.secret must be base64 after \"whsec_\"")]
    Encoding,
    #[error("webhooks.secret holds no key after \"whsec_\": use base64 of at least 24 random bytes")]
    Empty,
}

/// Delivers webhooks as Standard Webhooks says.
///
/// Each try has a connection of its own, judged by [`AddressRules`] when it is made. Redirects are
/// never followed, cookies never kept, answers never decompressed. Stays on the thread it was made
/// on, which must run an actix system.
pub struct HttpWebhooks {
    client: Client,
    signer: Option<Webhook>,
    rules: AddressRules,
    timeout: Duration,
}

impl HttpWebhooks {
    /// # Blocking
    /// Reads the system's certificates.
    pub fn new(settings: WebhookConfig) -> Result<Self, BadSecret> {
        let rules = AddressRules { allow_private: settings.allow_private };
        let signer = settings.secret.as_deref().map(signer).transpose()?;
        Ok(Self { client: client(rules, tls::client_config()), signer, rules, timeout: settings.timeout })
    }

    async fn attempt(&self, delivery: &Delivery) -> Result<(), DeliveryFailure> {
        let request = self.request(delivery)?;
        let mut answer = request.send_body(delivery.body.clone()).await.map_err(failure)?;
        let status = answer.status();
        // Read so that the receiver can finish in peace; the status has decided already.
        let mut read = 0;
        while read < ANSWER_LIMIT {
            let Some(Ok(bytes)) = answer.next().await else { break };
            read += bytes.len();
        }
        judge(status)
    }

    fn request(&self, delivery: &Delivery) -> Result<ClientRequest, DeliveryFailure> {
        let url = WebhookUrl::parse(&delivery.url, self.rules).map_err(refusal)?;
        let timestamp = unix_seconds();
        let mut request = self
            .client
            .post(url.as_str())
            .no_decompress()
            .force_close()
            .content_type("application/json")
            .insert_header((HEADER_WEBHOOK_ID, delivery.id.as_str()))
            .insert_header((HEADER_WEBHOOK_TIMESTAMP, timestamp.to_string()));
        if let Some(signer) = &self.signer {
            let signature =
                signer.sign(&delivery.id, timestamp, delivery.body.as_bytes()).map_err(unsigned)?;
            request = request.insert_header((HEADER_WEBHOOK_SIGNATURE, signature));
        }
        Ok(request)
    }
}

#[async_trait(?Send)]
impl WebhookTransport for HttpWebhooks {
    async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryFailure> {
        timeout(self.timeout, self.attempt(delivery)).await.unwrap_or_else(|_| {
            let limit = self.timeout.as_secs_f64();
            Err(DeliveryFailure::Unreachable(format!("no answer within {limit} s")))
        })
    }
}

fn client(rules: AddressRules, tls: Arc<ClientConfig>) -> Client {
    let connector = Connector::new()
        .connector(GuardedConnect::new(rules))
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

fn signer(secret: &str) -> Result<Webhook, BadSecret> {
    let key = secret.strip_prefix(SECRET_PREFIX).ok_or(BadSecret::Prefix)?;
    if key.is_empty() {
        return Err(BadSecret::Empty);
    }
    if key.len() < ADVISED_SECRET_CHARS {
        warn!("webhooks.secret is short: use base64 of at least 24 random bytes");
    }
    Webhook::new(secret).map_err(|_| BadSecret::Encoding)
}

fn judge(status: StatusCode) -> Result<(), DeliveryFailure> {
    if status.is_success() { Ok(()) } else { Err(DeliveryFailure::Status { status: status.as_u16() }) }
}

/// Rules may have become stricter since the URL was registered.
fn refusal(error: UrlError) -> DeliveryFailure {
    match error {
        UrlError::Forbidden(host) => DeliveryFailure::Forbidden(host.to_string()),
        UrlError::Invalid { .. } => DeliveryFailure::Unreachable(error.to_string()),
    }
}

fn unsigned(error: WebhookError) -> DeliveryFailure {
    DeliveryFailure::Unreachable(format!("the message could not be signed: {error}"))
}

fn failure(error: SendRequestError) -> DeliveryFailure {
    if let SendRequestError::Connect(ConnectError::Resolver(cause)) = &error
        && let Some(forbidden) = cause.downcast_ref::<ForbiddenHost>()
    {
        return DeliveryFailure::Forbidden(forbidden.to_string());
    }
    DeliveryFailure::Unreachable(error.to_string())
}

fn unix_seconds() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
