//! What the log says of a request.

use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use tracing::{Span, info, info_span, warn};
use tracing_actix_web::{RequestId, RootSpanBuilder};

/// One span with the request's id, so that every line about the request carries it, and one line at
/// its end. The query is left out: it may hold what is nobody's business.
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default();
        info_span!("request", id, method = %request.method(), path = request.path())
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let _entered = span.enter();
        match outcome {
            Ok(response) => info!(status = response.status().as_u16(), "answered"),
            Err(error) => warn!(%error, "not answered"),
        }
    }
}
