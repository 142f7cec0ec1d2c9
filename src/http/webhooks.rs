//! The subscribers to the model's webhooks.

use actix_web::{HttpResponse, Responder, web};
use actors::domain::webhook::SigningKey;
use actors::ports::{Subscriber, SubscriberState};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::service::Service;
use crate::auth::{Caller, Scope};
use crate::error::AppError;
use crate::outgoing::TargetUrl;
use crate::webhook::{check_secret, new_secret};
use crate::wire_time::rfc3339;

/// All of them to an admin; to others their own.
pub(super) async fn list(service: web::Data<Service>, caller: Caller) -> Result<impl Responder, AppError> {
    let all = service.jobs.store().subscribers().await?;
    let seen = all.iter().filter(|one| caller.may(Scope::Admin) || is_own(one, &caller));
    let views: Vec<Value> = seen.map(|one| view(one, &caller)).collect();
    Ok(web::Json(json!({ "webhooks": views })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSubscriber {
    url: String,
    secret: Option<String>,
}

pub(super) async fn add(
    service: web::Data<Service>,
    caller: Caller,
    new: web::Json<NewSubscriber>,
) -> Result<HttpResponse, AppError> {
    let url = TargetUrl::parse(&new.url, &service.limits.webhook_rules)
        .map_err(|error| AppError::bad_webhook_url(&error, "url"))?;
    let secret = new.secret.as_deref().map(check_secret).transpose();
    let secret = secret.map_err(|_| AppError::InvalidWebhookSecret)?;
    let subscriber = service.jobs.store().subscribe(&caller.owner, url.as_str(), secret).await?;
    Ok(HttpResponse::Created().json(view(&subscriber, &caller)))
}

/// An admin removes it for all; others take back that it is theirs.
pub(super) async fn remove(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, AppError> {
    let (store, id) = (service.jobs.store(), subscriber_id(&id)?);
    let removed = match caller.may(Scope::Admin) {
        true => store.unsubscribe(id).await?,
        false => store.disown(id, &caller.owner).await?,
    };
    match removed {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(AppError::WebhookNotFound),
    }
}

/// Makes a new secret for a subscriber, and shows it this once.
pub(super) async fn change_secret(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<impl Responder, AppError> {
    let secret = new_secret().map_err(AppError::internal)?;
    let changed = service.jobs.store().change_secret(subscriber_id(&id)?, secret.clone()).await?;
    let mut view = view(&changed.ok_or(AppError::WebhookNotFound)?, &caller);
    view["secret"] = json!(secret.expose());
    Ok(web::Json(view))
}

/// The id in a path: anything else is the id of no subscriber.
pub(super) fn subscriber_id(text: &str) -> Result<Uuid, AppError> {
    text.parse().map_err(|_| AppError::WebhookNotFound)
}

fn is_own(subscriber: &Subscriber, caller: &Caller) -> bool {
    subscriber.owners.contains(&caller.owner)
}

/// Who did not name the URL does not see what may be a secret in it.
fn view(subscriber: &Subscriber, caller: &Caller) -> Value {
    let own = is_own(subscriber, caller);
    let url = if own { subscriber.url.clone() } else { TargetUrl::redacted(&subscriber.url) };
    json!({
        "id": subscriber.id,
        "url": url,
        "own": own,
        "created_at": rfc3339(subscriber.created_at),
        "state": match subscriber.state {
            SubscriberState::Active => "active",
            SubscriberState::Off => "off",
        },
        "failing_since": subscriber.failing_since.map(rfc3339),
        "own_secret": match subscriber.signed_with {
            SigningKey::Service => false,
            SigningKey::Own(_) => true,
        },
        "old_secret_until": subscriber.old_secret_until.map(rfc3339),
    })
}
