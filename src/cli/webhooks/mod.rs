//! `verbatim webhooks`: the webhook subscribers of a running service.

mod trial;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::connection::{Connection, ServerArgs};
use super::failure::Failure;
use super::form::Form;
use super::stdout;
use super::table::table;
use super::words::time;
use crate::client::Server;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    verbatim webhooks add https://example.com/hook --new-secret\n  \
    verbatim webhooks test 01a20b79-6275-743b-a1b8-81c109f2b0e3")]
pub(super) struct WebhooksArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: WebhooksCommand,
}

#[derive(Debug, Subcommand)]
enum WebhooksCommand {
    /// List subscribers
    List,
    /// Add a subscriber to messages that the model became ready or was unloaded
    Add {
        /// Where messages are sent
        url: String,
        /// Have the service make a secret for this subscriber, and print it this once
        #[arg(long)]
        new_secret: bool,
    },
    /// Remove a subscriber; pending messages are dropped
    Rm { id: Uuid },
    /// Send a test message to a subscriber and wait for its answer
    Test { id: Uuid },
}

#[derive(Debug, Deserialize)]
struct Subscribers {
    webhooks: Vec<Subscriber>,
}

#[derive(Debug, Deserialize)]
struct Subscriber {
    id: Uuid,
    url: String,
    state: String,
    created_at: String,
    failing_since: Option<String>,
    secret: Option<String>,
}

pub(super) fn run(args: &WebhooksArgs) -> Result<(), Failure> {
    let connection = Connection::new(&args.server)?;
    let (server, form) = (&connection.server, Form::from(args.server.json));
    connection.run(async {
        match &args.command {
            WebhooksCommand::List => list(server, form).await,
            WebhooksCommand::Add { url, new_secret } => add(server, url, *new_secret, form).await,
            WebhooksCommand::Rm { id } => {
                server.delete(&format!("/webhooks/{id}")).await?;
                let json_line = format!("{{\"removed\":\"{id}\"}}\n");
                stdout::print(&if form.is_json() { json_line } else { format!("removed {id}\n") })
            }
            WebhooksCommand::Test { id } => trial::run(server, *id, form).await,
        }
    })
}

async fn list(server: &Server, form: Form) -> Result<(), Failure> {
    let text = server.text("/webhooks").await?;
    if form.is_json() {
        return stdout::print(&format!("{text}\n"));
    }
    let rows = server.read::<Subscribers>(&text)?.webhooks.into_iter().map(|one| {
        let failing = one.failing_since.as_deref().map(time).unwrap_or_default();
        vec![one.id.to_string(), one.state, time(&one.created_at), failing, one.url]
    });
    stdout::print(&table(&["ID", "STATE", "CREATED", "FAILING SINCE", "URL"], &rows.collect::<Vec<_>>()))
}

async fn add(server: &Server, url: &str, new_secret: bool, form: Form) -> Result<(), Failure> {
    let mut text = server.post("/webhooks", Some(json!({ "url": url }).to_string())).await?;
    let mut added: Subscriber = server.read(&text)?;
    if new_secret {
        text = server.post(&format!("/webhooks/{}/secret", added.id), None).await?;
        added = server.read(&text)?;
    }
    if form.is_json() {
        return stdout::print(&format!("{text}\n"));
    }
    let secret = added.secret.map(|secret| format!("secret {secret}\n")).unwrap_or_default();
    stdout::print(&format!("added {} {}\n{secret}", added.id, added.url))
}
