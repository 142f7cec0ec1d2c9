//! Why a queued job waits.

use actors::model::ModelStatus;

use super::model_view::{FailureView, failure};
use crate::error::AppError;

/// The error of the model that a job waits for: it could not be loaded, or there is not enough memory for it. `status` is as
/// [`ModelStatus::of`] shows it for that model.
pub(in crate::http) fn waiting_for(status: &ModelStatus) -> Option<FailureView> {
    if let Some(known) = status.failure() {
        return Some(failure(known));
    }
    let shortage = status.shortage()?;
    let (needed_bytes, free_bytes) = (shortage.needed_bytes, shortage.free_bytes);
    let error = AppError::OutOfMemory { needed_bytes, free_bytes, retry_after: 0 };
    Some(FailureView { code: error.code().name.to_owned(), message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use actors::domain::model::lifecycle::{Failure, Phase, Shortage, Trying};
    use actors::domain::model::models::ModelNo;
    use actors::domain::model::stay::Stay;

    use super::*;

    fn status(phase: Phase) -> ModelStatus {
        ModelStatus {
            model: ModelNo::default(),
            phase,
            since: Instant::now(),
            models: vec![],
            wanted_next: None,
            is_promised: false,
            idle_timeout: Stay::Forever,
            unloads_at: None,
            unloads: 0,
            residual_bytes: 0,
        }
    }

    #[test]
    fn a_failure_and_a_shortage_are_reasons_and_a_load_is_none() {
        let failure = Failure { code: "model_corrupt", message: "it is cut short".into() };
        let reason = waiting_for(&status(Phase::Failed(failure))).unwrap();
        assert_eq!((reason.code.as_str(), reason.message.as_str()), ("model_corrupt", "it is cut short"));
        let (last_try, next_retry_at) = (Instant::now(), Instant::now());
        let shortage = Shortage {
            needed_bytes: 9,
            free_bytes: 5,
            attempts: 1,
            last_try,
            next_retry_at,
            now: Trying::No,
        };
        let reason = waiting_for(&status(Phase::Waiting(shortage))).unwrap();
        assert_eq!(reason.code, "out_of_memory");
        assert!(reason.message.contains("9 bytes needed, 5 free"), "{}", reason.message);
        assert_eq!(waiting_for(&status(Phase::Loading)), None);
    }
}
