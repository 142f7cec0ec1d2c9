//! What the routes take and answer, described for programs.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

/// Held to the routes by `tests/architecture/`, and to what is answered by `tests/api/openapi.rs`.
const DOCUMENT: &str = include_str!("../../docs/openapi.json");

pub(super) async fn document() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(DOCUMENT)
}
