//! The limits of a panic. A panic is a bug; this keeps its effect small.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use serde::Serialize;
use thiserror::Error;
use tracing::error;

/// A step ended by a panic, of which the log has the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a bug ended it; the log has the panic")]
pub(crate) struct Panicked;

/// Runs a step of an actor; a panic costs that step alone, and the log names the actor.
pub(crate) async fn caught<T>(actor: &'static str, step: impl Future<Output = T>) -> Result<T, Panicked> {
    // An unfinished step has its state in the store, where a change that is not committed has no effect.
    AssertUnwindSafe(step).catch_unwind().await.map_err(|_| {
        error!(actor, "a step of an actor ended by a panic");
        Panicked
    })
}

/// Called with the name of an actor that ended, and its last state as JSON. All state that matters is on disk, and a fresh
/// process takes it up.
pub type OnActorStop = fn(name: &'static str, state: &str);

/// Reports that a panic ends an actor, with its last state. Called when the actor is dropped; without a panic it does
/// nothing. `state` must only read: a second panic would abort the process.
pub(crate) fn report_panic<S: Serialize>(
    actor: &'static str,
    on_actor_stop: OnActorStop,
    state: impl FnOnce() -> S,
) {
    if std::thread::panicking() {
        on_actor_stop(actor, &as_json(&state()));
    }
}

pub(crate) fn as_json(state: &impl Serialize) -> String {
    serde_json::to_string(state).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Fragile(u32);

    impl Drop for Fragile {
        fn drop(&mut self) {
            report_panic(
                "fragile",
                |name, state| REPORTS.lock().unwrap().push(format!("{name} {state}")),
                || self.0,
            );
        }
    }

    static REPORTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

    #[test]
    fn only_a_panic_is_reported_with_name_and_last_state() {
        drop(Fragile(1));
        assert!(REPORTS.lock().unwrap().is_empty());
        let panicked = std::panic::catch_unwind(|| {
            let _held = Fragile(2);
            panic!("a bug");
        });
        assert!(panicked.is_err());
        assert_eq!(*REPORTS.lock().unwrap(), ["fragile 2"]);
    }

    #[actix::test]
    async fn a_panic_costs_its_step_alone() {
        assert_eq!(caught("test", async { 1 }).await, Ok(1));
        assert_eq!(caught("test", async { panic!("a bug") }).await, Err::<(), _>(Panicked));
    }
}
