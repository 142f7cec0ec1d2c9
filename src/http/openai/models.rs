//! The models that are served, and the names that clients know them by.

use actix_web::{Responder, web};
use serde_json::{Value, json};

use crate::error::AppError;
use crate::http::service::Service;

pub(in crate::http) async fn list(service: web::Data<Service>) -> impl Responder {
    let served: Vec<_> = service.model.names().iter().map(|name| model(&service, name)).collect();
    web::Json(json!({ "object": "list", "data": served }))
}

pub(in crate::http) async fn show(
    service: web::Data<Service>,
    name: web::Path<String>,
) -> Result<impl Responder, AppError> {
    service.find_model(Some(&name))?;
    Ok(web::Json(model(&service, &name)))
}

fn model(service: &Service, name: &str) -> Value {
    let since = service.clock.wall(service.started).0 / 1000;
    json!({ "id": name, "object": "model", "created": since, "owned_by": "verbatim" })
}
