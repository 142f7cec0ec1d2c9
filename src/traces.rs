//! Traces for OpenTelemetry: spans go to a collector by OTLP over HTTP.
//!
//! Where the environment names no endpoint nothing is collected. The variables are those of OpenTelemetry:
//! `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER` and others.

use std::time::Duration;

use actors::domain::jobs::origin::TraceParent;
use actors::ports::{OpenSpan, Span, SpanCollector, collect_spans};
use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState,
    TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::{info, warn};

/// Any of these says where traces go.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
/// For one message to the collector.
const LIMIT: Duration = Duration::from_secs(10);

/// Sends what is left when it is dropped.
pub struct Traces(SdkTracerProvider);

/// Begins to collect spans, where the environment says where they go.
pub fn start() -> Option<Traces> {
    ENDPOINTS.iter().find_map(std::env::var_os)?;
    let exporter = match SpanExporter::builder().with_http().with_http_client(Sender::new()).build() {
        Ok(exporter) => exporter,
        Err(error) => {
            warn!(%error, "no traces are sent");
            return None;
        }
    };
    let mut resource = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("verbatim");
    }
    let resource =
        resource.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    collect_spans(Box::new(Collector(provider.tracer("verbatim"))));
    info!("traces are sent to the collector of OTEL_EXPORTER_OTLP_ENDPOINT");
    Some(Traces(provider))
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            warn!(%error, "the last traces were not sent");
        }
    }
}

struct Collector(SdkTracer);

struct Open(opentelemetry_sdk::trace::Span);

impl SpanCollector for Collector {
    fn begin(&self, name: &'static str, parent: Option<&TraceParent>) -> Box<dyn OpenSpan> {
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Server);
        Box::new(Open(builder.start_with_context(&self.0, &context(parent))))
    }

    fn collect(&self, span: Span) {
        let Span { name, parent, began, took, attributes } = span;
        let builder = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Internal)
            .with_start_time(began)
            .with_attributes(attributes.into_iter().map(key_value));
        let mut span = builder.start_with_context(&self.0, &context(parent.as_ref()));
        span.end_with_timestamp(began + took);
    }
}

impl OpenSpan for Open {
    fn traceparent(&self) -> TraceParent {
        let of_span = self.0.span_context();
        let (trace, span, flags) = (of_span.trace_id(), of_span.span_id(), of_span.trace_flags().to_u8());
        let text = format!("00-{trace}-{span}-{flags:02x}");
        match text.parse() {
            Ok(parent) => parent,
            Err(()) => unreachable!("ids of a span are never 0: {text}"),
        }
    }

    fn end(mut self: Box<Self>, attributes: Vec<(&'static str, String)>) {
        self.0.set_attributes(attributes.into_iter().map(key_value));
        self.0.end();
    }
}

fn key_value((key, value): (&'static str, String)) -> KeyValue {
    KeyValue::new(key, value)
}

fn context(parent: Option<&TraceParent>) -> Context {
    match parent.and_then(remote) {
        Some(parent) => Context::new().with_remote_span_context(parent),
        None => Context::new(),
    }
}

fn remote(parent: &TraceParent) -> Option<SpanContext> {
    let mut parts = parent.as_str().split('-').skip(1);
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    Some(SpanContext::new(trace, span, flags, true, TraceState::default()))
}

/// Carries messages to the collector, on the thread that collects them.
#[derive(Debug)]
struct Sender(ureq::Agent);

impl Sender {
    fn new() -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(LIMIT));
        Self(config.build().into())
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let request = ureq::http::Request::from_parts(parts, body.to_vec());
        let (parts, mut body) = self.0.run(request)?.into_parts();
        Ok(Response::from_parts(parts, body.read_to_vec()?.into()))
    }
}
