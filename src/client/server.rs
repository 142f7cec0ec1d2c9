//! The service as a client sees it: where it is, and what its answers mean.

use std::io;
use std::time::Duration;

use actix_rt::time::timeout;
use awc::body::SizedStream;
use awc::error::{PayloadError, SendRequestError};
use awc::http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use awc::http::{Method, StatusCode};
use awc::{Client, ClientRequest, ClientResponse, Connector};
use bytes::Bytes;
use futures_util::Stream;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::job::{ErrorSeen, JobSeen};
use super::multipart::Upload;
use super::server_url::ServerUrl;
use crate::outgoing::tls;

const USER_AGENT: &str = concat!("verbatim/", env!("CARGO_PKG_VERSION"));
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long the server may take to begin an answer. An upload has no limit: it takes what it takes.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// The transcript of a day of speech with every token is smaller by far.
const LARGEST_ANSWER: usize = 1 << 30;
/// A `Retry-After` beyond this is taken for this.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Why the server did not do what was asked.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    #[error("{url} cannot be reached: {detail}")]
    Unreachable { url: String, detail: String },
    #[error("the connection to {url} broke: {detail}")]
    Broken { url: String, detail: String },
    #[error("{reason}")]
    Refused { status: u16, reason: String },
    #[error("{url} gave an answer that is not Verbatim's ({detail}): check the address")]
    Odd { url: String, detail: String },
}

/// A key that cannot be sent as a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the API key contains characters that a key cannot have: set another")]
pub(crate) struct BadKey;

/// The server would, but not now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) wait: Duration,
    pub(crate) reason: String,
}

pub(crate) enum Answer<T> {
    Good(T),
    Later(Refusal),
}

/// An answer's bytes; the client's own type for it differs with its features.
pub(crate) trait Body: Stream<Item = Result<Bytes, PayloadError>> + Unpin {}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Body for S {}

pub(crate) struct Server {
    url: ServerUrl,
    client: Client,
    authorization: Option<HeaderValue>,
}

impl Server {
    /// Inside an actix system, which the client then belongs to.
    pub(crate) fn new(url: ServerUrl, key: Option<&str>) -> Result<Self, BadKey> {
        let authorization = key.map(|key| HeaderValue::try_from(format!("Bearer {key}"))).transpose();
        let connector = Connector::new()
            .timeout(CONNECT_LIMIT)
            .handshake_timeout(CONNECT_LIMIT)
            // Last: other setters would build the TLS configuration again.
            .rustls_0_23(tls::client_config());
        let client = Client::builder()
            .connector(connector)
            .disable_timeout()
            // The key is for this server only.
            .disable_redirects()
            .no_default_headers()
            .add_default_header(("user-agent", USER_AGENT))
            .finish();
        Ok(Self { url, client, authorization: authorization.map_err(|_| BadKey)? })
    }

    fn request(&self, method: Method, path: &str) -> ClientRequest {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).no_decompress();
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        request
    }

    /// Sends a recording. `sent` gets how many of its bytes have been taken.
    pub(crate) async fn submit(
        &self,
        upload: Upload,
        sent: impl Fn(u64) + 'static,
    ) -> Result<Answer<JobSeen>, Fault> {
        let request = self.request(Method::POST, "/jobs?queue=true").content_type(upload.content_type());
        let body = SizedStream::new(upload.bytes(), Box::pin(upload.into_stream(sent)));
        self.submitted(request.send_body(body).await).await
    }

    /// Has the server fetch a recording.
    pub(crate) async fn submit_json(&self, json: &str) -> Result<Answer<JobSeen>, Fault> {
        let request = self.request(Method::POST, "/jobs?queue=true").content_type("application/json");
        // It answers once it has the recording: that takes what it takes.
        self.submitted(request.send_body(json.to_owned()).await).await
    }

    async fn submitted(
        &self,
        sent: Result<ClientResponse<impl Body>, SendRequestError>,
    ) -> Result<Answer<JobSeen>, Fault> {
        let mut response = sent.map_err(|error| self.not_sent(&error))?;
        if let Some(refusal) = self.later(&mut response).await {
            return Ok(Answer::Later(refusal));
        }
        self.json(&mut response).await.map(Answer::Good)
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        let mut response = self.answer(self.request(Method::GET, path)).await?;
        self.json(&mut response).await
    }

    pub(crate) async fn text(&self, path: &str) -> Result<String, Fault> {
        self.text_of(self.answer(self.request(Method::GET, path)).await?).await
    }

    /// Gives the answer's text, which may be empty.
    pub(crate) async fn post(&self, path: &str, json: Option<String>) -> Result<String, Fault> {
        let mut request = self.request(Method::POST, path);
        if json.is_some() {
            request = request.content_type("application/json");
        }
        let sent = timeout(ANSWER_LIMIT, request.send_body(json.unwrap_or_default()));
        self.text_of(self.in_time(sent.await)?).await
    }

    /// Gives the answer's text, which may be empty.
    pub(crate) async fn delete(&self, path: &str) -> Result<String, Fault> {
        self.text_of(self.answer(self.request(Method::DELETE, path)).await?).await
    }

    /// What a text from this server says.
    pub(crate) fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, Fault> {
        serde_json::from_str(text).map_err(|error| self.odd(error))
    }

    /// A stream of events, from the one after `last_id` on.
    pub(crate) async fn events(
        &self,
        path: &str,
        last_id: &str,
    ) -> Result<ClientResponse<impl Body + use<>>, Fault> {
        let mut request = self.request(Method::GET, path).insert_header((ACCEPT, "text/event-stream"));
        if !last_id.is_empty() {
            request = request.insert_header(("Last-Event-ID", last_id));
        }
        let mut response = self.answer(request).await?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(self.refused(&mut response).await),
        }
    }

    async fn answer(&self, request: ClientRequest) -> Result<ClientResponse<impl Body + use<>>, Fault> {
        self.in_time(timeout(ANSWER_LIMIT, request.send()).await)
    }

    fn in_time<T>(&self, answer: Result<Result<T, SendRequestError>, impl Sized>) -> Result<T, Fault> {
        match answer {
            Ok(answer) => answer.map_err(|error| self.not_sent(&error)),
            Err(_) => Err(self.broken(format!("no answer within {} s", ANSWER_LIMIT.as_secs()))),
        }
    }

    async fn json<T: DeserializeOwned>(&self, response: &mut ClientResponse<impl Body>) -> Result<T, Fault> {
        let bytes = self.body(response).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.odd(error))
    }

    async fn text_of(&self, mut response: ClientResponse<impl Body>) -> Result<String, Fault> {
        let bytes = self.body(&mut response).await?;
        String::from_utf8(bytes.into()).map_err(|error| self.odd(error))
    }

    /// The whole body of a good answer.
    async fn body(&self, response: &mut ClientResponse<impl Body>) -> Result<Bytes, Fault> {
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        response.body().limit(LARGEST_ANSWER).await.map_err(|error| self.broken(error))
    }

    async fn refused(&self, response: &mut ClientResponse<impl Body>) -> Fault {
        Fault::Refused { status: response.status().as_u16(), reason: self.reason(response).await }
    }

    /// What the server says for itself, or else its status.
    async fn reason(&self, response: &mut ClientResponse<impl Body>) -> String {
        #[derive(Deserialize)]
        struct Refused {
            error: ErrorSeen,
        }
        let status = response.status();
        let bytes = response.body().await.unwrap_or_default();
        match serde_json::from_slice::<Refused>(&bytes) {
            Ok(refused) => refused.error.sentence(),
            Err(_) => format!("{} answered with status {status}", self.url),
        }
    }

    /// Whether the server asks to try again, and after how long.
    async fn later(&self, response: &mut ClientResponse<impl Body>) -> Option<Refusal> {
        let busy =
            matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let wait = retry_after(response.headers()).filter(|_| busy)?;
        Some(Refusal { wait, reason: self.reason(response).await })
    }

    fn not_sent(&self, error: &SendRequestError) -> Fault {
        match error {
            SendRequestError::Connect(error) => {
                Fault::Unreachable { url: self.url.to_string(), detail: error.to_string() }
            }
            SendRequestError::Send(error) if hung_up(error) => self.broken(
                "the server hung up while the recording was sent, it may be larger than the server takes",
            ),
            other => self.broken(other),
        }
    }

    pub(crate) fn broken(&self, detail: impl ToString) -> Fault {
        Fault::Broken { url: self.url.to_string(), detail: detail.to_string() }
    }

    fn odd(&self, detail: impl ToString) -> Fault {
        Fault::Odd { url: self.url.to_string(), detail: detail.to_string() }
    }
}

fn hung_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Whole seconds; a date is not read.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let secs = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(secs).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_seconds_and_has_a_limit() {
        let wait = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            retry_after(&headers)
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("999999"), Some(LONGEST_WAIT));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn a_key_that_is_no_header_is_refused() {
        actix_rt::System::new().block_on(async {
            let url: ServerUrl = "http://127.0.0.1".parse().unwrap();
            assert!(matches!(Server::new(url, Some("a\nb")), Err(BadKey)));
        });
    }
}
