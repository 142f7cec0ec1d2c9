//! What operators do with a service.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::service::Service;

/// Whether the service takes new work.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Draining {
    draining: bool,
    /// Those that still run here.
    jobs: Vec<String>,
}

/// Takes no new work, until a restart or `DELETE /admin/drain`.
///
/// What runs here is finished; `jobs` is empty then. What waits in the queue waits for another service, or for this one.
#[utoipa::path(
    post, path = "/admin/drain",
    responses((status = 202, description = "From now on.", body = Draining))
)]
pub(in crate::http) async fn drain(service: web::Data<Service>) -> HttpResponse {
    service.drain();
    HttpResponse::Accepted().json(view(&service))
}

/// Takes new work again.
#[utoipa::path(
    delete, path = "/admin/drain",
    responses((status = 200, description = "From now on.", body = Draining))
)]
pub(in crate::http) async fn resume(service: web::Data<Service>) -> HttpResponse {
    service.resume();
    HttpResponse::Ok().json(view(&service))
}

fn view(service: &Service) -> Draining {
    let jobs = service.jobs.running().iter().map(ToString::to_string).collect();
    Draining { draining: service.is_draining(), jobs }
}
