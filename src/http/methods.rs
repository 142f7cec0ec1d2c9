//! Which methods a path takes.

use actix_web::{Resource, Route, guard, web};

use crate::error::AppError;

/// GET, and HEAD for those who want to know whether it would answer.
pub(super) fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// A path with its routes. Other methods than those in `allow` are answered with it.
pub(super) fn resource<const N: usize>(path: &str, allow: &'static str, routes: [Route; N]) -> Resource {
    let refused = web::to(move || async move { Err::<(), _>(AppError::MethodNotAllowed { allow }) });
    routes.into_iter().fold(web::resource(path).default_service(refused), Resource::route)
}
