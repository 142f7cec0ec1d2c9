//! Whether the service is well.

use actix_web::{HttpResponse, Responder, web};
use actors::domain::model::lifecycle::Failure;
use actors::domain::model::models::ModelNo;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{AppError, ErrorBody, model_states};
use crate::http::service::Service;

#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    #[schema(pattern = "^ok$")]
    status: &'static str,
    version: &'static str,
    #[schema(schema_with = model_states)]
    model_state: &'static str,
    jobs: Counts,
    uptime_secs: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = JobCounts)]
struct Counts {
    queued: u64,
    running: u64,
}

/// It is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Well {
    #[schema(pattern = "^ok$")]
    status: &'static str,
}

/// The state of the service.
#[utoipa::path(get, path = "/health", responses((status = 200, description = "It answers.", body = Health)))]
pub(in crate::http) async fn health(service: web::Data<Service>) -> Result<impl Responder, AppError> {
    let counts = service.jobs.store().counts().await?;
    Ok(web::Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        model_state: service.model.state().name(),
        jobs: Counts { queued: counts.queued, running: counts.running },
        uptime_secs: service.started.elapsed().as_secs(),
    }))
}

/// Answers whenever the process runs.
#[utoipa::path(get, path = "/health/live", responses((status = 200, description = "It does.", body = Well)))]
pub(in crate::http) async fn live() -> impl Responder {
    web::Json(Well { status: "ok" })
}

/// Whether new work is taken.
///
/// Not while the service is stopping, nor while the store does not answer, nor without a model file that can be read.
#[utoipa::path(
    get, path = "/health/ready",
    responses(
        (status = 200, description = "It is.", body = Well),
        (status = 503, description = "The service is stopping, or there is no model file, or a bad one.", body = ErrorBody),
    )
)]
pub(in crate::http) async fn ready(service: web::Data<Service>) -> Result<HttpResponse, AppError> {
    if service.is_draining() {
        return Err(AppError::ShuttingDown);
    }
    service.jobs.store().counts().await?;
    // Each device has the file of every model.
    let described = service.models().next().unwrap_or(&service.model).clone();
    let facts = web::block(move || described.describe(ModelNo::default()));
    if let Some(facts) = facts.await.map_err(AppError::internal)?
        && let Some(Failure { code, message }) = facts.unusable
    {
        if service.pulls.is_pulling(&facts.id) {
            let message =
                format!("the model {} is being downloaded; GET /models/pulls shows the progress", facts.id);
            return Err(AppError::ModelFailed { code: Failure::MODEL_PULLING, message });
        }
        let error = AppError::ModelFailed { code, message };
        return Ok(HttpResponse::ServiceUnavailable().json(error.body()));
    }
    Ok(HttpResponse::Ok().json(Well { status: "ok" }))
}
