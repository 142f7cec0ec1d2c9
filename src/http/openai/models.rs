//! The models that are served: one, and the names that clients know it by.

use actix_web::{Responder, web};
use serde_json::{Value, json};

use crate::error::AppError;
use crate::http::service::Service;

/// What the official clients call their models: each stands for the one that is served.
const ALIASES: [&str; 3] = ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"];

pub(in crate::http) async fn list(service: web::Data<Service>) -> impl Responder {
    let served = service.model.status().facts.id;
    web::Json(json!({ "object": "list", "data": [model(&service, &served)] }))
}

pub(in crate::http) async fn show(
    service: web::Data<Service>,
    name: web::Path<String>,
) -> Result<impl Responder, AppError> {
    check(&service, &name)?;
    Ok(web::Json(model(&service, &name)))
}

/// Makes sure that a name is one of the served model's.
pub(in crate::http) fn check(service: &Service, name: &str) -> Result<(), AppError> {
    let served = service.model.status().facts.id;
    if name == served || ALIASES.contains(&name) {
        return Ok(());
    }
    Err(AppError::UnknownModel { name: name.to_owned(), served })
}

fn model(service: &Service, name: &str) -> Value {
    let since = service.clock.wall(service.started).0 / 1000;
    json!({ "id": name, "object": "model", "created": since, "owned_by": "verbatim" })
}
