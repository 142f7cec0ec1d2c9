//! Places where a test makes the program fail: debug builds have them, release builds do not.
//!
//! `FAILPOINT="checkpoint.before=panic"` in the environment makes the first step that reaches that place fail, once:
//! `error` returns [`Injected`], `panic` panics, `abort` ends the process.

use thiserror::Error;

/// The error of a place that a test makes fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("failpoint triggered")]
pub struct Injected;

/// A place beside a step: `before` or `after` it.
#[cfg(debug_assertions)]
pub fn hit(step: &str, place: &str) -> Result<(), Injected> {
    armed::take(step, place).map_or(Ok(()), armed::perform)
}

#[cfg(not(debug_assertions))]
#[inline]
pub fn hit(_: &str, _: &str) -> Result<(), Injected> {
    Ok(())
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    use crate::failpoint::Injected;

    #[derive(Clone, Copy)]
    pub enum Action {
        Error,
        Panic,
        Abort,
    }

    struct Failpoint {
        place: String,
        action: Action,
        is_done: AtomicBool,
    }

    /// Read at the first place that is reached.
    static FAILPOINT: LazyLock<Option<Failpoint>> = LazyLock::new(|| {
        let text = std::env::var("FAILPOINT").ok()?;
        let (place, action) = text.split_once('=')?;
        let action = match action {
            "error" => Action::Error,
            "panic" => Action::Panic,
            "abort" => Action::Abort,
            _ => return None,
        };
        Some(Failpoint { place: place.to_owned(), action, is_done: AtomicBool::new(false) })
    });

    /// The action for this place, the first time that it is reached.
    pub fn take(step: &str, place: &str) -> Option<Action> {
        let failpoint = FAILPOINT.as_ref()?;
        let is_here = failpoint.place.split_once('.') == Some((step, place));
        (is_here && !failpoint.is_done.swap(true, Ordering::SeqCst)).then_some(failpoint.action)
    }

    #[expect(clippy::panic, reason = "a test asks for it")]
    pub fn perform(action: Action) -> Result<(), Injected> {
        match action {
            Action::Error => Err(Injected),
            Action::Panic => panic!("failpoint triggered"),
            Action::Abort => std::process::abort(),
        }
    }
}
