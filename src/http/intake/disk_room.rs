//! Whether an upload fits on the disk.

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_LENGTH;

use crate::error::AppError;
use crate::http::service::Service;

/// Disk space that uploads leave to the work on what was taken in before.
pub(super) const RESERVE_BYTES: u64 = 64 << 20;

/// Whether there is room on the disk for what is sent.
pub(in crate::http) fn check_room(service: &Service, request: &HttpRequest) -> Result<(), AppError> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    check_length(service, length)
}

/// Whether there is room on the disk for a recording of that length, if it is known.
pub fn check_length(service: &Service, length: Option<u64>) -> Result<(), AppError> {
    match service.blobs.has_room(RESERVE_BYTES.saturating_add(length.unwrap_or(0))) {
        true => Ok(()),
        false => Err(AppError::DiskFull),
    }
}
