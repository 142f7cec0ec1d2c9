//! `verbatim jobs`: the jobs of a running service.

mod end;
mod failures;
mod follow;
mod list;
mod retry;
mod show;

use actors::domain::jobs::job::Status;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::connection::{Connection, ServerArgs};
use super::failure::Failure;
use super::form::Form;
use super::progress::ProgressMode;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    verbatim jobs list --status queued\n  \
    verbatim jobs follow 01a20b79-7f99-7147-87d8-4e719ab2efd0\n  \
    verbatim jobs list --status failed --json | jq -r '.jobs[].id' | xargs verbatim jobs rm")]
pub(super) struct JobsArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: JobsCommand,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// List jobs, newest first
    List {
        /// Only jobs with this status
        #[arg(long, value_parser = status_parser())]
        status: Option<Status>,
        /// How many jobs, at most
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// Only jobs with all these words in file name, metadata or transcript
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Show a job with its transcript
    Show { id: Uuid },
    /// Cancel jobs that have not ended; what was transcribed so far stays readable
    Cancel {
        #[arg(required = true, value_name = "ID")]
        ids: Vec<Uuid>,
    },
    /// Show a job's text as it is transcribed, until the job ends
    Follow {
        id: Uuid,
        /// How progress is shown on stderr
        #[arg(long, value_enum, default_value_t, value_name = "HOW")]
        progress: ProgressMode,
    },
    /// Transcribe the recordings of jobs that have ended once more, with the same options
    Retry {
        #[arg(required = true, value_name = "ID")]
        ids: Vec<Uuid>,
    },
    /// Remove jobs that have ended, with their recordings
    Rm {
        #[arg(required = true, value_name = "ID")]
        ids: Vec<Uuid>,
        /// Cancel and remove jobs that have not ended
        #[arg(short, long)]
        force: bool,
    },
}

pub(super) fn run(args: &JobsArgs) -> Result<(), Failure> {
    let connection = Connection::new(&args.server)?;
    let (server, form) = (&connection.server, Form::from(args.server.json));
    connection.run(async {
        match &args.command {
            JobsCommand::List { status, limit, search } => {
                list::run(
                    server,
                    &list::Query { status: *status, limit: *limit, search: search.clone() },
                    form,
                )
                .await
            }
            JobsCommand::Show { id } => show::run(server, *id, form).await,
            JobsCommand::Cancel { ids } => end::cancel(server, ids, form).await,
            JobsCommand::Follow { id, progress } => follow::run(server, *id, *progress, form).await,
            JobsCommand::Retry { ids } => retry::run(server, ids, form).await,
            JobsCommand::Rm { ids, force } => {
                let unfinished = if *force { end::Unfinished::Cancel } else { end::Unfinished::Refuse };
                end::remove(server, ids, unfinished, form).await
            }
        }
    })
}

fn status_parser() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.map(Status::name))
        .try_map(|name| Status::from_name(&name).ok_or_else(|| format!("{name} is not a status")))
}
