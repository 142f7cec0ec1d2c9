//! What a monitoring system reads, in the text format of Prometheus.
//!
//! What is known at the moment when it is asked for is read then; what happens is counted and timed where it happens.

use std::collections::BTreeMap;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, web};
use actors::model::{ModelHandle, State};
use actors::ports::JobCounts;

use crate::error::AppError;
use crate::http::service::Service;
use crate::http::views::exposition::Page;
use crate::http::views::model_view::own_memory;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics for Prometheus.
#[utoipa::path(
    get, path = "/metrics",
    responses((status = 200, description = "In its text format.", content_type = "text/plain", body = String))
)]
pub(in crate::http) async fn metrics(service: web::Data<Service>) -> Result<HttpResponse, AppError> {
    let mut page = Page::default();
    page.family("build_info", "gauge", "The version that runs.");
    page.sample("build_info", "version", env!("CARGO_PKG_VERSION"), 1);
    page.single("uptime_seconds", "gauge", "Since the start.", service.started.elapsed().as_secs());
    jobs(&mut page, &service).await?;
    model(&mut page, &service);
    webhooks(&mut page, &service).await?;
    storage(&mut page, &service).await?;
    page.single("event_streams", "gauge", "Event streams that are open.", service.streams.count());
    page.family("http_responses_total", "counter", "Responses since the start, by status class.");
    for (class, answers) in service.answers.by_class() {
        page.sample("http_responses_total", "status", &class, answers);
    }
    let text = page.with_measures().map_err(AppError::internal)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, TEXT_FORMAT)).body(text))
}

async fn jobs(page: &mut Page, service: &Service) -> Result<(), AppError> {
    let counts = service.jobs.store().counts_by_model().await?;
    page.family("jobs", "gauge", "Jobs that are not over, by status.");
    page.sample("jobs", "status", "queued", counts.iter().map(|(_, of_model)| of_model.queued).sum());
    page.sample("jobs", "status", "running", counts.iter().map(|(_, of_model)| of_model.running).sum());
    page.family("jobs_by_model", "gauge", "Jobs that are not over, by model and status.");
    for (model, counts) in by_model(service, counts) {
        page.jobs_of_model(&model, "queued", counts.queued);
        page.jobs_of_model(&model, "running", counts.running);
    }
    page.family("jobs_ended_total", "counter", "Jobs that ended since the start, by status.");
    for (end, jobs) in service.notifier.tally().ended() {
        page.sample("jobs_ended_total", "status", end, jobs);
    }
    Ok(())
}

/// Of the models of the settings alone: jobs may name others, of earlier settings.
fn by_model(service: &Service, named: Vec<(Option<String>, JobCounts)>) -> BTreeMap<String, JobCounts> {
    let mut counts: Vec<_> =
        service.model.names().into_iter().map(|name| (name, JobCounts::default())).collect();
    for (name, of_name) in named {
        // The default one has two names.
        let number = service.model.find(name.as_deref());
        if let Some((_, of_model)) = number.and_then(|number| counts.get_mut(number.0)) {
            of_model.queued += of_name.queued;
            of_model.running += of_name.running;
        }
    }
    counts.into_iter().collect()
}

fn model(page: &mut Page, service: &Service) {
    let status = service.model.status();
    let memory = own_memory(service, &status);
    let statuses: Vec<_> = service.models().map(ModelHandle::status).collect();
    let state = status.state();
    let is = |other: &State| u64::from(*other == state);
    page.family("model_state", "gauge", "1 for the state that the model is in.");
    State::ALL.iter().for_each(|other| page.sample("model_state", "state", other.name(), is(other)));
    let unloads = "Unloads of the model.";
    page.single(
        "model_unloads_total",
        "counter",
        unloads,
        statuses.iter().map(|status| status.unloads).sum(),
    );
    page.single("model_memory_bytes", "gauge", "Memory of the loaded model.", memory.used_by_model_bytes);
    let residual = "Memory that the last unload did not free.";
    page.single(
        "model_residual_bytes",
        "gauge",
        residual,
        statuses.iter().map(|status| status.residual_bytes).sum(),
    );
    page.single("device_memory_free_bytes", "gauge", "Free memory of the model's device.", memory.free_bytes);
    page.single("device_memory_total_bytes", "gauge", "Memory of the model's device.", memory.total_bytes);
}

async fn webhooks(page: &mut Page, service: &Service) -> Result<(), AppError> {
    let backlog = service.jobs.store().backlog().await?;
    let (messages, age) = (backlog.messages, backlog.oldest.as_secs());
    page.single("webhook_backlog_messages", "gauge", "Webhooks that are still to be delivered.", messages);
    let oldest = "Since the oldest of them was made; 0 without any.";
    page.single("webhook_backlog_oldest_seconds", "gauge", oldest, age);
    Ok(())
}

async fn storage(page: &mut Page, service: &Service) -> Result<(), AppError> {
    let usage = service.blobs.usage();
    page.family("storage_used_bytes", "gauge", "What the service keeps in [storage] dir, by kind.");
    page.sample("storage_used_bytes", "kind", "database", service.jobs.store().size_bytes().await?);
    page.sample("storage_used_bytes", "kind", "recordings", usage.used_bytes);
    let free = "Free space of its file system, for the service's user.";
    page.single("storage_free_bytes", "gauge", free, usage.free_bytes);
    page.single("storage_size_bytes", "gauge", "Size of its file system.", usage.size_bytes);
    Ok(())
}
