//! `verbatim jobs list`.

use actors::domain::jobs::job::Status;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::progress::span;
use crate::cli::stdout;
use crate::cli::table::table;
use crate::cli::words::time;
use crate::client::{JobSeen, Server};

/// The most that the service gives at once.
const PAGE: usize = 100;

/// As the service sends it; each job is kept to the letter.
#[derive(Debug, Deserialize, Serialize)]
struct Page {
    jobs: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

pub(super) async fn run(
    server: &Server,
    status: Option<Status>,
    limit: usize,
    form: Form,
) -> Result<(), Failure> {
    let found = fetch(server, status, limit).await?;
    if form.is_json() {
        let text = serde_json::to_string(&found).unwrap_or_default();
        return stdout::print(&format!("{text}\n"));
    }
    let jobs: Result<Vec<JobSeen>, _> = found.jobs.iter().map(|job| server.read(job.get())).collect();
    stdout::print(&table(&["ID", "STATUS", "CREATED", "LENGTH", "PROGRESS", "FILE"], &rows(&jobs?)))
}

async fn fetch(server: &Server, status: Option<Status>, limit: usize) -> Result<Page, Failure> {
    let mut found = Page { jobs: Vec::new(), next_cursor: None };
    loop {
        let left = limit - found.jobs.len();
        let mut path = format!("/jobs?limit={}", left.clamp(1, PAGE));
        path.extend(status.map(|status| format!("&status={status}")));
        path.extend(found.next_cursor.take().map(|cursor| format!("&cursor={cursor}")));
        let page: Page = server.get(&path).await?;
        found.jobs.extend(page.jobs.into_iter().take(left));
        found.next_cursor = page.next_cursor;
        if found.jobs.len() >= limit || found.next_cursor.is_none() {
            return Ok(found);
        }
    }
}

fn rows(jobs: &[JobSeen]) -> Vec<Vec<String>> {
    let row = |job: &JobSeen| {
        let running = job.progress.filter(|_| job.status == Status::Running);
        let progress = running.map(|progress| {
            format!("{}/{}, {} %", progress.chunk, progress.chunks_total, progress.percent.floor())
        });
        let length = job.audio.duration_secs.map(span).unwrap_or_default();
        let file = job.audio.filename.clone().unwrap_or_default();
        vec![
            job.id.clone(),
            job.status.to_string(),
            time(&job.created_at),
            length,
            progress.unwrap_or_default(),
            file,
        ]
    };
    jobs.iter().map(row).collect()
}
