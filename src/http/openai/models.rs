//! The models that are served, and the names that clients know them by.

use actix_web::{Responder, web};
use actors::domain::models::ModelNo;
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

/// Makes sure that a name is one of the default model's: jobs have no other so far.
pub fn check(service: &Service, name: &str) -> Result<(), AppError> {
    let message = "must be the default one so far".to_owned();
    match service.find_model(Some(name))? == ModelNo::default() {
        true => Ok(()),
        false => Err(AppError::InvalidOption { name: "model", message }),
    }
}

fn model(service: &Service, name: &str) -> Value {
    let since = service.clock.wall(service.started).0 / 1000;
    json!({ "id": name, "object": "model", "created": since, "owned_by": "verbatim" })
}
