//! Authenticates callers, and checks their scopes.

use std::future::{Ready, ready};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderName};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, ResponseError, web};

use crate::auth::{Caller, Scope};
use crate::error::AppError;
use crate::http::page::is_page;
use crate::http::service::Service;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Checks the key where the settings demand one, before anything of the body is read.
pub async fn authorize<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match caller(&request).and_then(|caller| counted(&request, caller)) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(next.call(request).await?.map_into_left_body())
        }
        Err(refusal) => Ok(request.into_response(refusal.error_response()).map_into_right_body()),
    }
}

fn caller(request: &ServiceRequest) -> Result<Caller, AppError> {
    let keys = request.app_data::<web::Data<Service>>().and_then(|service| service.keys.current());
    let (Some(keys), Some(scopes)) = (keys, needed(request.method(), routed(request))) else {
        return Ok(Caller::anyone());
    };
    let caller = presented_key(request).and_then(|key| keys.find(key)).ok_or(AppError::InvalidApiKey)?;
    let may = scopes.iter().any(|scope| caller.may(*scope));
    match scopes.first() {
        Some(scope) if !may => Err(AppError::InsufficientScope { scope: scope.name() }),
        Some(_) | None => Ok(caller.clone()),
    }
}

/// The key of `Authorization: Bearer KEY`, `Authorization: Token KEY` or `X-API-Key: KEY`.
fn presented_key(request: &ServiceRequest) -> Option<&str> {
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let in_authorization = header(AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.trim().split_once(' ')?;
        let is_known = ["bearer", "token"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        is_known.then_some(key.trim())
    });
    in_authorization.or_else(|| header(X_API_KEY).map(str::trim))
}

fn counted(request: &ServiceRequest, caller: Caller) -> Result<Caller, AppError> {
    let Some(service) = request.app_data::<web::Data<Service>>() else { return Ok(caller) };
    if is_below("/health", routed(request)) || is_page(routed(request)) {
        return Ok(caller);
    }
    let address = request.peer_addr().map(|address| address.ip().to_string()).unwrap_or_default();
    service.count(&caller, &address).map(|()| caller)
}

/// The path as the routes see it: what is written otherwise, as `%73` for `s`, is judged by what it is.
fn routed(request: &ServiceRequest) -> &str {
    request.match_info().as_str()
}

fn is_below(root: &str, path: &str) -> bool {
    path == root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
}

/// The description of the API.
const DESCRIPTION: [&str; 3] = ["/openapi.json", "/docs", "/docs/style.css"];

/// Where recordings are sent to.
const SUBMITS: [&str; 5] = ["/jobs", "/v1", "/asr", "/detect-language", "/inference"];

/// The rights that a key needs, any of these; `None` is open without a key.
fn needed(method: &Method, path: &str) -> Option<&'static [Scope]> {
    let reads = method == Method::GET || method == Method::HEAD;
    match () {
        () if is_below("/health", path) => None,
        () if reads && (is_page(path) || DESCRIPTION.contains(&path)) => None,
        () if handles_own_webhooks(method, path) => Some(&[Scope::Submit, Scope::Admin]),
        () if is_below("/webhooks", path) => Some(&[Scope::Admin]),
        () if is_below("/debug", path) || is_below("/workers", path) => Some(&[Scope::Admin]),
        () if reads => Some(&[Scope::Read]),
        () if SUBMITS.iter().any(|root| is_below(root, path)) => Some(&[Scope::Submit]),
        () => Some(&[Scope::Admin]),
    }
}

/// Lists and removes subscribers. A key that may submit jobs adds one with a job, and sees its own here.
fn handles_own_webhooks(method: &Method, path: &str) -> bool {
    match path.strip_prefix("/webhooks") {
        Some("") => method == Method::GET || method == Method::HEAD,
        Some(rest) => {
            let is_one = rest.strip_prefix('/').is_some_and(|id| !id.contains('/'));
            method == Method::DELETE && is_one
        }
        None => false,
    }
}

impl FromRequest for Caller {
    type Error = AppError;
    type Future = Ready<Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let known = request.extensions().get::<Caller>().cloned();
        ready(known.ok_or_else(|| AppError::internal("the request has no authenticated caller")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_but_health_and_the_description_needs_a_key() {
        let needed = |method, path| needed(&method, path);
        let (submit, read, admin) =
            (Some(&[Scope::Submit][..]), Some(&[Scope::Read][..]), Some(&[Scope::Admin][..]));
        assert_eq!(needed(Method::GET, "/health/ready"), None);
        assert_eq!(needed(Method::GET, "/docs"), None);
        assert_eq!(needed(Method::GET, "/openapi.json"), None);
        assert_eq!(needed(Method::GET, "/healthy"), read);
        assert_eq!(needed(Method::GET, "/"), None);
        assert_eq!(needed(Method::HEAD, "/web/1/app.js"), None);
        assert_eq!(needed(Method::GET, "/website"), read);
        assert_eq!(needed(Method::POST, "/jobs"), submit);
        assert_eq!(needed(Method::POST, "/v1/audio/transcriptions"), submit);
        for path in ["/asr", "/detect-language", "/inference"] {
            assert_eq!(needed(Method::POST, path), submit, "{path}");
        }
        assert_eq!(needed(Method::GET, "/v1/models"), read);
        assert_eq!(needed(Method::DELETE, "/jobs/1"), submit);
        assert_eq!(needed(Method::PUT, "/jobs/1/transcript"), submit);
        assert_eq!(needed(Method::POST, "/jobs/1/retry"), submit);
        assert_eq!(needed(Method::GET, "/jobs/1/audio"), read);
        assert_eq!(needed(Method::GET, "/jobs/1/events"), read);
        assert_eq!(needed(Method::HEAD, "/model/status"), read);
        assert_eq!(needed(Method::GET, "/debug/state"), admin);
        assert_eq!(needed(Method::POST, "/model/unload"), admin);
        assert_eq!(needed(Method::GET, "/models/pulls"), read);
        assert_eq!(needed(Method::POST, "/models/pulls"), admin);
        assert_eq!(needed(Method::DELETE, "/models/pulls/base"), admin);
        assert_eq!(needed(Method::POST, "/whatever"), admin);
    }

    #[test]
    fn subscribers_are_managed_with_the_scope_that_adds_them() {
        let needed = |method, path| needed(&method, path);
        let either = Some(&[Scope::Submit, Scope::Admin][..]);
        assert_eq!(needed(Method::GET, "/webhooks"), either);
        assert_eq!(needed(Method::HEAD, "/webhooks"), either);
        assert_eq!(needed(Method::DELETE, "/webhooks/1"), either);
        for (method, path) in [
            (Method::POST, "/webhooks"),
            (Method::POST, "/webhooks/1/secret"),
            (Method::GET, "/webhooks/1/deliveries"),
            (Method::DELETE, "/webhooks/1/deliveries"),
            (Method::DELETE, "/webhooks"),
        ] {
            assert_eq!(needed(method.clone(), path), Some(&[Scope::Admin][..]), "{method} {path}");
        }
    }
}
