//! The messages of a subscriber with their attempts, and redelivery.

use actix_web::{HttpResponse, Responder, web};
use actors::domain::time::Timestamp;
use actors::domain::webhook::MessageId;
use actors::ports::{Attempt, Between, DeliveryQuery, Sent, SentState};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::webhooks::{SubscriberPath, subscriber_id};
use crate::error::{AppError, one_of};
use crate::http::intake::query::Query;
use crate::http::service::Service;
use crate::wire_time::{parse_rfc3339, rfc3339};

const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 500;

/// A message to a subscriber.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(super) struct DeliveryView {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(schema_with = states)]
    state: &'static str,
    attempts: Vec<AttemptView>,
    #[schema(required, format = "date-time")]
    next_try_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
struct AttemptView {
    #[schema(format = "date-time")]
    at: String,
    /// `null` where there was no answer.
    #[schema(required)]
    status: Option<u16>,
    ms: u64,
    #[schema(required)]
    error: Option<String>,
}

fn states() -> Object {
    one_of(["pending", "delivered", "failed"])
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
#[schema(as = Deliveries)]
pub(super) struct DeliveriesView {
    deliveries: Vec<DeliveryView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Redelivered {
    redelivered: u64,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Listing {
    /// Of a page; 50 unless it is given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The next_cursor of the page before.
    #[param(pattern = "^msg_[0-9a-f]{32}$")]
    cursor: Option<String>,
}

impl Listing {
    fn query(&self, subscriber: Uuid) -> Result<DeliveryQuery, AppError> {
        let bad = |param, message: &str| AppError::invalid_query(param, message);
        let before = self.cursor.as_deref().map(str::parse).transpose();
        let before =
            before.map_err(|_| bad("cursor", "cursor must be the next_cursor of an earlier page"))?;
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=LARGEST_PAGE).contains(&limit) {
            return Err(bad("limit", "limit must be from 1 to 500"));
        }
        Ok(DeliveryQuery { subscriber, before, limit })
    }
}

/// Lists a subscriber's messages, newest first.
#[utoipa::path(
    get, path = "/webhooks/{id}/deliveries", params(SubscriberPath, Listing),
    responses((status = 200, description = "A page.", body = DeliveriesView))
)]
pub(in crate::http) async fn list(
    service: web::Data<Service>,
    id: web::Path<String>,
    Query(listing): Query<Listing>,
) -> Result<impl Responder, AppError> {
    let query = listing.query(known(&service, &id).await?)?;
    let limit = query.limit;
    let found = service.jobs.store().deliveries(DeliveryQuery { limit: limit + 1, ..query }).await?;
    let page: Vec<&Sent> = found.iter().take(limit as usize).collect();
    let more = found.len() > page.len();
    let next_cursor = page.last().filter(|_| more).map(|sent| sent.id.to_string());
    Ok(web::Json(DeliveriesView { deliveries: page.into_iter().map(view).collect(), next_cursor }))
}

/// Delivers a message again.
#[utoipa::path(
    post, path = "/webhooks/{id}/deliveries/{delivery}/redeliver",
    params(SubscriberPath, ("delivery" = String, Path, pattern = "^msg_[0-9a-f]{32}$", description = "The message.")),
    responses((status = 202, description = "It is pending.", body = DeliveryView))
)]
pub(in crate::http) async fn redeliver(
    service: web::Data<Service>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, AppError> {
    let (id, delivery) = path.into_inner();
    let subscriber = known(&service, &id).await?;
    let delivery: MessageId = delivery.parse().map_err(|_| AppError::DeliveryNotFound)?;
    let sent = service.jobs.store().redeliver(subscriber, delivery).await?;
    let sent = sent.ok_or(AppError::DeliveryNotFound)?;
    service.notifier.look_into_outbox();
    Ok(HttpResponse::Accepted().json(view(&sent)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Span {
    /// From then on.
    #[param(required, format = "date-time")]
    since: Option<String>,
    /// Before then; now unless it is given.
    #[param(format = "date-time")]
    until: Option<String>,
}

impl Span {
    fn read(&self) -> Result<Between, AppError> {
        let read = |name, text: &str| {
            let message =
                format!("{name} must be a time as RFC 3339 writes it, such as 2026-11-23T13:00:00Z");
            parse_rfc3339(text).ok_or_else(|| AppError::invalid_query(name, message))
        };
        let since = self.since.as_deref().unwrap_or_default();
        let until = self.until.as_deref().map(|text| read("until", text)).transpose()?;
        Ok(Between { since: read("since", since)?, until: until.unwrap_or(Timestamp(i64::MAX)) })
    }
}

/// Delivers all messages of a span of time again.
#[utoipa::path(
    post, path = "/webhooks/{id}/redeliver", params(SubscriberPath, Span),
    responses((status = 202, description = "How many.", body = Redelivered))
)]
pub(in crate::http) async fn redeliver_all(
    service: web::Data<Service>,
    id: web::Path<String>,
    Query(span): Query<Span>,
) -> Result<HttpResponse, AppError> {
    let subscriber = known(&service, &id).await?;
    let redelivered = service.jobs.store().redeliver_all(subscriber, span.read()?).await?;
    service.notifier.look_into_outbox();
    Ok(HttpResponse::Accepted().json(Redelivered { redelivered }))
}

/// Sends a test message.
#[utoipa::path(
    post, path = "/webhooks/{id}/test", params(SubscriberPath),
    responses((status = 202, description = "It is pending.", body = DeliveryView))
)]
pub(in crate::http) async fn test(
    service: web::Data<Service>,
    id: web::Path<String>,
) -> Result<HttpResponse, AppError> {
    let sent = service.jobs.store().send_test(subscriber_id(&id)?).await?;
    let sent = sent.ok_or(AppError::WebhookNotFound)?;
    service.notifier.look_into_outbox();
    Ok(HttpResponse::Accepted().json(view(&sent)))
}

/// The id in a path, if there is such a subscriber.
async fn known(service: &Service, text: &str) -> Result<Uuid, AppError> {
    let found = service.jobs.store().subscriber(subscriber_id(text)?).await?;
    found.map(|subscriber| subscriber.id).ok_or(AppError::WebhookNotFound)
}

fn view(sent: &Sent) -> DeliveryView {
    DeliveryView {
        id: sent.id.to_string(),
        kind: sent.kind.clone(),
        created_at: rfc3339(sent.created_at),
        state: match sent.state {
            SentState::Pending => "pending",
            SentState::Delivered => "delivered",
            SentState::Failed => "failed",
        },
        attempts: sent.attempts.iter().map(attempt).collect(),
        next_try_at: sent.next_try_at.map(rfc3339),
    }
}

fn attempt((at, attempt): &(Timestamp, Attempt)) -> AttemptView {
    let ms = u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX);
    AttemptView { at: rfc3339(*at), status: attempt.status, ms, error: attempt.error.clone() }
}
