//! Through which API a request comes, and the trace that it belongs to.

use actix_web::http::header::HeaderMap;
use actix_web::{HttpMessage, HttpRequest};
use actors::domain::jobs::origin::{Api, Origin, TraceParent};
use actors::ports::{OpenSpan, begin_span};

const TRACEPARENT: &str = "traceparent";

/// A `traceparent` that does not follow the standard is ignored, as the standard asks.
pub(in crate::http) fn origin(request: &HttpRequest) -> Origin {
    let path = request.match_info().as_str();
    let api = match path.split('/').nth(1) {
        Some("v1") => Api::OpenAi,
        Some("asr" | "detect-language") => Api::Asr,
        Some("inference") => Api::Inference,
        Some(_) | None => Api::Jobs,
    };
    // The span of the request stands between the caller's and the job's.
    let own = request.extensions().get::<RequestTrace>().map(RequestTrace::traceparent);
    Origin { api, traceparent: own.or_else(|| traceparent(request.headers())) }
}

fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    headers.get(TRACEPARENT)?.to_str().ok()?.trim().parse().ok()
}

/// The span of a request, where spans are collected.
pub(in crate::http) struct RequestTrace(Box<dyn OpenSpan>);

impl RequestTrace {
    pub(in crate::http) fn begin(headers: &HeaderMap) -> Option<Self> {
        begin_span("request", traceparent(headers).as_ref()).map(Self)
    }

    fn traceparent(&self) -> TraceParent {
        self.0.traceparent()
    }

    pub(in crate::http) fn end(self, attributes: Vec<(&'static str, String)>) {
        self.0.end(attributes);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_request_shows_its_api_and_its_trace() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (path, api) in [
            ("/jobs", Api::Jobs),
            ("/v1/audio/transcriptions", Api::OpenAi),
            ("/asr", Api::Asr),
            ("/detect-language", Api::Asr),
            ("/inference", Api::Inference),
        ] {
            let request = TestRequest::with_uri(path).insert_header((TRACEPARENT, parent)).to_http_request();
            let origin = origin(&request);
            assert_eq!((origin.api, origin.traceparent.unwrap().as_str()), (api, parent), "{path}");
        }
        let odd = TestRequest::with_uri("/jobs").insert_header((TRACEPARENT, "mine")).to_http_request();
        assert_eq!(origin(&odd), Origin::default());
    }
}
