//! `verbatim jobs list`.

use actors::domain::jobs::job::Status;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::form_urlencoded;

use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::progress::span;
use crate::cli::stdout;
use crate::cli::table::table;
use crate::cli::words::time;
use crate::client::{JobSeen, Server};

/// The most that the service gives at once.
const PAGE: usize = 100;
const PATH: &str = "/jobs?";

/// As the service sends it; each job is kept to the letter.
#[derive(Debug, Deserialize, Serialize)]
struct Page {
    jobs: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

/// Which jobs are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) status: Option<Status>,
    pub(super) search: Option<String>,
    pub(super) limit: usize,
}

impl Query {
    /// The path of a page of at most `limit` jobs after a cursor.
    fn path(&self, limit: usize, cursor: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix(PATH.to_owned(), PATH.len());
        query.append_pair("limit", &limit.to_string());
        if let Some(status) = self.status {
            query.append_pair("status", status.name());
        }
        if let Some(text) = &self.search {
            query.append_pair("q", text);
        }
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        query.finish()
    }
}

pub(super) async fn run(server: &Server, query: &Query, form: Form) -> Result<(), Failure> {
    let found = fetch(server, query).await?;
    if form.is_json() {
        let text = serde_json::to_string(&found).unwrap_or_default();
        return stdout::print(&format!("{text}\n"));
    }
    let jobs: Result<Vec<JobSeen>, _> = found.jobs.iter().map(|job| server.read(job.get())).collect();
    stdout::print(&table(&["ID", "STATUS", "CREATED", "LENGTH", "PROGRESS", "FILE"], &rows(&jobs?)))
}

async fn fetch(server: &Server, query: &Query) -> Result<Page, Failure> {
    let mut found = Page { jobs: Vec::new(), next_cursor: None };
    loop {
        let left = query.limit - found.jobs.len();
        let path = query.path(left.clamp(1, PAGE), found.next_cursor.as_deref());
        let page: Page = server.get(&path).await?;
        found.jobs.extend(page.jobs.into_iter().take(left));
        found.next_cursor = page.next_cursor;
        if found.jobs.len() >= query.limit || found.next_cursor.is_none() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_asked_for_with_all_that_is_wanted() {
        let query = Query { status: Some(Status::Failed), search: Some("größe & more".into()), limit: 20 };
        let path = query.path(20, Some("j9"));
        assert_eq!(path, "/jobs?limit=20&status=failed&q=gr%C3%B6%C3%9Fe+%26+more&cursor=j9");
    }
}
