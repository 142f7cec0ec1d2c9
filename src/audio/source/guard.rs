//! Keeps a panic inside a decoder from ending more than the recording that caused it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use actors::ports::AudioError;

/// Runs `work` on foreign data. A panic in it becomes [`AudioError::Corrupt`]; what `work` changed is
/// not to be used afterwards.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, AudioError>) -> Result<T, AudioError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!("a decoder panicked");
        Err(AudioError::Corrupt("the recording is corrupt: decoding it had to be given up".into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let done: Result<(), _> = guarded(|| panic!("as a decoder would"));
        assert!(matches!(done, Err(AudioError::Corrupt(_))));
    }
}
