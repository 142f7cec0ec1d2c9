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
use actix_web::web::{self, delete, get, post, put, resource};

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
pub use service::{Limits, Service};
pub use streams::Streams;
pub use views::answers::Answers;
pub use wait_policy::WaitPolicy;

use crate::error::AppError;
use methods::{only, read};
use routes::{
    asr, debug, deliveries, events, health, inference, jobs, metrics, model, models, recording, transcripts,
    webhooks,
};

/// Every route of the service.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/jobs")
                .route(post().to(jobs::submit))
                .route(read().to(jobs::list))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(
            resource("/jobs/{id}")
                .route(read().to(jobs::show))
                .route(delete().to(jobs::cancel))
                .default_service(only("GET, HEAD, DELETE")),
        )
        .service(resource("/jobs/{id}/retry").route(post().to(jobs::retry)).default_service(only("POST")))
        .service(resource("/jobs/{id}/events").route(get().to(events::of_job)).default_service(only("GET")))
        .service(
            resource("/jobs/{id}/audio")
                .route(read().to(recording::audio))
                .default_service(only("GET, HEAD")),
        )
        .service(
            resource("/jobs/{id}/audio/peaks")
                .route(read().to(recording::peaks))
                .default_service(only("GET, HEAD")),
        )
        .service(
            resource("/jobs/{id}/transcript")
                .route(read().to(transcripts::show))
                .route(put().to(transcripts::edit))
                .default_service(only("GET, HEAD, PUT")),
        )
        .service(
            resource("/jobs/{id}/transcript/revisions")
                .route(read().to(transcripts::revisions))
                .default_service(only("GET, HEAD")),
        )
        .service(resource("/model/status").route(read().to(model::status)).default_service(only("GET, HEAD")))
        .service(resource("/model/load").route(post().to(model::load)).default_service(only("POST")))
        .service(resource("/model/unload").route(post().to(model::unload)).default_service(only("POST")))
        .service(resource("/model/events").route(get().to(events::of_model)).default_service(only("GET")))
        .service(resource("/models").route(read().to(models::list)).default_service(only("GET, HEAD")))
        .service(
            resource("/models/pulls")
                .route(post().to(models::pull))
                .route(get().to(models::pulls))
                .default_service(only("GET, POST")),
        )
        .service(
            resource("/models/pulls/{name}")
                .route(delete().to(models::cancel))
                .default_service(only("DELETE")),
        )
        .service(
            resource("/webhooks")
                .route(read().to(webhooks::list))
                .route(post().to(webhooks::add))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(
            resource("/webhooks/{id}").route(delete().to(webhooks::remove)).default_service(only("DELETE")),
        )
        .service(
            resource("/webhooks/{id}/deliveries")
                .route(read().to(deliveries::list))
                .default_service(only("GET, HEAD")),
        )
        .service(
            resource("/webhooks/{id}/deliveries/{delivery}/redeliver")
                .route(post().to(deliveries::redeliver))
                .default_service(only("POST")),
        )
        .service(
            resource("/webhooks/{id}/redeliver")
                .route(post().to(deliveries::redeliver_all))
                .default_service(only("POST")),
        )
        .service(
            resource("/webhooks/{id}/test").route(post().to(deliveries::test)).default_service(only("POST")),
        )
        .service(
            resource("/webhooks/{id}/secret")
                .route(post().to(webhooks::change_secret))
                .default_service(only("POST")),
        )
        .service(
            resource("/v1/audio/transcriptions")
                .route(post().to(openai::transcriptions))
                .default_service(only("POST")),
        )
        .service(
            resource("/v1/audio/translations")
                .route(post().to(openai::translations))
                .default_service(only("POST")),
        )
        .service(resource("/v1/models").route(read().to(openai::list)).default_service(only("GET, HEAD")))
        .service(
            resource("/v1/models/{id}").route(read().to(openai::show)).default_service(only("GET, HEAD")),
        )
        .service(resource("/asr").route(post().to(asr::transcribe)).default_service(only("POST")))
        .service(
            resource("/detect-language").route(post().to(asr::detect_language)).default_service(only("POST")),
        )
        .service(resource("/inference").route(post().to(inference::transcribe)).default_service(only("POST")))
        .service(resource("/health").route(read().to(health::health)).default_service(only("GET, HEAD")))
        .service(resource("/health/live").route(read().to(health::live)).default_service(only("GET, HEAD")))
        .service(resource("/health/ready").route(read().to(health::ready)).default_service(only("GET, HEAD")))
        .service(
            resource("/openapi.json").route(read().to(openapi::document)).default_service(only("GET, HEAD")),
        )
        .service(resource("/docs").route(read().to(openapi::docs)).default_service(only("GET, HEAD")))
        .service(
            resource("/docs/style.css").route(read().to(openapi::style)).default_service(only("GET, HEAD")),
        )
        .service(resource("/metrics").route(read().to(metrics::metrics)).default_service(only("GET, HEAD")))
        .service(resource("/debug/state").route(read().to(debug::state)).default_service(only("GET, HEAD")))
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
