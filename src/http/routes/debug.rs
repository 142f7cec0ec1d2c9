//! The state of the actors, for an operator who debugs a service that is stuck.

use actix_web::{Responder, web};
use actors::job::JobHandle;
use actors::model::ModelHandle;
use actors::notifier::NotifierHandle;
use futures_util::future::join_all;
use futures_util::join;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, OneOfBuilder, Schema, Type};

use crate::error::one_of;
use crate::http::service::Service;
use crate::http::views::pull_view::pull_view;

/// The description of the state; the actors' own snapshots are what is sent.
#[derive(ToSchema)]
#[schema(as = DebugState)]
#[expect(dead_code, reason = "for the description")]
pub(in crate::http) struct DebugState {
    #[schema(value_type = Object)]
    model: (),
    #[schema(schema_with = observed)]
    jobs: (),
    #[schema(schema_with = observed)]
    queue: (),
    #[schema(value_type = Vec<Option<Object>>)]
    workers: (),
    #[schema(schema_with = observed)]
    notifier: (),
    #[schema(value_type = Vec<Object>)]
    pulls: (),
    /// The model and the jobs of each, where there are several.
    #[schema(value_type = Vec<Object>)]
    devices: (),
}

/// The state of an actor, or that it did not answer.
fn observed() -> Schema {
    let unresponsive = one_of(["unresponsive"]);
    OneOfBuilder::new().item(Object::with_type(Type::Object)).item(unresponsive).build().into()
}

/// The state of each actor.
///
/// An actor that does not answer within a second is "unresponsive". Fields may change with any version.
#[utoipa::path(
    get, path = "/debug/state",
    responses((status = 200, description = "By the names of the actors.", body = DebugState))
)]
pub(in crate::http) async fn state(service: web::Data<Service>) -> impl Responder {
    let Service { model, jobs, notifier, pulls, devices, .. } = &**service;
    let of_devices = devices.iter().map(|device| async {
        json!({
            "name": device.name,
            (ModelHandle::NAME): device.model.observe(),
            (JobHandle::NAME): device.jobs.observe().await,
        })
    });
    let (of_jobs, queue, of_notifier, of_devices) =
        join!(jobs.observe(), jobs.observe_queue(), notifier.observe(), join_all(of_devices));
    web::Json(json!({
        (ModelHandle::NAME): model.observe(),
        (JobHandle::NAME): of_jobs,
        "queue": queue,
        (JobHandle::WORKERS): jobs.observe_workers(),
        (NotifierHandle::NAME): of_notifier,
        "pulls": pulls.list().iter().map(pull_view).collect::<Vec<_>>(),
        "devices": of_devices,
    }))
}
