//! The web page. Its files hold no data and are sent without a key; what it shows comes from the other routes.

mod files;

use actix_web::http::header::{
    ACCEPT, AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, Encoding,
    EntityTag, Header, VARY,
};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::error::AppError;
use crate::http::byte_range::is_unchanged;
use crate::http::methods::{read, resource};
use files::{File, PAGE};

/// The page loads nothing from elsewhere, sends nothing elsewhere, and is in no other page's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data: blob:; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
/// Asked for again each time, and answered with 304 while it is the same.
const CHECKED: &str = "no-cache";
/// Another version has another address.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Below this are all files of the page but the index.
const FILES: &str = "/web";

/// Whether a path is one of the page's.
pub(super) fn is_page(path: &str) -> bool {
    path == "/" || path.strip_prefix(FILES).is_some_and(|rest| rest.starts_with('/'))
}

/// The page's routes. The OpenAPI description does not have them.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(resource("/", "GET, HEAD", [read().to(index)])).service(resource(
        "/web/{version}/{name}",
        "GET, HEAD",
        [read().to(file)],
    ));
}

/// The index. A client that takes JSON and no HTML is not a browser: there is no such route for it.
async fn index(request: HttpRequest) -> Result<HttpResponse, AppError> {
    let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    if ["text/html", "text/*", "*/*"].iter().any(|kind| accepted.contains(kind)) {
        return Ok(send(&request, &PAGE.index, CHECKED));
    }
    Err(AppError::RouteNotFound)
}

/// A file by its version and name. A page that is older than the service gets the present one.
async fn file(request: HttpRequest, path: web::Path<(String, String)>) -> Result<HttpResponse, AppError> {
    let (version, name) = path.into_inner();
    let file = PAGE.find(&name).ok_or(AppError::RouteNotFound)?;
    Ok(send(&request, file, if version == PAGE.version { FOR_EVER } else { CHECKED }))
}

fn send(request: &HttpRequest, file: &File, cached: &'static str) -> HttpResponse {
    let tag = EntityTag::new_weak(file.etag.clone());
    let is_known = is_unchanged(request, &tag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, tag.to_string()))
        .insert_header((CACHE_CONTROL, cached))
        .insert_header((VARY, "accept, accept-encoding"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY));
    if is_known {
        return response.finish();
    }
    response.content_type(file.kind);
    if takes_gzip(request) {
        return response.insert_header((CONTENT_ENCODING, "gzip")).body(file.gzip.clone());
    }
    response.body(file.plain.clone())
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let Ok(accepted) = AcceptEncoding::parse(request) else { return false };
    let offered = [Encoding::gzip(), Encoding::identity()];
    accepted.negotiate(offered.iter()) == Some(Encoding::gzip())
}
