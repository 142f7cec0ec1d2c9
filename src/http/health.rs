//! Whether the service is well.

use actix_web::{HttpResponse, Responder, web};
use actors::domain::model::models::ModelNo;
use serde_json::json;

use super::service::Service;
use crate::error::AppError;

pub(super) async fn health(service: web::Data<Service>) -> Result<impl Responder, AppError> {
    let counts = service.jobs.store().counts().await?;
    Ok(web::Json(json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "model_state": service.model.state().name(),
        "jobs": { "queued": counts.queued, "running": counts.running },
        "uptime_secs": service.started.elapsed().as_secs(),
    })))
}

/// The process answers, whatever else is the matter.
pub(super) async fn live() -> impl Responder {
    web::Json(json!({ "status": "ok" }))
}

/// New work is taken: not while the service is stopping, nor while the store does not answer, nor without a model.
pub(super) async fn ready(service: web::Data<Service>) -> Result<HttpResponse, AppError> {
    if service.is_draining() {
        return Err(AppError::ShuttingDown);
    }
    service.jobs.store().counts().await?;
    let described = service.clone();
    let facts = web::block(move || described.model.describe(ModelNo::default()));
    if let Some(facts) = facts.await.map_err(AppError::internal)?.filter(|facts| facts.bytes.is_none()) {
        let message = format!(
            "there is no model at {}: fetch one with `verbatim models pull NAME`, or set [model] path or name",
            facts.path
        );
        let error = AppError::ModelFailed { code: "model_not_found", message };
        return Ok(HttpResponse::ServiceUnavailable().json(error.body()));
    }
    Ok(HttpResponse::Ok().json(json!({ "status": "ok" })))
}
