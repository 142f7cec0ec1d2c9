//! Refuses what a web page of another site sends, and answers the preflights of pages that are allowed.

use actix_cors::Cors;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HOST, HeaderName, LOCATION, ORIGIN, RETRY_AFTER};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};

use crate::auth::{ANY, Foreign, Sent, Sites};
use crate::error::AppError;
use crate::http::service::Service;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// How long a browser may remember the answer to a preflight, in seconds.
const PREFLIGHT_SECS: usize = 600;

/// Refuses foreign hosts and pages of other sites, before anything of the body is read. Only where no key is asked for;
/// the health of the service is not a secret.
pub async fn refuse_foreign_sites<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let checked = match request.app_data::<web::Data<Service>>() {
        Some(service) if service.keys.current().is_none() && !request.path().starts_with("/health") => {
            check(&service.limits.sites, &request)
        }
        Some(_) | None => Ok(()),
    };
    match checked {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(refusal) => Ok(request.into_response(refusal.error_response()).map_into_right_body()),
    }
}

/// Answers preflights for pages of the allowed origins, on every path and without a key, and lets them read answers.
pub fn cors(sites: &Sites) -> Cors {
    let cors = Cors::default()
        .allow_any_method()
        .allow_any_header()
        .expose_headers([LOCATION, RETRY_AFTER, HeaderName::from_static("x-request-id")])
        .max_age(PREFLIGHT_SECS);
    match sites.origins.iter().any(|origin| origin == ANY) {
        true => cors.allow_any_origin(),
        false => sites.origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin)),
    }
}

fn check(sites: &Sites, request: &ServiceRequest) -> Result<(), AppError> {
    let header =
        |name: &HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    // HTTP/2 has the host in the address.
    let host = header(&HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    let sent = Sent {
        host: host.unwrap_or_default(),
        origin: header(&ORIGIN),
        fetch_site: header(&SEC_FETCH_SITE),
        changes: request.method() != Method::GET && request.method() != Method::HEAD,
    };
    sites.check(&sent).map_err(|foreign| match foreign {
        Foreign::Host(host) => AppError::ForbiddenHost { host },
        Foreign::Origin(origin) => AppError::ForbiddenOrigin { origin },
    })
}
