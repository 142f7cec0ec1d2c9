//! One try of one delivery over HTTP.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actors::domain::webhook::{Secret, SigningKey};
use actors::ports::{Delivery, DeliveryFailure, WebhookTransport};
use async_trait::async_trait;
use awc::error::SendRequestError;
use awc::http::StatusCode;
use awc::http::header::{HeaderValue, HttpDate, RETRY_AFTER};
use awc::{Client, ClientRequest};
use futures_util::StreamExt;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use tokio::time::timeout;

use super::secret::{BadSecret, signer};
use crate::failpoint;
use crate::outgoing::{AddressRules, TargetUrl, UrlError, client, forbidden, tls};

/// How much of an answer is read before the connection is closed.
const ANSWER_LIMIT: usize = 16 * 1024;

const TRACEPARENT: &str = "traceparent";

/// What the `[webhooks]` settings say.
#[derive(Clone)]
pub struct WebhookConfig {
    /// For subscribers that have none of their own; `None`: messages to those are not signed.
    pub secret: Option<Secret>,
    pub rules: AddressRules,
    /// For the whole try, from finding the address to the end of the answer.
    pub timeout: Duration,
}

impl WebhookConfig {
    /// Whether [`HttpWebhooks::new`] takes it, without making one.
    pub fn check(&self) -> Result<(), BadSecret> {
        self.secret.as_ref().map(signer).transpose().map(drop)
    }
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self { secret: None, rules: AddressRules::default(), timeout: Duration::from_secs(15) }
    }
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
        let WebhookConfig { secret, rules, timeout } = settings;
        let signer = secret.as_ref().map(signer).transpose()?;
        Ok(Self { client: client(rules.clone(), tls::client_config()), signer, rules, timeout })
    }

    async fn attempt(&self, delivery: &Delivery) -> Result<u16, DeliveryFailure> {
        let request = self.request(delivery)?;
        let mut answer = request.send_body(delivery.body.clone()).await.map_err(failure)?;
        let status = answer.status();
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| pause(value, SystemTime::now()));
        // Read so that the receiver can finish in peace; the status has decided already.
        let mut read = 0;
        while read < ANSWER_LIMIT {
            let Some(Ok(bytes)) = answer.next().await else { break };
            read += bytes.len();
        }
        let judged = judge(status, retry_after);
        failpoint::hit("delivery", "after").map_err(|lost| DeliveryFailure::Unreachable(lost.to_string()))?;
        judged
    }

    fn request(&self, delivery: &Delivery) -> Result<ClientRequest, DeliveryFailure> {
        let url = TargetUrl::parse(&delivery.url, &self.rules).map_err(refusal)?;
        let timestamp = unix_seconds();
        let mut request = self
            .client
            .post(url.as_str())
            .no_decompress()
            .force_close()
            .content_type("application/json")
            .insert_header((HEADER_WEBHOOK_ID, delivery.id.as_str()))
            .insert_header((HEADER_WEBHOOK_TIMESTAMP, timestamp.to_string()));
        let signature = self.signatures(delivery, timestamp)?;
        if let Some(parent) = &delivery.traceparent {
            request = request.insert_header((TRACEPARENT, parent.as_str()));
        }
        if !signature.is_empty() {
            request = request.insert_header((HEADER_WEBHOOK_SIGNATURE, signature));
        }
        Ok(request)
    }

    /// One for each key, with spaces between them. Empty when there is nothing to sign with.
    fn signatures(&self, delivery: &Delivery, timestamp: i64) -> Result<String, DeliveryFailure> {
        let mut signatures = vec![];
        for key in &delivery.keys {
            let own = match key {
                SigningKey::Service => None,
                SigningKey::Own(secret) => Some(signer(secret).map_err(unsigned)?),
            };
            let Some(signer) = own.as_ref().or(self.signer.as_ref().filter(|_| own.is_none())) else {
                continue;
            };
            let signature = signer.sign(&delivery.id, timestamp, delivery.body.as_bytes());
            signatures.push(signature.map_err(unsigned)?);
        }
        Ok(signatures.join(" "))
    }
}

#[async_trait(?Send)]
impl WebhookTransport for HttpWebhooks {
    async fn deliver(&self, delivery: &Delivery) -> Result<u16, DeliveryFailure> {
        timeout(self.timeout, self.attempt(delivery)).await.unwrap_or_else(|_| {
            let limit = self.timeout.as_secs_f64();
            Err(DeliveryFailure::Unreachable(format!("no answer within {limit} s")))
        })
    }
}

fn judge(status: StatusCode, retry_after: Option<Duration>) -> Result<u16, DeliveryFailure> {
    let code = status.as_u16();
    if status.is_success() { Ok(code) } else { Err(DeliveryFailure::Status { status: code, retry_after }) }
}

/// `Retry-After`: seconds, or a date. Nothing for what is neither.
fn pause(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(secs) = text.parse() {
        return Some(Duration::from_secs(secs));
    }
    let date: HttpDate = text.parse().ok()?;
    Some(SystemTime::from(date).duration_since(now).unwrap_or_default())
}

/// Rules may have become stricter since the URL was registered.
fn refusal(error: UrlError) -> DeliveryFailure {
    match error {
        UrlError::Forbidden(host) => DeliveryFailure::Forbidden(host.to_string()),
        UrlError::Invalid { .. } => DeliveryFailure::Unreachable(error.to_string()),
    }
}

fn unsigned(error: impl std::fmt::Display) -> DeliveryFailure {
    DeliveryFailure::Unreachable(format!("the message could not be signed: {error}"))
}

fn failure(error: SendRequestError) -> DeliveryFailure {
    match forbidden(&error) {
        Some(host) => DeliveryFailure::Forbidden(host.to_string()),
        None => DeliveryFailure::Unreachable(error.to_string()),
    }
}

fn unix_seconds() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
