//! What a monitoring system reads, in the text format of Prometheus.
//!
//! Almost all of it is read where it is known, at the moment when it is asked for; only what nobody remembers is
//! counted.

use std::fmt::{Display, Write};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use actors::model::State;

use crate::error::AppError;
use crate::http::service::Service;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counts what is answered.
pub async fn count_answers<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let response = next.call(request).await?;
    if let Some(service) = response.request().app_data::<web::Data<Service>>() {
        service.answers.count(response.status());
    }
    Ok(response)
}

#[utoipa::path(
    get, path = "/metrics",
    responses((status = 200, description = "In its text format.", content_type = "text/plain", body = String))
)]
pub(in crate::http) async fn metrics(service: web::Data<Service>) -> Result<HttpResponse, AppError> {
    let counts = service.jobs.store().counts().await?;
    let status = service.model.status();
    let memory = service.memory.read(status.facts().and_then(|facts| facts.holder));
    let state = status.state();
    let is = |other: &State| u64::from(*other == state);
    let mut page = Page::default();
    page.family("build_info", "gauge", "The version that runs.");
    page.sample("build_info", "version", env!("CARGO_PKG_VERSION"), 1);
    page.single("uptime_seconds", "gauge", "Since the start.", service.started.elapsed().as_secs());
    page.family("jobs", "gauge", "Jobs that are not over, by status.");
    page.sample("jobs", "status", "queued", counts.queued);
    page.sample("jobs", "status", "running", counts.running);
    page.family("jobs_ended_total", "counter", "Jobs that came to their end since the start, by status.");
    for (end, jobs) in service.notifier.tally().ended() {
        page.sample("jobs_ended_total", "status", end, jobs);
    }
    page.family("model_state", "gauge", "1 for the state that the model is in.");
    State::ALL.iter().for_each(|other| page.sample("model_state", "state", other.name(), is(other)));
    page.single(
        "model_unloads_total",
        "counter",
        "How often all memory of the model was given back.",
        status.unloads,
    );
    page.single("model_memory_bytes", "gauge", "Memory of the loaded model.", memory.used_by_model_bytes);
    page.single(
        "model_residual_bytes",
        "gauge",
        "What the last unload did not give back.",
        status.residual_bytes,
    );
    page.single("device_memory_free_bytes", "gauge", "Free memory of the model's device.", memory.free_bytes);
    page.single("device_memory_total_bytes", "gauge", "Memory of the model's device.", memory.total_bytes);
    page.single("event_streams", "gauge", "Event streams that are open.", service.streams.count());
    page.family(
        "http_responses_total",
        "counter",
        "Answers since the start, by the first digit of their status.",
    );
    for (class, answers) in service.answers.by_class() {
        page.sample("http_responses_total", "status", &class, answers);
    }
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, TEXT_FORMAT)).body(page.0))
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP verbatim_{name} {help}"));
        self.line(format_args!("# TYPE verbatim_{name} {kind}"));
    }

    /// `value` has no character that would have to be escaped.
    fn sample(&mut self, name: &str, label: &str, value: &str, number: u64) {
        self.line(format_args!("verbatim_{name}{{{label}=\"{value}\"}} {number}"));
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, number: u64) {
        self.family(name, kind, help);
        self.line(format_args!("verbatim_{name} {number}"));
    }

    fn line(&mut self, line: impl Display) {
        // A String takes everything.
        let _ = writeln!(self.0, "{line}");
    }
}
