//! The routes, all on one screen but those of the web page, and what every handler may use.

mod byte_range;
mod callers;
mod calls;
mod detached;
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod intake;
mod job_wait;
mod loudness;
mod methods;
mod middleware;
mod openai;
mod openapi;
mod page;
mod routes;
mod service;
mod streams;
mod views;
mod wait_policy;
mod waiting_events;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, delete, get, post, put};

pub use callers::Callers;
pub use calls::begin;
pub use identity::Identity;
pub use intake::client_socket::keep_socket;
pub use intake::disk_room::check_length;
pub use intake::form::{language, prompt};
pub use intake::submission::Upload;
pub use job_wait::JobWait;
pub use middleware::access::authorize;
pub use middleware::last_answer::announce_close;
pub use middleware::measured::measure_requests;
pub use middleware::rate::Rates;
pub use middleware::request_id::give_request_id;
pub use middleware::root_span::RequestSpan;
pub use middleware::site::{cors, refuse_foreign_sites};
pub use openapi::description;
pub use service::{Device, Limits, Node, Service};
pub use streams::Streams;
pub use views::answers::Answers;
pub use views::worker_view::{device_report, report};
pub use wait_policy::WaitPolicy;

use crate::error::AppError;
use methods::{read, resource};
use routes::{
    admin, asr, debug, deliveries, events, health, inference, jobs, metrics, model, models, recording,
    transcripts, webhooks, workers,
};

/// Every route of the service.
pub fn routes(config: &mut web::ServiceConfig) {
    let resources = [
        resource("/jobs", "GET, HEAD, POST", [read().to(jobs::list), post().to(jobs::submit)]),
        resource("/jobs/{id}", "GET, HEAD, DELETE", [read().to(jobs::show), delete().to(jobs::cancel)]),
        resource("/jobs/{id}/retry", "POST", [post().to(jobs::retry)]),
        resource("/jobs/{id}/events", "GET", [get().to(events::of_job)]),
        resource("/jobs/{id}/audio", "GET, HEAD", [read().to(recording::audio)]),
        resource("/jobs/{id}/audio/peaks", "GET, HEAD", [read().to(recording::peaks)]),
        resource(
            "/jobs/{id}/transcript",
            "GET, HEAD, PUT",
            [read().to(transcripts::show), put().to(transcripts::edit)],
        ),
        resource("/jobs/{id}/transcript/revisions", "GET, HEAD", [read().to(transcripts::revisions)]),
        resource("/model/status", "GET, HEAD", [read().to(model::status)]),
        resource("/model/load", "POST", [post().to(model::load)]),
        resource("/model/unload", "POST", [post().to(model::unload)]),
        resource("/model/events", "GET", [get().to(events::of_model)]),
        resource("/workers", "GET, HEAD", [read().to(workers::list)]),
        resource("/admin/drain", "POST, DELETE", [post().to(admin::drain), delete().to(admin::resume)]),
        resource("/models", "GET, HEAD", [read().to(models::list)]),
        resource("/models/pulls", "GET, POST", [get().to(models::pulls), post().to(models::pull)]),
        resource("/models/pulls/{name}", "DELETE", [delete().to(models::cancel)]),
        resource("/webhooks", "GET, HEAD, POST", [read().to(webhooks::list), post().to(webhooks::add)]),
        resource("/webhooks/{id}", "DELETE", [delete().to(webhooks::remove)]),
        resource("/webhooks/{id}/deliveries", "GET, HEAD", [read().to(deliveries::list)]),
        resource(
            "/webhooks/{id}/deliveries/{delivery}/redeliver",
            "POST",
            [post().to(deliveries::redeliver)],
        ),
        resource("/webhooks/{id}/redeliver", "POST", [post().to(deliveries::redeliver_all)]),
        resource("/webhooks/{id}/test", "POST", [post().to(deliveries::test)]),
        resource("/webhooks/{id}/secret", "POST", [post().to(webhooks::change_secret)]),
        resource("/v1/audio/transcriptions", "POST", [post().to(openai::transcriptions)]),
        resource("/v1/audio/translations", "POST", [post().to(openai::translations)]),
        resource("/v1/models", "GET, HEAD", [read().to(openai::list)]),
        resource("/v1/models/{id}", "GET, HEAD", [read().to(openai::show)]),
        resource("/asr", "POST", [post().to(asr::transcribe)]),
        resource("/detect-language", "POST", [post().to(asr::detect_language)]),
        resource("/inference", "POST", [post().to(inference::transcribe)]),
        resource("/health", "GET, HEAD", [read().to(health::health)]),
        resource("/health/live", "GET, HEAD", [read().to(health::live)]),
        resource("/health/ready", "GET, HEAD", [read().to(health::ready)]),
        resource("/openapi.json", "GET, HEAD", [read().to(openapi::document)]),
        resource("/docs", "GET, HEAD", [read().to(openapi::docs)]),
        resource("/docs/style.css", "GET, HEAD", [read().to(openapi::style)]),
        resource("/metrics", "GET, HEAD", [read().to(metrics::metrics)]),
        resource("/debug/state", "GET, HEAD", [read().to(debug::state)]),
    ];
    for resource in resources {
        config.service(resource);
    }
    config
        .configure(page::routes)
        .default_service(web::to(|| async { Err::<(), _>(AppError::RouteNotFound) }));
}

/// Headers that make a browser treat answers as data and as nothing else.
pub fn security_headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .add((REFERRER_POLICY, "no-referrer"))
}

/// The same errors for what actix-web refuses by itself, before a handler sees it.
pub fn extractors(config: &mut web::ServiceConfig) {
    config.app_data(web::JsonConfig::default().error_handler(|error, _| {
        AppError::InvalidBody(format!("the body is not the JSON that was expected: {error}")).into()
    }));
}
