//! What the log says of a request.

use std::time::Instant;

use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use tracing::{Span, debug, info, info_span, warn};
use tracing_actix_web::{RequestId, RootSpanBuilder};

use crate::auth::Caller;
use crate::http::intake::origin::RequestTrace;

/// One span with the request's id, so that every line about the request carries it, and one line at
/// its end. The query is left out: it may hold private data.
pub struct RequestSpan;

/// When the request's head had been read.
#[derive(Clone, Copy)]
struct Begun(Instant);

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        request.extensions_mut().insert(Begun(Instant::now()));
        if !is_probe(request.path())
            && let Some(trace) = RequestTrace::begin(request.headers())
        {
            request.extensions_mut().insert(trace);
        }
        let id = request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default();
        info_span!("request", id, method = %request.method(), path = request.path())
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let _entered = span.enter();
        match outcome {
            Ok(response) => {
                let (access, status) = (Access::of(response.request()), response.status().as_u16());
                access.log(status);
                end_trace(response.request(), &access, status);
            }
            Err(error) => warn!(%error, "not answered"),
        }
    }
}

/// What asks all the time how the service is.
fn is_probe(path: &str) -> bool {
    path.starts_with("/health") || path == "/metrics"
}

fn end_trace(request: &HttpRequest, access: &Access, status: u16) {
    let Some(trace) = request.extensions_mut().remove::<RequestTrace>() else { return };
    trace.end(vec![
        ("http.request.method", request.method().to_string()),
        ("http.route", access.route.clone().unwrap_or_default()),
        ("http.response.status_code", status.to_string()),
    ]);
}

/// The line of a request that was answered.
struct Access {
    client: Option<String>,
    owner: Option<String>,
    route: Option<String>,
    latency_ms: Option<u64>,
}

impl Access {
    fn of(request: &HttpRequest) -> Self {
        let extensions = request.extensions();
        let latency = extensions.get::<Begun>().map(|begun| begun.0.elapsed());
        Self {
            client: request.peer_addr().map(|address| address.ip().to_string()),
            // Without a key it is empty.
            owner: extensions
                .get::<Caller>()
                .map(|caller| caller.owner.clone())
                .filter(|name| !name.is_empty()),
            route: request.match_pattern(),
            latency_ms: latency.map(|latency| latency.as_millis() as u64),
        }
    }

    /// What asks all the time for the service's health is of no interest. Nothing here is an error of the service: those
    /// are logged where they happen.
    fn log(&self, status: u16) {
        let Self { client, owner, route, latency_ms } = self;
        match route.as_deref().is_some_and(is_probe) {
            true => debug!(status, latency_ms, route, client, owner, "answered"),
            false => info!(status, latency_ms, route, client, owner, "answered"),
        }
    }
}
