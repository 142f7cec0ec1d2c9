//! `verbatim jobs show`.

use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::progress::span;
use crate::cli::stdout;
use crate::cli::table::list;
use crate::cli::words::{size, time};
use crate::client::{ErrorSeen, JobSeen, Server};

pub(super) async fn run(server: &Server, id: Uuid, form: Form) -> Result<(), Failure> {
    let text = server.text(&format!("/jobs/{id}")).await?;
    if form.is_json() {
        return stdout::print(&format!("{text}\n"));
    }
    stdout::print(&describe(&server.read(&text)?))
}

/// The facts, then after an empty line the text.
fn describe(job: &JobSeen) -> String {
    let at = |moment: &Option<String>| moment.as_deref().map(time).unwrap_or_default();
    let language = job.result.as_ref().and_then(|result| result.language.clone());
    let facts = list(&[
        ("id", job.id.clone()),
        ("status", job.status.to_string()),
        ("file", file(job)),
        ("length", job.audio.duration_secs.map(span).unwrap_or_default()),
        ("model", job.options.model.clone().unwrap_or_default()),
        ("language", language.or(job.options.language.clone()).unwrap_or_default()),
        ("task", job.options.task.clone()),
        ("priority", job.options.priority.clone()),
        ("created", time(&job.created_at)),
        ("started", at(&job.started_at)),
        ("finished", at(&job.finished_at)),
        ("progress", progress(job)),
        ("queue", place(job)),
        ("waiting", job.waiting_for.as_ref().map(ErrorSeen::sentence).unwrap_or_default()),
        ("error", job.error.as_ref().map(ErrorSeen::sentence).unwrap_or_default()),
    ]);
    let warnings: String = job.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    let text = job.result.as_ref().map(|result| result.text.as_str()).filter(|text| !text.is_empty());
    let text = text.map(|text| format!("\n{text}\n")).unwrap_or_default();
    facts + &warnings + &text
}

fn file(job: &JobSeen) -> String {
    let size = size(job.audio.bytes);
    match &job.audio.filename {
        Some(name) => format!("{name}, {size}"),
        None => size,
    }
}

fn progress(job: &JobSeen) -> String {
    let Some(progress) = job.progress else { return String::new() };
    let done = format!("chunk {}/{}, {} %", progress.chunk, progress.chunks_total, progress.percent.floor());
    match progress.eta_secs.filter(|_| !job.status.has_ended()) {
        Some(secs) => format!("{done}, ETA {}", span(secs)),
        None => done,
    }
}

fn place(job: &JobSeen) -> String {
    let Some(place) = job.queue else { return String::new() };
    match place.eta_secs {
        Some(secs) => format!("position {}, starts in {}", place.position, span(secs)),
        None => format!("position {}", place.position),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_described_by_what_is_known_of_it() {
        let job = serde_json::json!({
            "id": "j1", "status": "queued", "created_at": "2026-11-23T14:00:02.7Z", "error": null,
            "audio": {"filename": "a.wav", "bytes": 2048, "sha256": "", "duration_secs": 61.3},
            "options": {"task": "transcribe", "language": "de", "priority": "batch", "model": null},
            "queue": {"position": 2, "eta_secs": 90.5}, "progress": null, "result": null,
            "waiting_for": {"code": "model_not_found", "message": "there is no model file"},
        });
        let text = describe(&serde_json::from_value(job).unwrap());
        let expected = "id        j1\nstatus    queued\nfile      a.wav, 2.00 KiB\nlength    1 min 2 s\n\
            language  de\ntask      transcribe\npriority  batch\ncreated   2026-11-23 14:00:02Z\n\
            queue     position 2, starts in 1 min 31 s\nwaiting   there is no model file (model_not_found)\n";
        assert_eq!(text, expected);
    }
}
