//! The subscribers to the model's webhooks.

use actix_web::{HttpResponse, Responder, web};
use actors::domain::webhook::SigningKey;
use actors::ports::{Subscriber, SubscriberState};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::auth::{Caller, Scope};
use crate::error::{AppError, one_of};
use crate::http::service::Service;
use crate::outgoing::TargetUrl;
use crate::webhook::{check_secret, new_secret};
use crate::wire_time::rfc3339;

/// A subscriber to the model's webhooks.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscriber)]
pub(super) struct SubscriberView {
    id: Uuid,
    /// Unless it is the caller's own, without credentials and with redacted in place of the query.
    url: String,
    /// Whether the caller named this URL.
    own: bool,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(schema_with = states)]
    state: &'static str,
    #[schema(required, format = "date-time")]
    failing_since: Option<String>,
    /// Whether a secret of its own signs; else it is the service's.
    own_secret: bool,
    /// Until then both secrets sign.
    #[schema(required, format = "date-time")]
    old_secret_until: Option<String>,
    /// Only in the answer that makes it.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

fn states() -> Object {
    one_of(["active", "off"])
}

#[derive(Serialize, ToSchema)]
#[schema(as = Subscribers)]
pub(super) struct SubscribersView {
    webhooks: Vec<SubscriberView>,
}

/// Lists subscribers.
#[utoipa::path(
    get, path = "/webhooks",
    responses((
        status = 200, body = SubscribersView,
        description = "All of them to a key with the scope admin, else the caller's own.",
    ))
)]
pub(in crate::http) async fn list(
    service: web::Data<Service>,
    caller: Caller,
) -> Result<impl Responder, AppError> {
    let all = service.jobs.store().subscribers().await?;
    let seen = all.iter().filter(|one| caller.may(Scope::Admin) || is_own(one, &caller));
    Ok(web::Json(SubscribersView { webhooks: seen.map(|one| view(one, &caller)).collect() }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewSubscriber {
    #[schema(format = "uri")]
    url: String,
    /// whsec_ and 24 to 64 bytes in base64. Without one the service's own secret signs.
    #[schema(pattern = "^whsec_([A-Za-z0-9+/]{4}){8,20}[A-Za-z0-9+/]{4}$")]
    secret: Option<String>,
}

/// Adds a subscriber.
#[utoipa::path(
    post, path = "/webhooks", request_body = NewSubscriber,
    responses((status = 201, description = "It is there.", body = SubscriberView))
)]
pub(in crate::http) async fn add(
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

/// Removes a subscriber, with what is pending.
///
/// An admin removes it for all; others take back that it is theirs.
#[utoipa::path(
    delete, path = "/webhooks/{id}", params(SubscriberPath),
    responses((status = 204, description = "Removed."))
)]
pub(in crate::http) async fn remove(
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

/// Makes a new secret for a subscriber, and returns it once.
#[utoipa::path(
    post, path = "/webhooks/{id}/secret", params(SubscriberPath),
    responses((status = 200, description = "The subscriber, with its secret.", body = SubscriberView))
)]
pub(in crate::http) async fn change_secret(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<impl Responder, AppError> {
    let secret = new_secret().map_err(AppError::internal)?;
    let changed = service.jobs.store().change_secret(subscriber_id(&id)?, secret.clone()).await?;
    let view = view(&changed.ok_or(AppError::WebhookNotFound)?, &caller);
    Ok(web::Json(SubscriberView { secret: Some(secret.expose().to_owned()), ..view }))
}

/// A path that names a subscriber.
#[derive(IntoParams)]
#[into_params(names("id"), parameter_in = Path)]
pub(super) struct SubscriberPath(
    /// The subscriber.
    #[param(format = "uuid")]
    #[expect(dead_code, reason = "for the description")]
    String,
);

/// The id in a path: anything else is the id of no subscriber.
pub(super) fn subscriber_id(text: &str) -> Result<Uuid, AppError> {
    text.parse().map_err(|_| AppError::WebhookNotFound)
}

fn is_own(subscriber: &Subscriber, caller: &Caller) -> bool {
    subscriber.owners.contains(&caller.owner)
}

/// Who did not name the URL does not see what may be a secret in it.
fn view(subscriber: &Subscriber, caller: &Caller) -> SubscriberView {
    let own = is_own(subscriber, caller);
    SubscriberView {
        id: subscriber.id,
        url: if own { subscriber.url.clone() } else { TargetUrl::redacted(&subscriber.url) },
        own,
        created_at: rfc3339(subscriber.created_at),
        state: match subscriber.state {
            SubscriberState::Active => "active",
            SubscriberState::Off => "off",
        },
        failing_since: subscriber.failing_since.map(rfc3339),
        own_secret: match subscriber.signed_with {
            SigningKey::Service => false,
            SigningKey::Own(_) => true,
        },
        old_secret_until: subscriber.old_secret_until.map(rfc3339),
        secret: None,
    }
}
