//! `verbatim model status`.

use super::view::{StatusSeen, Waiting};
use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::progress::span;
use crate::cli::stdout;
use crate::cli::table::{list, table};
use crate::cli::words::{size, time};
use crate::client::{ErrorSeen, Server};

pub(super) async fn run(server: &Server, form: Form) -> Result<(), Failure> {
    print(server, &server.text("/model/status").await?, form)
}

pub(super) fn print(server: &Server, status: &str, form: Form) -> Result<(), Failure> {
    if form.is_json() {
        return stdout::print(&format!("{status}\n"));
    }
    stdout::print(&describe(&server.read(status)?))
}

fn describe(status: &StatusSeen) -> String {
    let model = status.model.as_ref().map(|model| match model.bytes {
        Some(bytes) => format!("{} ({}, {})", model.id, model.path, size(bytes)),
        None => format!("{} ({})", model.id, model.path),
    });
    let memory = &status.memory;
    let facts = list(&[
        ("state", format!("{}, since {}", status.state, time(&status.since))),
        ("model", model.unwrap_or_default()),
        ("device", status.device.as_ref().map(|d| format!("{}, {}", d.backend, d.name)).unwrap_or_default()),
        (
            "memory",
            format!(
                "{} used by the model, {} of {} free",
                size(memory.used_by_model_bytes),
                size(memory.free_bytes),
                size(memory.total_bytes)
            ),
        ),
        ("idle", idle(status)),
        ("waiting", status.waiting.as_ref().map(waiting).unwrap_or_default()),
        ("held until", status.held_until.as_deref().map(time).unwrap_or_default()),
        ("error", status.error.as_ref().map(ErrorSeen::sentence).unwrap_or_default()),
    ]);
    if status.models.len() < 2 {
        return facts;
    }
    let rows = status.models.iter().map(|known| {
        let error = known.error.as_ref().map(ErrorSeen::sentence).unwrap_or_default();
        let default = if known.default { "default" } else { "" };
        vec![known.id.clone(), known.state.clone(), default.to_owned(), known.path.clone(), error]
    });
    let models = table(&["NAME", "STATE", "", "PATH", "ERROR"], &rows.collect::<Vec<_>>());
    format!("{facts}\n{models}")
}

fn idle(status: &StatusSeen) -> String {
    let idle = status.idle.for_secs.map(|secs| format!("for {}", span(secs)));
    let unloads = status.idle.unloads_at.as_deref().map(|at| format!("unloads at {}", time(at)));
    idle.into_iter().chain(unloads).collect::<Vec<_>>().join(", ")
}

/// Why a model that does not fit is not there.
pub(super) fn waiting(waiting: &Waiting) -> String {
    format!(
        "for {} of memory, {} are free; attempt {}, next at {}",
        size(waiting.needed_bytes),
        size(waiting.free_bytes),
        waiting.attempts,
        time(&waiting.next_retry_at)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_waits_says_what_for() {
        let model =
            serde_json::json!({"id": "large", "path": "m/large.bin", "bytes": 1024, "multilingual": true});
        let status = serde_json::json!({
            "state": "waiting_for_gpu", "model": model, "models": [], "device": null,
            "memory": {"total_bytes": 4096, "free_bytes": 1024, "used_by_model_bytes": 0, "residual_bytes": 0},
            "idle": {"timeout_secs": 300, "for_secs": null, "unloads_at": null},
            "waiting": {"needed_bytes": 2048, "free_bytes": 1024, "attempts": 3, "next_retry_at": "2026-11-23T14:00:30Z"},
            "error": null, "since": "2026-11-23T14:00:02.7Z", "held_until": null,
        });
        let expected = "state    waiting_for_gpu, since 2026-11-23 14:00:02Z\n\
            model    large (m/large.bin, 1.00 KiB)\n\
            memory   0 B used by the model, 1.00 KiB of 4.00 KiB free\n\
            waiting  for 2.00 KiB of memory, 1.00 KiB are free; attempt 3, next at 2026-11-23 14:00:30Z\n";
        assert_eq!(describe(&serde_json::from_value(status).unwrap()), expected);
    }
}
