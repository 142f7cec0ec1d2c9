//! `verbatim model load` and `verbatim model unload`.

use std::time::Duration;

use actix_rt::time::sleep;

use super::status;
use super::view::StatusSeen;
use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::stderr;
use crate::client::{ErrorSeen, Server};

const POLL: Duration = Duration::from_millis(250);
/// While models are changed, no model is loaded for a moment; if that takes longer, the load was cancelled.
const UNLOADED_POLLS: u32 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Yes,
    No,
}

/// # Errors
/// The model cannot be loaded, or the load was given up.
pub(super) async fn load(
    server: &Server,
    query: &str,
    name: Option<&str>,
    wait: Wait,
    form: Form,
) -> Result<(), Failure> {
    let mut text = server.post(&with_query("/model/load", query), None).await?;
    if wait == Wait::Yes {
        text = until_ready(server, text, name).await?;
    }
    status::print(server, &text, form)
}

/// Follows the status from `text` on, and gives it as it is then.
async fn until_ready(server: &Server, mut text: String, name: Option<&str>) -> Result<String, Failure> {
    let (mut reason, mut unloaded) = (String::new(), 0);
    loop {
        let seen: StatusSeen = server.read(&text)?;
        let known = seen.known(name);
        match known.map_or(seen.state.as_str(), |known| known.state.as_str()) {
            "ready" => return Ok(text),
            "failed" => {
                let error = known.and_then(|known| known.error.as_ref()).or(seen.error.as_ref());
                return Err(Failure::Server(error.map_or("the model failed".into(), ErrorSeen::sentence)));
            }
            // Another model may have to go first.
            "unloaded" if seen.state == "unloaded" => unloaded += 1,
            _ => unloaded = 0,
        }
        if unloaded > UNLOADED_POLLS {
            return Err(Failure::Server("the load was given up: the model was unloaded meanwhile".into()));
        }
        let waiting = seen.waiting.as_ref().map(|waiting| format!("waiting {}", status::waiting(waiting)));
        print_once(&mut reason, waiting);
        sleep(POLL).await;
        text = server.text("/model/status").await?;
    }
}

pub(super) async fn unload(server: &Server, query: &str, wait: Wait, form: Form) -> Result<(), Failure> {
    let mut text = server.post(&with_query("/model/unload", query), None).await?;
    let mut reason = String::new();
    if wait == Wait::Yes {
        while server.read::<StatusSeen>(&text)?.state == "unloading" {
            print_once(&mut reason, Some("waiting for the running batch of chunks".to_owned()));
            sleep(POLL).await;
            text = server.text("/model/status").await?;
        }
    }
    status::print(server, &text, form)
}

fn with_query(path: &str, query: &str) -> String {
    match query.strip_prefix('&') {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

/// On stderr, when it is something new.
fn print_once(last: &mut String, reason: Option<String>) {
    if let Some(reason) = reason.filter(|reason| reason != last) {
        stderr::print_line(&reason);
        *last = reason;
    }
}
