//! Work that continues when its client disconnects.

use tracing::Instrument;

use crate::error::AppError;

/// A client that goes away now does not stop half of it: a job is taken in, or goes, with its recording.
pub(super) async fn detached<T: 'static>(
    work: impl Future<Output = Result<T, AppError>> + 'static,
) -> Result<T, AppError> {
    actix_web::rt::spawn(work.in_current_span()).await.map_err(AppError::internal)?
}
