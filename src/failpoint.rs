//! Places where a test lets the program fail. Without the feature `failpoints` nothing happens at them.
//!
//! `FAILPOINTS="checkpoint.before=1*panic"` in the environment says what happens where, in the words of the crate
//! `fail`: `panic`, `return` for an error, `return(abort)` for the end of the process.

use thiserror::Error;

/// The error of a place that was told to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("failpoint triggered")]
pub struct Injected;

/// Reads the environment, for the life of the process.
pub fn arm() {
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}

/// A place beside a step: `before` or `after` it.
#[cfg(feature = "failpoints")]
pub fn hit(step: &str, place: &str) -> Result<(), Injected> {
    match fail::eval(&format!("{step}.{place}"), |word| word) {
        None => Ok(()),
        Some(Some(word)) if word == "abort" => std::process::abort(),
        Some(_) => Err(Injected),
    }
}

#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn hit(_: &str, _: &str) -> Result<(), Injected> {
    Ok(())
}
