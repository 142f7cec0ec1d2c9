//! `verbatim webhooks test`.

use std::time::Duration;

use actix_rt::time::{sleep, timeout};
use serde::Deserialize;
use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::stdout;
use crate::client::Server;

/// A test is tried once at once; the setting for a try's time limit is at most this.
const LIMIT: Duration = Duration::from_secs(310);
const POLL: Duration = Duration::from_millis(200);

#[derive(Debug, Deserialize)]
struct Deliveries {
    deliveries: Vec<Delivery>,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    id: String,
    state: String,
    attempts: Vec<Attempt>,
}

#[derive(Debug, Deserialize)]
struct Attempt {
    status: Option<u16>,
    ms: u64,
    error: Option<String>,
}

/// # Errors
/// The subscriber did not take the first try.
pub(super) async fn run(server: &Server, id: Uuid, form: Form) -> Result<(), Failure> {
    let sent: Delivery = server.read(&server.post(&format!("/webhooks/{id}/test"), None).await?)?;
    let tried = timeout(LIMIT, first_try(server, id, &sent.id)).await;
    let (text, delivery) =
        tried.map_err(|_| Failure::Server(format!("the message {} was not sent", sent.id)))??;
    if form.is_json() {
        stdout::print(&format!("{text}\n"))?;
    }
    // There is one: it was waited for.
    let Some(attempt) = delivery.attempts.last() else { return Ok(()) };
    if delivery.state != "delivered" {
        let reason = attempt.error.as_deref().unwrap_or("no answer");
        return Err(Failure::Server(format!("the test message was not delivered: {reason}")));
    }
    let status = attempt.status.unwrap_or_default();
    if form.is_json() {
        Ok(())
    } else {
        stdout::print(&format!("delivered: status {status} in {} ms\n", attempt.ms))
    }
}

/// The message once it has been tried, as the service shows it.
async fn first_try(server: &Server, id: Uuid, message: &str) -> Result<(String, Delivery), Failure> {
    loop {
        let text = server.text(&format!("/webhooks/{id}/deliveries?limit=50")).await?;
        let found = server.read::<Deliveries>(&text)?.deliveries.into_iter().find(|one| one.id == message);
        match found {
            Some(delivery) if !delivery.attempts.is_empty() => return Ok((of(&text, message), delivery)),
            Some(_) | None => sleep(POLL).await,
        }
    }
}

/// The one message of the page.
fn of(page: &str, message: &str) -> String {
    let page: serde_json::Value = serde_json::from_str(page).unwrap_or_default();
    let all = page["deliveries"].as_array().into_iter().flatten();
    all.filter(|one| one["id"] == message).map(ToString::to_string).collect()
}
