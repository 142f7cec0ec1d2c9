//! The workers.

use actix_web::{Responder, web};

use crate::http::service::Service;
use crate::http::views::worker_view::{WorkersView, workers_view};

/// The services that run jobs, or the devices of one.
///
/// One, unless several share a PostgreSQL database or the settings name several devices.
#[utoipa::path(get, path = "/workers", responses((status = 200, description = "By id.", body = WorkersView)))]
pub(in crate::http) async fn list(service: web::Data<Service>) -> impl Responder {
    web::Json(workers_view(&service))
}
