//! What parses an untrusted request first, without a service behind it.

use std::time::Duration;

use actix_web::FromRequest;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::test::TestRequest;
use actors::ports::BlobStore;
use bytes::Bytes;
use futures_util::stream;

use super::intake::by_url;
use super::intake::query::{Loading, Query, Unloading, idempotency_key, last_event_id};
use super::intake::submission::receive;
use super::service::Limits;
use crate::error::AppError;
use crate::outgoing::AddressRules;

/// The most that a file in a form may hold here.
const LARGEST_FILE: u64 = 4096;

/// Reads a form of this type, sent in two pieces.
pub async fn form(blobs: &dyn BlobStore, content_type: &[u8], body: &[u8]) -> Result<(), AppError> {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(content_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    let limits = limits();
    let (first, second) = body.split_at(body.len() / 2);
    let pieces = [first, second].map(|piece| Ok::<_, PayloadError>(Bytes::copy_from_slice(piece)));
    receive(blobs, &limits, &headers, stream::iter(pieces), as_named).await.map(drop)
}

/// Reads a body that says where a recording is.
pub fn by_url(body: &[u8]) {
    let _ = by_url::parse(&limits(), body, as_named);
}

/// Takes any model name as an existing one.
fn as_named(model: Option<&str>) -> Result<Option<String>, AppError> {
    Ok(model.map(str::to_owned))
}

fn limits() -> Limits {
    Limits {
        max_upload_bytes: LARGEST_FILE,
        min_upload_bytes_per_sec: 0,
        fetch_timeout: Duration::ZERO,
        unload_hold: Duration::ZERO,
        sites: crate::auth::Sites::default(),
        webhook_rules: AddressRules::default(),
    }
}

/// Reads a value of the headers that mean something, and a query.
pub async fn request(header: &[u8], query: &str) {
    let mut request = TestRequest::default();
    if let Ok(value) = HeaderValue::from_bytes(header) {
        request =
            request.insert_header(("last-event-id", value.clone())).insert_header(("idempotency-key", value));
    }
    let request = request.to_http_request();
    if let Ok(Some(key)) = idempotency_key(&request) {
        assert!((1..=255).contains(&key.len()));
    }
    // Nothing but an answer or an error is expected of any of them.
    let _ = last_event_id(&request);
    let uri = format!("/?{query}");
    if uri.parse::<actix_web::http::Uri>().is_err() {
        return;
    }
    let request = TestRequest::default().uri(&uri).to_http_request();
    if let Ok(Query(loading)) = Query::<Loading>::from_request(&request, &mut Payload::None).await {
        let _ = loading.keep_alive();
    }
    if let Ok(Query(unloading)) = Query::<Unloading>::from_request(&request, &mut Payload::None).await {
        let _ = unloading.hold();
    }
}
