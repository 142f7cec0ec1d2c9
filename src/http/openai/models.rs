//! The models that are served, and their names for clients.

use actix_web::{Responder, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::AppError;
use crate::http::service::Service;

#[derive(Serialize, ToSchema)]
#[schema(as = Model)]
pub(in crate::http) struct ModelView {
    id: String,
    object: &'static str,
    /// Seconds since 1970: when the service started.
    created: i64,
    owned_by: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Models)]
pub(in crate::http) struct ModelsView {
    object: &'static str,
    data: Vec<ModelView>,
}

/// Lists the models.
#[utoipa::path(get, path = "/v1/models", responses((status = 200, description = "All of them.", body = ModelsView)))]
pub(in crate::http) async fn list(service: web::Data<Service>) -> impl Responder {
    let data = service.model.names().iter().map(|name| model(&service, name)).collect();
    web::Json(ModelsView { object: "list", data })
}

/// A model.
#[utoipa::path(
    get, path = "/v1/models/{id}", params(("id" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The model.", body = ModelView))
)]
pub(in crate::http) async fn show(
    service: web::Data<Service>,
    name: web::Path<String>,
) -> Result<impl Responder, AppError> {
    service.find_model(Some(&name))?;
    Ok(web::Json(model(&service, &name)))
}

fn model(service: &Service, name: &str) -> ModelView {
    let since = service.clock.wall(service.started).0 / 1000;
    ModelView { id: name.to_owned(), object: "model", created: since, owned_by: "verbatim" }
}
