//! Which methods a path takes.

use actix_web::web;
use actix_web::{Route, guard};

use crate::error::AppError;

/// GET, and HEAD for those who want to know whether it would answer.
pub(super) fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// What a path says to methods other than those it takes.
pub(super) fn only(allow: &'static str) -> Route {
    web::to(move || async move { Err::<(), _>(AppError::MethodNotAllowed { allow }) })
}
