//! `verbatim model`: the model of a running service.

mod change;
mod status;
mod view;
mod watch;

use clap::{Args, Subcommand};

use super::connection::{Connection, ServerArgs};
use super::failure::Failure;
use super::form::Form;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    verbatim model load large --keep-alive 3600\n  \
    verbatim model unload --hold-secs 600   # free the GPU for ten minutes\n  \
    verbatim model watch --json")]
pub(super) struct ModelArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// Show the state of the model, its memory and why it waits
    Status,
    /// Load the model and wait until it is ready
    Load {
        /// One of several models [default: the default one]
        name: Option<String>,
        /// Seconds that the model stays without work; -1: it stays
        #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
        keep_alive: Option<i64>,
        /// Don't wait
        #[arg(long)]
        no_wait: bool,
    },
    /// Unload the model and wait until its memory is free
    Unload {
        /// Seconds that queued jobs leave the model alone [default: as the settings say]
        #[arg(long, value_name = "SECONDS")]
        hold_secs: Option<u64>,
        /// Don't wait
        #[arg(long)]
        no_wait: bool,
    },
    /// Print what happens to the model, until it is interrupted
    Watch,
}

pub(super) fn run(args: &ModelArgs) -> Result<(), Failure> {
    let connection = Connection::new(&args.server)?;
    let (server, form) = (&connection.server, Form::from(args.server.json));
    connection.run(async {
        match &args.command {
            ModelCommand::Status => status::run(server, form).await,
            ModelCommand::Load { name, keep_alive, no_wait } => {
                let mut query: String = name.iter().map(|name| query_part("model", name)).collect();
                query.extend(keep_alive.iter().map(|secs| query_part("keep_alive", &secs.to_string())));
                change::load(server, &query, name.as_deref(), waiting(*no_wait), form).await
            }
            ModelCommand::Unload { hold_secs, no_wait } => {
                let query: String =
                    hold_secs.iter().map(|secs| query_part("hold_secs", &secs.to_string())).collect();
                change::unload(server, &query, waiting(*no_wait), form).await
            }
            ModelCommand::Watch => watch::run(server, form).await,
        }
    })
}

fn waiting(no_wait: bool) -> change::Wait {
    if no_wait { change::Wait::No } else { change::Wait::Yes }
}

fn query_part(name: &str, value: &str) -> String {
    let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    format!("&{name}={value}")
}
