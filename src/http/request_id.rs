//! `x-request-id` on every response: the id under which the log has the request.

use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use tracing_actix_web::RequestId;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Runs inside `TracingLogger`, which made the id. An error is turned into its response here, so that
/// it carries the id too.
pub async fn give_request_id<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = request.extensions().get::<RequestId>().copied();
    let http_request = request.request().clone();
    let mut response = match next.call(request).await {
        Ok(response) => response.map_into_left_body(),
        Err(error) => {
            let answer = error.error_response();
            ServiceResponse::new(http_request, answer).map_into_right_body()
        }
    };
    if let Some(value) = id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok()) {
        response.headers_mut().insert(HEADER, value);
    }
    Ok(response)
}
