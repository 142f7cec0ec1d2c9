//! Who is told of the model by webhook.

use actix_web::{HttpResponse, Responder, web};
use actors::ports::Subscriber;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::service::Service;
use crate::error::AppError;
use crate::webhook::WebhookUrl;
use crate::wire_time::rfc3339;

pub(super) async fn list(service: web::Data<Service>) -> Result<impl Responder, AppError> {
    let all = service.jobs.store().subscribers().await?;
    let views: Vec<Value> = all.iter().map(view).collect();
    Ok(web::Json(json!({ "webhooks": views })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSubscriber {
    url: String,
}

pub(super) async fn add(
    service: web::Data<Service>,
    new: web::Json<NewSubscriber>,
) -> Result<HttpResponse, AppError> {
    let url = WebhookUrl::parse(&new.url, service.limits.webhook_rules)
        .map_err(|error| AppError::bad_webhook_url(&error, "url"))?;
    let subscriber = service.jobs.store().subscribe(url.as_str()).await?;
    Ok(HttpResponse::Created().json(view(&subscriber)))
}

pub(super) async fn remove(
    service: web::Data<Service>,
    id: web::Path<String>,
) -> Result<HttpResponse, AppError> {
    let id: Uuid = id.parse().map_err(|_| AppError::WebhookNotFound)?;
    match service.jobs.store().unsubscribe(id).await? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(AppError::WebhookNotFound),
    }
}

fn view(subscriber: &Subscriber) -> Value {
    json!({
        "id": subscriber.id, "url": subscriber.url, "created_at": rfc3339(subscriber.created_at),
    })
}
