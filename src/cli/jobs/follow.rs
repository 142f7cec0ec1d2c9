//! `verbatim jobs follow`.

use std::ops::ControlFlow;

use actors::domain::jobs::job::Status;
use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::progress::{Meter, ProgressMode, show};
use crate::cli::stdout;
use crate::client::{JobSeen, News, Server, follow_job};

pub(super) async fn run(server: &Server, id: Uuid, mode: ProgressMode, form: Form) -> Result<(), Failure> {
    if form.is_json() {
        return print_events(server, id).await;
    }
    let job: JobSeen = server.get(&format!("/jobs/{id}")).await?;
    let meter = Meter::new(mode);
    meter.show_text();
    meter.begin(job.audio.filename.as_deref().unwrap_or("recording"), None);
    let mut on_news = |news: News<'_>| {
        show(news, &meter);
        ControlFlow::Continue(())
    };
    let ended = follow_job(server, &id.to_string(), &mut on_news).await;
    let ended = ended.inspect_err(|_| meter.clear())?;
    let text = match ended {
        Some(job) if job.status == Status::Completed => {
            server.text(&format!("/jobs/{id}/transcript?format=text")).await
        }
        Some(job) => {
            meter.failed();
            return Err(Failure::Server(job.sentence()));
        }
        // `on_news` never breaks off.
        None => Ok(String::new()),
    };
    let text = text.inspect_err(|_| meter.failed())?;
    meter.done(&text);
    meter.clear();
    if meter.shows_text() { Ok(()) } else { stdout::print(&format!("{text}\n")) }
}

/// Each event's data in a line of its own.
async fn print_events(server: &Server, id: Uuid) -> Result<(), Failure> {
    let mut printed = Ok(());
    let mut on_news = |news: News<'_>| match news {
        News::Event { data, .. } => {
            printed = stdout::print(&format!("{data}\n"));
            if printed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }
        News::Length { .. } | News::Lost => ControlFlow::Continue(()),
    };
    let ended = follow_job(server, &id.to_string(), &mut on_news).await;
    printed?;
    match ended? {
        Some(job) if job.status != Status::Completed => Err(Failure::Server(job.sentence())),
        Some(_) | None => Ok(()),
    }
}
