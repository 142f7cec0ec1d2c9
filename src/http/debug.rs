//! The state of the actors, for an operator who debugs a service that is stuck.

use actix_web::{Responder, web};
use actors::job::JobHandle;
use actors::model::ModelHandle;
use actors::notifier::NotifierHandle;
use futures_util::join;
use serde_json::json;

use super::service::Service;

/// Each actor under its name. One that does not answer within a second is shown as `"unresponsive"`.
pub(super) async fn state(service: web::Data<Service>) -> impl Responder {
    let Service { model, jobs, notifier, .. } = &**service;
    let (of_jobs, queue, of_notifier) = join!(jobs.observe(), jobs.observe_queue(), notifier.observe());
    web::Json(json!({
        (ModelHandle::NAME): model.observe(),
        (JobHandle::NAME): of_jobs,
        "queue": queue,
        (JobHandle::WORKERS): jobs.observe_workers(),
        (NotifierHandle::NAME): of_notifier,
    }))
}
