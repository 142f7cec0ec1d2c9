//! Whether the service is well.

use actix_web::{HttpResponse, Responder, web};
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

/// New work is taken: not while the service is stopping, nor while the store does not answer.
pub(super) async fn ready(service: web::Data<Service>) -> Result<HttpResponse, AppError> {
    if service.is_draining() {
        return Err(AppError::ShuttingDown);
    }
    service.jobs.store().counts().await?;
    Ok(HttpResponse::Ok().json(json!({ "status": "ok" })))
}
