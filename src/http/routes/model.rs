//! The model's routes.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Responder, web};
use actors::domain::event::UnloadReason;
use actors::model::{ModelStatus, State};

use crate::error::AppError;
use crate::http::intake::query::{Loading, Query, Unloading};
use crate::http::service::Service;
use crate::http::views::model_view::{StatusView, status_view};

/// The model's state, at once.
#[utoipa::path(get, path = "/model/status", responses((status = 200, description = "The status.", body = StatusView)))]
pub(in crate::http) async fn status(service: web::Data<Service>) -> impl Responder {
    web::Json(status_view(&service, &service.model.status()))
}

/// Loads the model.
///
/// 200 when it is ready, 202 while that is under way; with `?wait=true` 422 once it cannot be.
#[utoipa::path(
    post, path = "/model/load", params(Loading),
    responses(
        (status = 200, description = "It is ready.", body = StatusView),
        (status = 202, description = "That is under way, or waits for memory.", body = StatusView),
    )
)]
pub(in crate::http) async fn load(
    service: web::Data<Service>,
    Query(query): Query<Loading>,
) -> Result<HttpResponse, AppError> {
    let keep_alive = query.keep_alive()?;
    if service.is_draining() {
        return Err(AppError::ShuttingDown);
    }
    let model = service.find_model(query.model.as_deref())?;
    let loaded = match query.wait {
        true => service.model.load_and_wait(model, keep_alive).await,
        false => service.model.load(model, keep_alive).await,
    };
    let status = loaded.map_err(AppError::internal)?;
    let asked_for = status.of(model);
    if let (true, Some(failure)) = (query.wait, asked_for.failure()) {
        return Err(AppError::ModelFailed { code: failure.code, message: failure.message.clone() });
    }
    Ok(answer(&service, &status, asked_for.state() == State::Ready))
}

/// Unloads the model.
///
/// 200 when it is unloaded, 202 while a chunk is still running.
#[utoipa::path(
    post, path = "/model/unload", params(Unloading),
    responses(
        (status = 200, description = "It is unloaded.", body = StatusView),
        (status = 202, description = "A chunk is still running.", body = StatusView),
    )
)]
pub(in crate::http) async fn unload(
    service: web::Data<Service>,
    Query(query): Query<Unloading>,
) -> Result<HttpResponse, AppError> {
    let hold = query.hold()?.unwrap_or(service.limits.unload_hold);
    if query.wait {
        let unloaded = service.model.unload_and_wait(UnloadReason::Request, Some(hold)).await;
        let status = unloaded.map_err(AppError::internal)?;
        return Ok(HttpResponse::Ok().json(status_view(&service, &status)));
    }
    let status = service.model.unload(UnloadReason::Request, Some(hold)).await.map_err(AppError::internal)?;
    Ok(answer(&service, &status, status.state() == State::Unloaded))
}

fn answer(service: &Service, status: &ModelStatus, is_done: bool) -> HttpResponse {
    let code = if is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    HttpResponse::build(code).json(status_view(service, status))
}
