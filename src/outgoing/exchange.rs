//! One HTTP request for a recording, and its answer.
//!
//! By the codec of the HTTP library and not by its client, which does not distinguish a body that was cut short from a complete
//! one: half a recording would be taken for a whole one.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_codec::Framed;
use actix_http::body::BodySize;
use actix_http::h1::{ClientCodec, ClientPayloadCodec, Message, MessageType};
use actix_http::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, USER_AGENT,
};
use actix_http::{ConnectionType, RequestHead, RequestHeadType, ResponseHead, Uri, Version};
use actix_rt::time::timeout;
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo};
use actors::ports::SourceError;
use bytes::Bytes;
use futures_util::stream::{self, LocalBoxStream, StreamExt};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::client::{CONNECT_LIMIT, OURSELVES};
use super::connector::GuardedConnect;
use super::guard::AddressRules;
use super::url::{ForbiddenHost, TargetUrl};

/// A connection, plain or not.
trait Wire: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

type Framing<C> = Framed<Box<dyn Wire>, C>;

pub(super) struct Answer {
    head: ResponseHead,
    framing: Framing<ClientCodec>,
}

/// Connects, unless that is forbidden, and asks for what is at the URL.
pub(super) async fn get(
    target: &TargetUrl,
    rules: &AddressRules,
    tls: &Arc<ClientConfig>,
) -> Result<Answer, SourceError> {
    let uri: Uri =
        target.as_str().parse().map_err(|_| SourceError::Invalid("it cannot be requested".into()))?;
    let mut framing = Framed::new(connect(&uri, rules, tls).await?, ClientCodec::default());
    let request = RequestHeadType::Owned(request(uri)?);
    let sent = Pin::new(&mut framing).write(Message::Item((request, BodySize::None)));
    sent.map_err(|error| unreachable(&error))?;
    poll_fn(|cx| Pin::new(&mut framing).flush(cx)).await.map_err(|error| unreachable(&error))?;
    match poll_fn(|cx| Pin::new(&mut framing).next_item(cx)).await {
        Some(Ok(head)) => Ok(Answer { head, framing }),
        Some(Err(error)) => Err(unreachable(&error)),
        None => Err(SourceError::Unreachable("it closed the connection without an answer".into())),
    }
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.head.headers().get(name)?.to_str().ok()
    }

    pub(super) fn length(&self) -> Option<u64> {
        self.header(&CONTENT_LENGTH)?.parse().ok()
    }

    /// The body; it ends with an error where it was cut short.
    pub(super) fn into_body(self) -> Result<LocalBoxStream<'static, io::Result<Bytes>>, SourceError> {
        let says_its_end = says_its_end(self.head.headers());
        match self.framing.codec_ref().message_type() {
            MessageType::None if !says_its_end && self.head.version == Version::HTTP_11 => {
                Err(SourceError::NoEnd)
            }
            MessageType::None => Ok(stream::empty().boxed_local()),
            MessageType::Payload | MessageType::Stream => {
                let framing = self.framing.into_map_codec(ClientCodec::into_payload_codec);
                Ok(stream::unfold(Some(framing), move |framing| next(framing, says_its_end)).boxed_local())
            }
        }
    }
}

/// The next piece of a body; nothing after its end, nor after an error.
async fn next(
    framing: Option<Framing<ClientPayloadCodec>>,
    says_its_end: bool,
) -> Option<(io::Result<Bytes>, Option<Framing<ClientPayloadCodec>>)> {
    let mut framing = framing?;
    match poll_fn(|cx| Pin::new(&mut framing).next_item(cx)).await {
        Some(Ok(Some(bytes))) => Some((Ok(bytes), Some(framing))),
        Some(Ok(None)) => None,
        Some(Err(error)) => Some((Err(io::Error::other(error)), None)),
        // The connection ended before the body did.
        None if says_its_end => Some((Err(io::ErrorKind::UnexpectedEof.into()), None)),
        None => None,
    }
}

/// Whether the headers say where the body ends; else it ends with the connection.
fn says_its_end(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING)
}

fn request(uri: Uri) -> Result<RequestHead, SourceError> {
    let host = uri.authority().map(|authority| HeaderValue::try_from(authority.as_str()));
    let Some(Ok(host)) = host else { return Err(SourceError::Invalid("it has no host".into())) };
    let mut head = RequestHead::default();
    head.uri = uri;
    head.headers.insert(HOST, host);
    head.headers.insert(USER_AGENT, HeaderValue::from_static(OURSELVES));
    // What is compressed on the way may be small and become large.
    head.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    head.set_connection_type(ConnectionType::Close);
    Ok(head)
}

async fn connect(
    uri: &Uri,
    rules: &AddressRules,
    tls: &Arc<ClientConfig>,
) -> Result<Box<dyn Wire>, SourceError> {
    let guarded = GuardedConnect::new(rules.clone());
    let connection = within(CONNECT_LIMIT, guarded.call(ConnectInfo::new(uri.clone()))).await?;
    let (stream, _) = connection.map_err(refusal)?.into_parts();
    if uri.scheme_str() != Some("https") {
        return Ok(Box::new(stream));
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(|error| unreachable(&error))?;
    let shaken = within(CONNECT_LIMIT, TlsConnector::from(tls.clone()).connect(name, stream)).await?;
    Ok(Box::new(shaken.map_err(|error| unreachable(&error))?))
}

async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Result<T, SourceError> {
    let late = |_| SourceError::Unreachable(format!("no connection within {} s", limit.as_secs()));
    timeout(limit, future).await.map_err(late)
}

fn refusal(error: ConnectError) -> SourceError {
    match &error {
        ConnectError::Resolver(cause) if cause.is::<ForbiddenHost>() => {
            SourceError::Forbidden(cause.to_string())
        }
        _ => unreachable(&error),
    }
}

fn unreachable(error: &dyn std::fmt::Display) -> SourceError {
    SourceError::Unreachable(error.to_string())
}
